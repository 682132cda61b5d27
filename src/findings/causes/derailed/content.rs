//! Whether bytes are a text.

use crate::stream::length_u64;
use crate::text::page::safe;
use crate::websocket::deflate::{Inflater, Spares};
use crate::websocket::extension::SideParams;
use crate::websocket::mask::unmask;
use crate::websocket::subprotocol::is_json_value;
use crate::websocket::{History, HistoryStart, Tail};

/// What bytes are, as far as it shows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Content {
    /// Characters that can be read.
    Text,
    /// A JSON object or array.
    Json,
}

impl Content {
    /// What a whole text is; `None` if it cannot be read.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if is_json(bytes) {
            return Some(Self::Json);
        }
        is_text(bytes).then_some(Self::Text)
    }

    /// What a piece of a text is, which may begin and end within a character.
    pub(crate) fn of_fragment(bytes: &[u8]) -> Option<Self> {
        let is_middle = |byte: &&u8| **byte & 0xc0 == 0x80;
        let lead = bytes.iter().take(3).take_while(is_middle).count();
        let rest = bytes.get(lead..).unwrap_or_default();
        let whole = match std::str::from_utf8(rest) {
            Ok(_) => rest,
            Err(error) if error.error_len().is_none() => {
                rest.get(..error.valid_up_to()).unwrap_or_default()
            }
            Err(_) => return None,
        };
        is_text(whole).then_some(Self::Text)
    }
}

/// Whether bytes are UTF-8 that can be read: no control characters but blanks, line ends, and the escape
/// character of terminals.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let is_strange = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    !bytes.iter().any(is_strange) && std::str::from_utf8(bytes).is_ok()
}

/// Whether bytes are a JSON object or array, perhaps between blanks.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[')) && std::str::from_utf8(bytes).is_ok() && is_json_value(bytes)
}

/// Bytes after unmasking with a key, if there is one; the first of them is at this position of the payload.
pub(crate) fn unmasked(bytes: &[u8], key: Option<[u8; 4]>, position: u64) -> Vec<u8> {
    let mut plain = bytes.to_vec();
    if let Some(key) = key {
        unmask(&mut plain, key, position);
    }
    plain
}

/// What the payload of a compressed message inflates to, with what was sent before it; `None` if it is not one
/// to its end.
pub(crate) fn inflated(payload: &[u8], history: &[u8], params: SideParams) -> Option<Vec<u8>> {
    let earlier = length_u64(history.len());
    let history = History { output: history, start: HistoryStart::Seen, earlier };
    let mut inflater = Inflater::resume(params, history, MOST_INFLATED);
    let (mut spares, mut content) = (Spares::default(), Vec::new());
    inflater.begin(&mut spares);
    inflater.push(&mut spares, payload, &mut |out| content.extend_from_slice(out));
    inflater.end(&mut spares, &mut |out| content.extend_from_slice(out));
    let is_whole = inflater.failure().is_none()
        && !matches!(inflater.ending().tail, Tail::Torn | Tail::Unknown);
    is_whole.then_some(content)
}

/// Whether two bytes are the header of a zlib stream (RFC 1950 §2.2) without a dictionary.
pub(crate) fn is_zlib(first: u8, second: u8) -> bool {
    let check = u16::from_be_bytes([first, second]) % 31;
    first & 0x0f == 8 && first >> 4 <= 7 && second & 0x20 == 0 && check == 0
}

/// What the beginning of a DEFLATE stream (RFC 1951) inflates to, as far as it goes.
pub(crate) fn inflated_part(deflated: &[u8]) -> Vec<u8> {
    let params = SideParams { no_context_takeover: false, window_bits: 15 };
    let mut inflater = Inflater::new(params, HistoryStart::Seen, MOST_INFLATED);
    let (mut spares, mut content) = (Spares::default(), Vec::new());
    inflater.begin(&mut spares);
    inflater.push(&mut spares, deflated, &mut |out| content.extend_from_slice(out));
    content
}

/// The beginning of a content between quotation marks, so that it can be shown.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", safe(bytes, QUOTED))
}

/// Columns of a content that are shown.
const QUOTED: usize = 60;

/// Inflated bytes of a message at most: enough to see what it is.
const MOST_INFLATED: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_can_be_read() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<Content>)] = &[
            (b"hello", Some(Content::Text)),
            (b"", Some(Content::Text)),
            ("Gr\u{fc}\u{df}e\r\n".as_bytes(), Some(Content::Text)),
            (b"{\"a\":[1,2]}", Some(Content::Json)),
            (b" [] \n", Some(Content::Json)),
            (b"{\"a\":", Some(Content::Text)),
            (b"1", Some(Content::Text)),
            (b"\x81\x05Hello", None),
            (b"\0", None),
            (b"caf\xe9", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Content::of(bytes), *expected, "{}", safe(bytes, 40));
        }
    }

    #[test]
    fn a_fragment_may_cut_characters() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<Content>)] = &[
            (b"\x82\xac and", Some(Content::Text)),
            (b"and \xe2\x82", Some(Content::Text)),
            (b"\x82\xac\xe2", Some(Content::Text)),
            (b"and \xe2 more", None),
            (b"\x81\x05Hello", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Content::of_fragment(bytes), *expected, "{}", safe(bytes, 40));
        }
    }
}
