//! Menus: what can be copied or saved of the row under the cursor.

/// A menu that is open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Menu {
    /// What is to be done with what is chosen.
    pub kind: MenuKind,
    /// The line under the cursor.
    pub cursor: usize,
}

/// What a menu is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MenuKind {
    /// To the clipboard.
    Copy,
    /// To a file.
    Save,
}

/// Something to take out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Item {
    /// The content of the message, unmasked and inflated.
    Payload,
    /// The bytes on the wire, in hexadecimal digits.
    Hex,
    /// The row as a JSON object.
    Json,
    /// The JSON value under the cursor of the inspector.
    Value,
    /// A filter expression that gives messages with the same value at the same place.
    FilterOfValue,
    /// A filter expression that gives this row's connection.
    FilterOfConnection,
    /// The rows that are shown, a JSON object on each line.
    RowsAsNdjson,
    /// The rows that are shown, as lines of text.
    RowsAsText,
    /// The packets of the connection.
    Packets,
}

impl MenuKind {
    /// What can be chosen, with the letter that chooses it.
    pub fn items(self) -> &'static [(char, Item, &'static str)] {
        match self {
            Self::Copy => &[
                ('p', Item::Payload, "payload, decoded"),
                ('h', Item::Hex, "bytes on the wire, as hex"),
                ('j', Item::Json, "message as JSON"),
                ('v', Item::Value, "JSON value under the cursor"),
                ('w', Item::FilterOfValue, "filter for this JSON value"),
                ('f', Item::FilterOfConnection, "filter for this connection"),
            ],
            Self::Save => &[
                ('p', Item::Payload, "payload, decoded"),
                ('n', Item::RowsAsNdjson, "shown messages as ndjson"),
                ('t', Item::RowsAsText, "shown messages as text"),
                ('c', Item::Packets, "packets of this connection as pcapng"),
            ],
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Copy => "Copy",
            Self::Save => "Save",
        }
    }
}
