//! Colors, and whether there are any.

use anstyle::{AnsiColor, Effects, Style as Ansi};

/// What the parts of a text look like: with colors, or plain.
#[derive(Clone, Debug)]
pub struct Style {
    /// The code that begins each role, in the order of [`Role`]; empty without colors.
    codes: [String; ROLES],
    reset: String,
}

impl Style {
    /// Makes a style.
    pub fn new(coloring: Coloring) -> Self {
        match coloring {
            Coloring::Off => Self { codes: [const { String::new() }; ROLES], reset: String::new() },
            Coloring::On => Self {
                codes: LOOKS.map(|(_, look)| look.render().to_string()),
                reset: anstyle::Reset.render().to_string(),
            },
        }
    }

    /// The code that begins a part.
    pub(super) fn begin(&self, role: Role) -> &str {
        self.codes.get(role.place()).map_or("", String::as_str)
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

/// What a part of a text is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// Of little weight: numbers, times.
    Dim,
    /// Of much weight.
    Strong,
    /// From the client.
    Client,
    /// From the server.
    Server,
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// A control frame.
    Control,
    /// Something to be aware of.
    Warning,
    /// Something wrong.
    Error,
}

impl Role {
    /// Its place in [`LOOKS`].
    fn place(self) -> usize {
        match self {
            Self::Dim => 0,
            Self::Strong => 1,
            Self::Client => 2,
            Self::Server => 3,
            Self::Text => 4,
            Self::Binary => 5,
            Self::Control => 6,
            Self::Warning => 7,
            Self::Error => 8,
        }
    }
}

/// How many roles there are.
const ROLES: usize = 9;

/// What each role looks like. Only the 16 colors that every terminal's user has chosen.
const LOOKS: [(Role, Ansi); ROLES] = [
    (Role::Dim, Ansi::new().effects(Effects::DIMMED)),
    (Role::Strong, Ansi::new().effects(Effects::BOLD)),
    (Role::Client, AnsiColor::Cyan.on_default()),
    (Role::Server, AnsiColor::Green.on_default()),
    (Role::Text, Ansi::new().effects(Effects::BOLD)),
    (Role::Binary, AnsiColor::Blue.on_default()),
    (Role::Control, AnsiColor::Magenta.on_default()),
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
        for (place, (role, _)) in LOOKS.into_iter().enumerate() {
            assert_eq!(role.place(), place, "{role:?}");
            assert!(style.begin(role).starts_with("\x1b["), "{role:?}");
        }
        assert_eq!(style.begin(Role::Client), "\x1b[36m");
        assert_eq!(style.end(), "\x1b[0m");
    }
}
