//! Colors and symbols: dark, light, 16 colors or none; Unicode or ASCII.

use ratatui::style::{Color, Modifier, Style};

use crate::findings::Severity;
use crate::stream::Direction;
use crate::text::role::Role;

/// How everything looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Theme {
    /// The colors.
    pub palette: Palette,
    /// The symbols.
    pub glyphs: Glyphs,
}

/// A set of colors.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Palette {
    /// 256 colors on a dark background.
    #[default]
    Dark,
    /// 256 colors on a light background.
    Light,
    /// The terminal's own 16 colors, whatever its background.
    Sixteen,
    /// None: bold, dim and reversed only.
    Plain,
}

/// Which characters symbols and lines are made of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Glyphs {
    /// Arrows, boxes and bars.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

/// The characters that are not letters.
#[derive(Clone, Copy, Debug)]
pub struct Symbols {
    /// Before an error.
    pub error: &'static str,
    /// Before a warning.
    pub warning: &'static str,
    /// Before a note.
    pub note: &'static str,
    /// Before what is as it must be.
    pub good: &'static str,
    /// The sign of XOR.
    pub xor: &'static str,
    /// Before a bookmark.
    pub bookmark: &'static str,
    /// Before a connection that is shown.
    pub shown: &'static str,
    /// A connection that is open.
    pub open: &'static str,
    /// A connection that ended well.
    pub closed: &'static str,
    /// A connection with TLS.
    pub lock: &'static str,
    /// From client to server.
    pub to_server: &'static str,
    /// From server to client.
    pub to_client: &'static str,
    /// The line of an arrow.
    pub line: &'static str,
    /// The head of an arrow to the right.
    pub head_right: &'static str,
    /// The head of an arrow to the left.
    pub head_left: &'static str,
    /// A dotted line: something is missing.
    pub gap: &'static str,
    /// Between words.
    pub dot: &'static str,
    /// A fold that is closed.
    pub folded: &'static str,
    /// A fold that is open.
    pub unfolded: &'static str,
    /// Ascending order.
    pub ascending: &'static str,
    /// Descending order.
    pub descending: &'static str,
    /// Bars of growing height, from nothing.
    pub bars: &'static [&'static str; 9],
    /// The part of a progress bar that is done.
    pub done: &'static str,
    /// The part that is not.
    pub undone: &'static str,
    /// What was cut off.
    pub ellipsis: &'static str,
    /// Since the row before.
    pub delta: &'static str,
    /// Under the place that is meant.
    pub caret: &'static str,
    /// So many times.
    pub times: &'static str,
    /// Between columns.
    pub vertical: &'static str,
}

impl Theme {
    /// The style of something.
    pub fn style(self, role: Role) -> Style {
        match self.palette {
            Palette::Dark => indexed(role, &DARK),
            Palette::Light => indexed(role, &LIGHT),
            Palette::Sixteen => sixteen(role),
            Palette::Plain => Style::new().add_modifier(emphasis(role)),
        }
    }

    /// The symbols.
    pub fn symbols(self) -> &'static Symbols {
        match self.glyphs {
            Glyphs::Unicode => &UNICODE,
            Glyphs::Ascii => &ASCII,
        }
    }

    /// The style of a finding.
    pub fn severity(self, severity: Severity) -> Style {
        self.style(match severity {
            Severity::Error => Role::Error,
            Severity::Warning => Role::Warning,
            Severity::Note => Role::Note,
        })
    }

    /// The symbol of a finding.
    pub fn mark(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Error => self.symbols().error,
            Severity::Warning => self.symbols().warning,
            Severity::Note => self.symbols().note,
        }
    }

    /// The style of a direction.
    pub fn direction(self, direction: Direction) -> Style {
        self.style(match direction {
            Direction::ClientToServer => Role::Client,
            Direction::ServerToClient => Role::Server,
        })
    }
}

/// Colors by number, of the 256 of terminals (xterm).
struct Colors {
    dim: u8,
    border: u8,
    focused: u8,
    selected: u8,
    chosen: u8,
    client: u8,
    server: u8,
    error: u8,
    warning: u8,
    note: u8,
    good: u8,
    binary: u8,
    control: u8,
    handshake: u8,
    found: u8,
    string: u8,
    number: u8,
}

const DARK: Colors = Colors {
    dim: 245,
    border: 240,
    focused: 75,
    selected: 24,
    chosen: 237,
    client: 80,
    server: 150,
    error: 203,
    warning: 221,
    note: 111,
    good: 114,
    binary: 176,
    control: 180,
    handshake: 111,
    found: 58,
    string: 150,
    number: 215,
};

const LIGHT: Colors = Colors {
    dim: 242,
    border: 249,
    focused: 25,
    selected: 153,
    chosen: 254,
    client: 24,
    server: 28,
    error: 160,
    warning: 130,
    note: 25,
    good: 28,
    binary: 90,
    control: 94,
    handshake: 25,
    found: 229,
    string: 28,
    number: 130,
};

fn indexed(role: Role, colors: &Colors) -> Style {
    let color = match role {
        Role::Text | Role::TextMessage | Role::Payload | Role::Title => None,
        Role::Dim => Some(colors.dim),
        Role::Border => Some(colors.border),
        Role::Focused | Role::Key => Some(colors.focused),
        Role::Selected => {
            return Style::new().bg(Color::Indexed(colors.selected)).add_modifier(Modifier::BOLD);
        }
        Role::Chosen => return Style::new().bg(Color::Indexed(colors.chosen)),
        // Underlined as well: it is to be seen on the line under the cursor.
        Role::Match => {
            let style = Style::new().bg(Color::Indexed(colors.found));
            return style.add_modifier(Modifier::UNDERLINED);
        }
        Role::Client | Role::HeaderLength | Role::JsonKey => Some(colors.client),
        Role::Server => Some(colors.server),
        Role::Error => Some(colors.error),
        Role::Warning => Some(colors.warning),
        Role::Note => Some(colors.note),
        Role::Good => Some(colors.good),
        Role::BinaryMessage | Role::HeaderMask | Role::JsonLiteral => Some(colors.binary),
        Role::ControlFrame | Role::HeaderFlags => Some(colors.control),
        Role::Handshake | Role::HeaderOpcode => Some(colors.handshake),
        Role::JsonString => Some(colors.string),
        Role::JsonNumber => Some(colors.number),
    };
    let style = Style::new().add_modifier(weight(role));
    color.map_or(style, |color| style.fg(Color::Indexed(color)))
}

fn sixteen(role: Role) -> Style {
    let color = match role {
        Role::Text | Role::TextMessage | Role::Payload | Role::Title => None,
        Role::Dim | Role::Border => Some(Color::DarkGray),
        Role::Focused | Role::Key | Role::Note | Role::Handshake | Role::HeaderOpcode => {
            Some(Color::Blue)
        }
        Role::Selected | Role::Chosen | Role::Match => {
            return Style::new().add_modifier(emphasis(role));
        }
        Role::Client | Role::HeaderLength | Role::JsonKey => Some(Color::Cyan),
        Role::Server | Role::Good | Role::JsonString => Some(Color::Green),
        Role::Error => Some(Color::Red),
        Role::Warning | Role::ControlFrame | Role::HeaderFlags | Role::JsonNumber => {
            Some(Color::Yellow)
        }
        Role::BinaryMessage | Role::HeaderMask | Role::JsonLiteral => Some(Color::Magenta),
    };
    let style = Style::new().add_modifier(weight(role));
    color.map_or(style, |color| style.fg(color))
}

/// Attributes besides the color.
fn weight(role: Role) -> Modifier {
    if matches!(role, Role::Title | Role::Key | Role::Error | Role::Focused) {
        Modifier::BOLD
    } else {
        Modifier::empty()
    }
}

/// Attributes if there are no colors, or too few.
fn emphasis(role: Role) -> Modifier {
    if matches!(role, Role::Selected) {
        Modifier::REVERSED
    } else if matches!(role, Role::Chosen | Role::Match) {
        Modifier::UNDERLINED
    } else if matches!(role, Role::Dim | Role::Border) {
        Modifier::DIM
    } else if matches!(role, Role::JsonKey) {
        Modifier::BOLD
    } else {
        weight(role)
    }
}

const UNICODE: Symbols = Symbols {
    error: "✖",
    warning: "▲",
    note: "•",
    good: "✓",
    xor: "⊕",
    bookmark: "★",
    shown: "▌",
    open: "●",
    closed: "○",
    lock: "🔒",
    to_server: "→",
    to_client: "←",
    line: "─",
    head_right: "▶",
    head_left: "◀",
    gap: "┄",
    dot: "·",
    folded: "▸",
    unfolded: "▾",
    ascending: "↑",
    descending: "↓",
    bars: &[" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    done: "━",
    undone: "─",
    ellipsis: "…",
    delta: "Δ",
    caret: "▲",
    times: "×",
    vertical: "│",
};

const ASCII: Symbols = Symbols {
    error: "x",
    warning: "!",
    note: ".",
    good: "+",
    xor: "^",
    bookmark: "*",
    shown: "|",
    open: "o",
    closed: "-",
    lock: "tls",
    to_server: ">",
    to_client: "<",
    line: "-",
    head_right: ">",
    head_left: "<",
    gap: ".",
    dot: "-",
    folded: "+",
    unfolded: "-",
    ascending: "^",
    descending: "v",
    bars: &[" ", ".", ".", ":", ":", "+", "+", "#", "#"],
    done: "=",
    undone: "-",
    ellipsis: "~",
    delta: "d",
    caret: "^",
    times: "x",
    vertical: "|",
};
