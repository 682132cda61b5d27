//! The value on a line of JSON that is laid out, and the way to it.

use std::ops::Range;

use crate::timeline::filter::JsonStep;
use crate::tui::inspector::document::{Document, DocumentTokenKind};

/// The position of a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::tui::inspector) struct JsonPlace {
    /// The way to it, from the whole value on.
    pub(in crate::tui::inspector) path: Vec<JsonStep>,
    /// Its bytes in the content.
    pub(in crate::tui::inspector) bytes: Range<usize>,
}

/// An object or array that is open.
struct PathContainer {
    open: usize,
    /// The step to what is being read in it; `None` in an object before its first name.
    step: Option<JsonStep>,
}

/// The value that a line begins, or whose end it is; the first one where it holds several.
///
/// `None` if there is none, or JSON goes wrong before it.
pub(in crate::tui::inspector) fn place_of(
    document: &Document,
    content: &[u8],
    line: usize,
) -> Option<JsonPlace> {
    let line = document.lines.get(line)?;
    let bytes = |token: usize| {
        let token = document.tokens.get(token)?;
        content.get(token.start..token.end)
    };
    let mut open: Vec<PathContainer> = Vec::new();
    for (at, token) in document.tokens.iter().enumerate() {
        let is_here = at >= line.first;
        match token.kind {
            DocumentTokenKind::Open if is_here => return Some(place(document, &open, at)),
            DocumentTokenKind::Open => {
                let is_array = bytes(at) == Some(b"[");
                open.push(PathContainer {
                    open: at,
                    step: is_array.then_some(JsonStep::Element(0)),
                });
            }
            DocumentTokenKind::Close => {
                let closed = open.pop()?;
                if is_here {
                    return Some(place(document, &open, closed.open));
                }
            }
            DocumentTokenKind::Comma => {
                if let Some(JsonStep::Element(index)) =
                    open.last_mut().and_then(|it| it.step.as_mut())
                {
                    *index = index.saturating_add(1);
                }
            }
            DocumentTokenKind::Name => open.last_mut()?.step = Some(JsonStep::named(bytes(at)?)?),
            DocumentTokenKind::String | DocumentTokenKind::Number | DocumentTokenKind::Literal
                if is_here =>
            {
                return Some(place(document, &open, at));
            }
            DocumentTokenKind::String
            | DocumentTokenKind::Number
            | DocumentTokenKind::Literal
            | DocumentTokenKind::Colon => {}
            DocumentTokenKind::Bad | DocumentTokenKind::Text => return None,
        }
    }
    None
}

/// The place of the value that begins with a token.
fn place(document: &Document, open: &[PathContainer], at: usize) -> JsonPlace {
    let path = open.iter().filter_map(|it| it.step.clone()).collect();
    let rest = document.tokens.get(at..).unwrap_or_default();
    let mut depth = 0_usize;
    let last = rest.iter().find(|token| {
        match token.kind {
            DocumentTokenKind::Open => depth = depth.saturating_add(1),
            DocumentTokenKind::Close => depth = depth.saturating_sub(1),
            DocumentTokenKind::Comma
            | DocumentTokenKind::Colon
            | DocumentTokenKind::Name
            | DocumentTokenKind::String
            | DocumentTokenKind::Number
            | DocumentTokenKind::Literal
            | DocumentTokenKind::Bad
            | DocumentTokenKind::Text => {}
        }
        depth == 0
    });
    let start = rest.first().map_or(0, |token| token.start);
    // What is never closed reaches to the end.
    let end = last.or_else(|| rest.last()).map_or(start, |token| token.end);
    JsonPlace { path, bytes: start..end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::filter::Filter;
    use crate::tui::inspector::json::read;

    #[test]
    fn each_line_leads_to_its_value() {
        let content = br#"{"a":{"b c":[{"d":1},{"d":"x\"y"}]},"n":[1,2],"e\u0041":null}"#;
        let json = read(content).unwrap();
        let seen: Vec<(String, String)> = (0..json.document.lines.len())
            .map(|line| {
                let place = place_of(&json.document, content, line).unwrap();
                let value = &content[place.bytes];
                let filter = Filter::of_json(place.path, value).unwrap().to_string();
                assert!(Filter::parse(&filter).is_ok(), "{filter}");
                (filter, String::from_utf8_lossy(value).into_owned())
            })
            .collect();
        #[rustfmt::skip]
        let expected = [
            (r#"json(".")"#,                                  std::str::from_utf8(content).unwrap()),
            (r#"json(".a")"#,                                 r#"{"b c":[{"d":1},{"d":"x\"y"}]}"#),
            (r#"json(".a[\"b c\"]")"#,                        r#"[{"d":1},{"d":"x\"y"}]"#),
            (r#"json(".a[\"b c\"][0]")"#,                     r#"{"d":1}"#),
            (r#"json(".a[\"b c\"][0].d") == 1"#,              "1"),
            (r#"json(".a[\"b c\"][0]")"#,                     r#"{"d":1}"#),
            (r#"json(".a[\"b c\"][1]")"#,                     r#"{"d":"x\"y"}"#),
            (r#"json(".a[\"b c\"][1].d") == "x\"y""#,         r#""x\"y""#),
            (r#"json(".a[\"b c\"][1]")"#,                     r#"{"d":"x\"y"}"#),
            (r#"json(".a[\"b c\"]")"#,                        r#"[{"d":1},{"d":"x\"y"}]"#),
            (r#"json(".a")"#,                                 r#"{"b c":[{"d":1},{"d":"x\"y"}]}"#),
            (r#"json(".n")"#,                                 "[1,2]"),
            (r#"json(".eA") == null"#,                        "null"),
            (r#"json(".")"#,                                  std::str::from_utf8(content).unwrap()),
        ];
        let expected = expected.map(|(filter, value)| (filter.to_owned(), value.to_owned()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn no_values_follow_what_is_not_json() {
        let content = br#"{"a":1,"b":undefined,"c":2}"#;
        let json = read(content).unwrap();
        assert!(place_of(&json.document, content, 1).is_some());
        assert_eq!(place_of(&json.document, content, 3), None);
    }
}
