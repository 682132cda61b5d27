//! How content can be shown, and which way is best.

use crate::timeline::RowKind;
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::json::JsonDocument;
use crate::websocket::Opcode;

/// How content is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ContentView {
    /// JSON, laid out and colored.
    Json,
    /// Text as it came.
    Text,
    /// Bytes.
    Hex,
}

impl ContentView {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Text => "shown as text",
            Self::Hex => "shown as bytes",
        }
    }
}

/// The bytes that are shown.
pub(super) fn content<'a>(context: &InspectorContext<'a>) -> &'a [u8] {
    let (Some(row), Some(opened)) = (context.row, context.opened) else { return &[] };
    match row.kind {
        // Code and reason are shown in words.
        RowKind::Message(Opcode::Close) => &[],
        RowKind::Message(_) | RowKind::Frame { .. } => &opened.content,
        _ => &opened.wire,
    }
}

/// The forms that a content has, the best first.
pub(super) fn forms(
    context: &InspectorContext<'_>,
    json: Option<&JsonDocument>,
) -> Vec<ContentView> {
    let content = content(context);
    if content.is_empty() {
        return Vec::new();
    }
    let kind = context.row.map(|row| row.kind);
    let is_text = kind == Some(RowKind::Message(Opcode::Text)) || is_readable(content);
    let mut forms = Vec::new();
    if json.is_some() {
        forms.push(ContentView::Json);
    }
    if is_text {
        forms.extend([ContentView::Text, ContentView::Hex]);
    } else {
        forms.extend([ContentView::Hex, ContentView::Text]);
    }
    forms
}

/// Whether bytes are text that people can read.
fn is_readable(content: &[u8]) -> bool {
    let near = content.get(..LOOKED_AT).unwrap_or(content);
    let text = match std::str::from_utf8(near) {
        Ok(text) => text,
        // A character may be cut where this stops looking.
        Err(error) if error.error_len().is_none() && near.len() < content.len() => {
            let valid = near.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'))
}

/// How many bytes are examined to distinguish text from other bytes.
const LOOKED_AT: usize = 4096;
