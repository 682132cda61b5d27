//! Subprotocols of which every message is a text that holds one JSON value (RFC 8259).

use serde::de::{Deserialize, IgnoredAny};
use serde_json::Deserializer;
use serde_json::error::{Category, Error};

use crate::websocket::frame::Opcode;
use crate::websocket::subprotocol::{Misfit, Reason};

/// Judges a message of which `unseen` bytes follow `content`.
///
/// How deep values are nested, and how large numbers are, is not limited. What is not UTF-8 within
/// strings is skipped: that of a text is validated elsewhere.
pub(super) fn judge(opcode: Opcode, content: &[u8], unseen: u64) -> Option<Misfit> {
    if opcode == Opcode::Binary {
        return Some(Misfit::at(0, Reason::BinaryMessage));
    }
    if unseen > 0 {
        return None;
    }
    let mut value = Deserializer::from_slice(content);
    if let Err(error) = IgnoredAny::deserialize(&mut value) {
        return Some(match error.classify() {
            Category::Eof => Misfit::at(content.len(), Reason::JsonEnd),
            Category::Syntax | Category::Data | Category::Io => {
                Misfit::at(offset(content, &error), Reason::JsonSyntax)
            }
        });
    }
    value.end().err().map(|error| Misfit::at(offset(content, &error), Reason::JsonMore))
}

/// Whether bytes are one JSON value, perhaps between blanks. What is not UTF-8 within strings is skipped.
pub fn is_json_value(bytes: &[u8]) -> bool {
    judge(Opcode::Text, bytes, 0).is_none()
}

/// Where the error is, in bytes; it gives its line, and its column in bytes, both from 1.
fn offset(content: &[u8], error: &Error) -> usize {
    let earlier = error.line().saturating_sub(1);
    let lines = content.split_inclusive(|byte| *byte == b'\n').take(earlier);
    let start: usize = lines.map(<[u8]>::len).sum();
    // Control characters within strings are reported one byte too early: where parsing stopped.
    let behind = usize::from(!error.to_string().starts_with("control character"));
    // Column 0 means the line feed before the line.
    start.saturating_add(error.column()).saturating_sub(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_json_value_fits() {
        #[rustfmt::skip]
        let rows: &[&[u8]] = &[
            b"{}", b"[]", b"null", b"true", b"-0.5e+10", b"\"\"", b"0", b" \t\r\n1 \t\r\n",
            // RFC 8259 §13
            br#"{"Image":{"Width":800,"Title":"View from 15th Floor","Animated":false,"IDs":[116,943,234,38793]}}"#,
            br#""\ud834\udd1e \" \\ \/ \b\f\n\r\t""#,
            br#""\ud834""#,
            b"\"not UTF-8: \xff\"",
            br#"{"a":1,"a":2}"#,
            b"1e999999", b"123456789012345678901234567890",
        ];
        for content in rows {
            assert_eq!(judge(Opcode::Text, content, 0), None, "{}", content.escape_ascii());
        }
        let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
        assert_eq!(judge(Opcode::Text, &deep, 0), None, "deeply nested");
    }

    #[test]
    fn anything_else_does_not_and_the_byte_is_reported() {
        use Reason::{JsonEnd, JsonMore, JsonSyntax};
        #[rustfmt::skip]
        let rows: &[(&[u8], usize, Reason)] = &[
            (b"",                       0, JsonEnd),
            (b" \n",                    2, JsonEnd),
            (b"{\"a\":1",               6, JsonEnd),
            (b"\"a",                    2, JsonEnd),
            (b"[1,",                    3, JsonEnd),
            (b"tru",                    3, JsonEnd),
            (b"hello",                  0, JsonSyntax),
            (b"{'a':1}",                1, JsonSyntax),
            (b"{\"a\" 1}",              5, JsonSyntax),
            (b"[1,]",                   3, JsonSyntax),
            (b"{\"a\":1,}",             7, JsonSyntax),
            (b"[1 2]",                  3, JsonSyntax),
            (b"[\n1,\n\n  x]",          8, JsonSyntax),
            (b"\"a\nb\"",               2, JsonSyntax),
            (b"[\n\"\t\"]",              3, JsonSyntax),
            (b"\"\\x\"",                2, JsonSyntax),
            (b"NaN",                    0, JsonSyntax),
            (b"01",                     1, JsonSyntax),
            (b"\xef\xbb\xbf{}",         0, JsonSyntax),
            (b"{}{}",                   2, JsonMore),
            (b"{}\n\n{}",               4, JsonMore),
            (b"1 2",                    2, JsonMore),
            (b"{}\0",                   2, JsonMore),
        ];
        for (content, offset, reason) in rows {
            let expected = Some(Misfit::at(*offset, *reason));
            assert_eq!(judge(Opcode::Text, content, 0), expected, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn truncated_content_is_not_checked() {
        for content in [&b""[..], b"{", b"hello"] {
            assert_eq!(judge(Opcode::Text, content, 1), None);
        }
    }
}
