//! Colors, and whether there are any.

use anstyle::{AnsiColor, Effects, Style as Ansi};

use crate::text::page::PageLine;
use crate::text::role::Role;

/// What the parts of a text look like: with colors, or plain.
#[derive(Clone, Debug)]
pub struct Style {
    /// The code that begins each of the [`LOOKS`]; empty without colors.
    codes: [String; LOOKS_COUNT],
    reset: String,
}

impl Style {
    /// Makes a style.
    pub fn new(coloring: Coloring) -> Self {
        match coloring {
            Coloring::Off => {
                Self { codes: [const { String::new() }; LOOKS_COUNT], reset: String::new() }
            }
            Coloring::On => Self {
                codes: LOOKS.map(|(_, look)| look.render().to_string()),
                reset: anstyle::Reset.render().to_string(),
            },
        }
    }

    /// Appends a line of a page to `out`, in colors, without blanks at its end.
    pub(super) fn write(&self, line: &PageLine, out: &mut String) {
        for piece in &line.pieces {
            if place(piece.role).is_some() {
                out.push_str(self.begin(piece.role));
                out.push_str(&piece.text);
                out.push_str(self.end());
            } else {
                out.push_str(&piece.text);
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }

    /// The code that begins a part.
    pub(super) fn begin(&self, role: Role) -> &str {
        place(role).and_then(|place| self.codes.get(place)).map_or("", String::as_str)
    }

    /// The code that ends a part.
    pub(super) fn end(&self) -> &str {
        &self.reset
    }
}

/// Whether text is colored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coloring {
    /// Colored.
    On,
    /// Plain.
    Off,
}

/// The place of a role in [`LOOKS`]; `None` for ordinary text.
fn place(role: Role) -> Option<usize> {
    match role {
        Role::Text | Role::Payload => None,
        Role::Dim | Role::Border | Role::Note => Some(0),
        Role::Title
        | Role::Focused
        | Role::Selected
        | Role::Chosen
        | Role::Key
        | Role::Match
        | Role::JsonKey => Some(1),
        Role::Client | Role::HeaderLength => Some(2),
        Role::Server | Role::Good | Role::JsonString => Some(3),
        Role::TextMessage => Some(4),
        Role::BinaryMessage | Role::HeaderMask | Role::JsonLiteral => Some(5),
        Role::ControlFrame | Role::Handshake | Role::HeaderFlags | Role::HeaderOpcode => Some(6),
        Role::Warning | Role::JsonNumber => Some(7),
        Role::Error => Some(8),
    }
}

/// How many looks there are.
const LOOKS_COUNT: usize = 9;

/// What roles look like; those that only the screen has look like the nearest.
///
/// Only the 16 colors that every terminal's user has chosen.
const LOOKS: [(Role, Ansi); LOOKS_COUNT] = [
    (Role::Dim, Ansi::new().effects(Effects::DIMMED)),
    (Role::Title, Ansi::new().effects(Effects::BOLD)),
    (Role::Client, AnsiColor::Cyan.on_default()),
    (Role::Server, AnsiColor::Green.on_default()),
    (Role::TextMessage, Ansi::new().effects(Effects::BOLD)),
    (Role::BinaryMessage, AnsiColor::Blue.on_default()),
    (Role::ControlFrame, AnsiColor::Magenta.on_default()),
    (Role::Warning, AnsiColor::Yellow.on_default()),
    (Role::Error, AnsiColor::Red.on_default().effects(Effects::BOLD)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_style_writes_no_codes() {
        let style = Style::new(Coloring::Off);
        assert_eq!((style.begin(Role::Error), style.end()), ("", ""));
    }

    #[test]
    fn every_role_has_its_code() {
        let style = Style::new(Coloring::On);
        for (expected, (role, _)) in LOOKS.into_iter().enumerate() {
            assert_eq!(place(role), Some(expected), "{role:?}");
            assert!(style.begin(role).starts_with("\x1b["), "{role:?}");
        }
        assert_eq!(style.begin(Role::Text), "");
        assert_eq!(style.begin(Role::Client), "\x1b[36m");
        assert_eq!(style.end(), "\x1b[0m");
    }
}
