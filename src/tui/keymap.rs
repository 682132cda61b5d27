//! Every key the program knows, in one table: help, hints and the manual are made from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::action::Action;
use crate::tui::theme::Glyphs;

/// What keys are given to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Focus {
    /// Every pane, unless it has a meaning of its own for the key.
    Anywhere,
    /// The list of connections.
    Connections,
    /// The overview.
    Overview,
    /// The timeline.
    Timeline,
    /// The inspector.
    Inspector,
    /// The findings of the whole capture.
    Findings,
    /// The help.
    Help,
    /// A menu, where letters choose.
    Menu,
    /// A line that is being typed, where letters are letters.
    Prompt,
}

impl Focus {
    /// What its keys are called in the help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Everywhere",
            Self::Connections => "Connections",
            Self::Overview => "Overview",
            Self::Timeline => "Timeline",
            Self::Inspector => "Inspector",
            Self::Findings => "Findings",
            Self::Help => "Help",
            Self::Menu => "Menus",
            Self::Prompt => "Typing",
        }
    }

    /// Whether keys that mean something everywhere mean it here as well.
    fn is_open(self) -> bool {
        match self {
            Self::Anywhere
            | Self::Connections
            | Self::Overview
            | Self::Timeline
            | Self::Inspector
            | Self::Findings
            | Self::Help => true,
            Self::Menu | Self::Prompt => false,
        }
    }

    /// All of them, in the order of the help.
    pub const ALL: [Self; 9] = [
        Self::Anywhere,
        Self::Connections,
        Self::Overview,
        Self::Timeline,
        Self::Inspector,
        Self::Findings,
        Self::Help,
        Self::Menu,
        Self::Prompt,
    ];
}

/// One key and what it does.
#[derive(Clone, Copy, Debug)]
pub struct KeyBinding {
    /// Where it does so.
    pub focus: Focus,
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub control: Control,
    /// What it asks for.
    pub action: Action,
    /// What that does, in a few words.
    pub help: &'static str,
}

/// Whether Ctrl is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Control {
    /// It is.
    Held,
    /// It is not.
    Free,
}

const fn bind(focus: Focus, code: KeyCode, action: Action, help: &'static str) -> KeyBinding {
    KeyBinding { focus, code, control: Control::Free, action, help }
}

const fn key(focus: Focus, letter: char, action: Action, help: &'static str) -> KeyBinding {
    bind(focus, KeyCode::Char(letter), action, help)
}

const fn ctrl(focus: Focus, letter: char, action: Action, help: &'static str) -> KeyBinding {
    KeyBinding { focus, code: KeyCode::Char(letter), control: Control::Held, action, help }
}

/// Every key the program knows.
#[rustfmt::skip]
pub static BINDINGS: &[KeyBinding] = &[
    bind(Focus::Anywhere, KeyCode::Up,        Action::Up,              "up"),
    key (Focus::Anywhere, 'k',                Action::Up,              "up"),
    bind(Focus::Anywhere, KeyCode::Down,      Action::Down,            "down"),
    key (Focus::Anywhere, 'j',                Action::Down,            "down"),
    bind(Focus::Anywhere, KeyCode::Left,      Action::Left,            "left"),
    key (Focus::Anywhere, 'h',                Action::Left,            "left"),
    bind(Focus::Anywhere, KeyCode::Right,     Action::Right,           "right"),
    key (Focus::Anywhere, 'l',                Action::Right,           "right"),
    bind(Focus::Anywhere, KeyCode::PageUp,    Action::PageUp,          "a page up"),
    ctrl(Focus::Anywhere, 'b',                Action::PageUp,          "a page up"),
    bind(Focus::Anywhere, KeyCode::PageDown,  Action::PageDown,        "a page down"),
    ctrl(Focus::Anywhere, 'f',                Action::PageDown,        "a page down"),
    ctrl(Focus::Anywhere, 'u',                Action::HalfUp,          "half a page up"),
    ctrl(Focus::Anywhere, 'd',                Action::HalfDown,        "half a page down"),
    bind(Focus::Anywhere, KeyCode::Home,      Action::First,           "to the first line"),
    key (Focus::Anywhere, 'g',                Action::First,           "to the first line"),
    bind(Focus::Anywhere, KeyCode::End,       Action::Last,            "to the last line; live: follow what comes"),
    key (Focus::Anywhere, 'G',                Action::Last,            "to the last line; live: follow what comes"),
    bind(Focus::Anywhere, KeyCode::Tab,       Action::NextPane,        "next pane"),
    bind(Focus::Anywhere, KeyCode::BackTab,   Action::PreviousPane,    "previous pane"),
    bind(Focus::Anywhere, KeyCode::Enter,     Action::Open,            "inspect, or go there"),
    bind(Focus::Anywhere, KeyCode::Esc,       Action::Back,            "back; stop searching, filtering, reading"),
    key (Focus::Anywhere, 'J',                Action::NextRow,         "next row of the timeline, from any pane"),
    key (Focus::Anywhere, 'K',                Action::PreviousRow,     "previous row of the timeline"),
    key (Focus::Anywhere, 'e',                Action::NextError,       "next error"),
    key (Focus::Anywhere, 'E',                Action::PreviousError,   "previous error"),
    key (Focus::Anywhere, 'w',                Action::NextWarning,     "next warning or error"),
    key (Focus::Anywhere, 'W',                Action::PreviousWarning, "previous warning or error"),
    key (Focus::Anywhere, 'F',                Action::Findings,        "all findings"),
    key (Focus::Anywhere, '/',                Action::Search,          "search: text, re:regex or 0x hex"),
    key (Focus::Anywhere, 'n',                Action::SearchNext,      "next match"),
    key (Focus::Anywhere, 'N',                Action::SearchPrevious,  "previous match"),
    key (Focus::Anywhere, 'f',                Action::Filter,          "filter, for example opcode == text"),
    key (Focus::Anywhere, 'm',                Action::ToggleFrames,    "messages or frames"),
    key (Focus::Anywhere, 't',                Action::CycleTime,       "time since the start, of day, or between rows"),
    key (Focus::Anywhere, 'p',                Action::Partner,         "ping and pong, request and answer"),
    key (Focus::Anywhere, 'b',                Action::Bookmark,        "set or remove a bookmark"),
    key (Focus::Anywhere, '\'',               Action::NextBookmark,    "next bookmark"),
    key (Focus::Anywhere, 'y',                Action::Copy,            "copy to the clipboard"),
    key (Focus::Anywhere, 's',                Action::Save,            "save to a file"),
    key (Focus::Anywhere, 'a',                Action::ShowAll,         "show all connections"),
    key (Focus::Anywhere, ' ',                Action::Pause,           "live: pause or resume the view"),
    key (Focus::Anywhere, 'P',                Action::Pause,           "live: pause or resume the view"),
    key (Focus::Anywhere, 'x',                Action::Stop,            "stop reading or capturing; rows already read stay"),
    key (Focus::Anywhere, '?',                Action::Help,            "help"),
    key (Focus::Anywhere, 'q',                Action::Quit,            "quit"),
    ctrl(Focus::Anywhere, 'c',                Action::Quit,            "quit"),
    ctrl(Focus::Anywhere, 'l',                Action::Redraw,          "redraw the screen"),
    ctrl(Focus::Anywhere, 'z',                Action::Suspend,         "back to the shell (fg returns)"),

    bind(Focus::Connections, KeyCode::Enter,     Action::Open,         "show only this connection"),
    key (Focus::Connections, ' ',                Action::Mark,         "show this one as well"),
    key (Focus::Connections, 'o',                Action::NextSort,     "sort by the next column"),
    key (Focus::Connections, 'O',                Action::ReverseSort,  "reverse the order"),
    key (Focus::Connections, '/',                Action::Filter,       "show connections with this text"),
    key (Focus::Connections, 'f',                Action::Filter,       "show connections with this text"),

    bind(Focus::Overview, KeyCode::Left,      Action::Left,            "earlier"),
    bind(Focus::Overview, KeyCode::Right,     Action::Right,           "later"),
    bind(Focus::Overview, KeyCode::Enter,     Action::Open,            "go to that time"),

    bind(Focus::Inspector, KeyCode::Tab,      Action::NextTab,         "next tab"),
    bind(Focus::Inspector, KeyCode::BackTab,  Action::PreviousTab,     "previous tab"),
    key (Focus::Inspector, '1',               Action::MessageTab,      "Message"),
    key (Focus::Inspector, '2',               Action::FrameTab,        "Frame"),
    key (Focus::Inspector, '3',               Action::HexTab,          "Hex"),
    key (Focus::Inspector, '4',               Action::HandshakeTab,    "Handshake"),
    key (Focus::Inspector, '5',               Action::FindingsTab,     "Findings"),
    key (Focus::Inspector, '6',               Action::ConnectionTab,   "Connection"),
    key (Focus::Inspector, ']',               Action::NextFrame,       "next frame of the message"),
    key (Focus::Inspector, '[',               Action::PreviousFrame,   "previous frame of the message"),
    key (Focus::Inspector, ' ',               Action::Fold,            "fold or unfold"),
    bind(Focus::Inspector, KeyCode::Enter,    Action::Fold,            "fold or unfold"),
    key (Focus::Inspector, 'v',               Action::NextForm,        "as JSON, as text or as bytes"),
    key (Focus::Inspector, '=',               Action::FilterValue,     "filter for the JSON value under the cursor"),
    key (Focus::Inspector, '/',               Action::Search,          "search in the content"),
    bind(Focus::Inspector, KeyCode::Esc,      Action::Back,            "back to the timeline"),

    bind(Focus::Findings, KeyCode::Tab,       Action::ToggleGroups,    "by rule, or by connection"),
    bind(Focus::Findings, KeyCode::Enter,     Action::Open,            "go to the place"),
    key (Focus::Findings, 'J',                Action::NextRow,         "scroll its explanation down"),
    key (Focus::Findings, 'K',                Action::PreviousRow,     "scroll its explanation up"),
    bind(Focus::Findings, KeyCode::Esc,       Action::Back,            "close"),

    bind(Focus::Help,   KeyCode::Esc,         Action::Back,            "close"),
    key (Focus::Help,   'q',                  Action::Back,            "close"),

    bind(Focus::Menu,   KeyCode::Up,          Action::Up,              "up"),
    bind(Focus::Menu,   KeyCode::Down,        Action::Down,            "down"),
    bind(Focus::Menu,   KeyCode::Enter,       Action::Accept,          "choose"),
    bind(Focus::Menu,   KeyCode::Esc,         Action::Back,            "close"),
    ctrl(Focus::Menu,   'c',                  Action::Quit,            "quit"),

    bind(Focus::Prompt, KeyCode::Enter,       Action::Accept,          "accept"),
    bind(Focus::Prompt, KeyCode::Esc,         Action::Back,            "cancel"),
    bind(Focus::Prompt, KeyCode::Tab,         Action::Complete,        "complete"),
    bind(Focus::Prompt, KeyCode::Up,          Action::Up,              "previous input"),
    bind(Focus::Prompt, KeyCode::Down,        Action::Down,            "next input"),
    ctrl(Focus::Prompt, 'c',                  Action::Quit,            "quit"),
];

/// What a key asks for; `None` for a key without a meaning.
///
/// Shift is not examined: terminals disagree whether it comes with a capital letter.
pub fn lookup(focus: Focus, event: KeyEvent) -> Option<Action> {
    let control =
        if event.modifiers.contains(KeyModifiers::CONTROL) { Control::Held } else { Control::Free };
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER) {
        return None;
    }
    let find = |focus: Focus| {
        let fits =
            |it: &&KeyBinding| it.focus == focus && it.code == event.code && it.control == control;
        BINDINGS.iter().find(fits).map(|it| it.action)
    };
    find(focus).or_else(|| focus.is_open().then(|| find(Focus::Anywhere)).flatten())
}

/// The first key that asks for something, where a pane has the focus.
pub fn key_of(focus: Focus, action: Action) -> Option<&'static KeyBinding> {
    let find =
        |focus: Focus| BINDINGS.iter().find(move |it| it.focus == focus && it.action == action);
    find(focus).or_else(|| find(Focus::Anywhere))
}

impl KeyBinding {
    /// The name of the key, as help shows it.
    pub fn name(&self, glyphs: Glyphs) -> String {
        let key = match (self.code, glyphs) {
            (KeyCode::Char(' '), _) => "space".to_owned(),
            (KeyCode::Char(letter), _) => letter.to_string(),
            (KeyCode::Up, Glyphs::Unicode) => "↑".to_owned(),
            (KeyCode::Down, Glyphs::Unicode) => "↓".to_owned(),
            (KeyCode::Left, Glyphs::Unicode) => "←".to_owned(),
            (KeyCode::Right, Glyphs::Unicode) => "→".to_owned(),
            (KeyCode::PageUp, _) => "PgUp".to_owned(),
            (KeyCode::PageDown, _) => "PgDn".to_owned(),
            (KeyCode::BackTab, _) => "Shift-Tab".to_owned(),
            (other, _) => format!("{other:?}"),
        };
        match self.control {
            Control::Held => format!("Ctrl-{key}"),
            Control::Free => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn no_key_means_two_things_in_one_focus() {
        for (index, binding) in BINDINGS.iter().enumerate() {
            let again = BINDINGS.iter().skip(index + 1).find(|it| {
                (it.focus, it.code, it.control) == (binding.focus, binding.code, binding.control)
            });
            assert!(again.is_none(), "{:?} {}", binding.focus, binding.code);
        }
    }

    #[test]
    fn every_action_has_a_key() {
        for action in Action::ALL {
            assert!(BINDINGS.iter().any(|it| it.action == *action), "{action:?}");
        }
    }

    #[test]
    fn keys_are_found_whatever_terminals_say_about_shift() {
        #[rustfmt::skip]
        let cases = [
            ("plain",               Focus::Timeline, KeyCode::Char('G'), KeyModifiers::NONE,    Some(Action::Last)),
            ("with shift",          Focus::Timeline, KeyCode::Char('G'), KeyModifiers::SHIFT,   Some(Action::Last)),
            ("with control",        Focus::Timeline, KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Action::Quit)),
            ("with alt",            Focus::Timeline, KeyCode::Char('q'), KeyModifiers::ALT,     None),
            ("its own meaning",     Focus::Inspector, KeyCode::Tab,      KeyModifiers::NONE,    Some(Action::NextTab)),
            ("letters are letters", Focus::Prompt,   KeyCode::Char('q'), KeyModifiers::NONE,    None),
            ("no meaning",          Focus::Timeline, KeyCode::F(5),      KeyModifiers::NONE,    None),
        ];
        for (name, focus, code, modifiers, expected) in cases {
            assert_eq!(lookup(focus, event(code, modifiers)), expected, "{name}");
        }
    }

    #[test]
    fn keys_are_named_as_they_are_printed_on_the_keyboard() {
        let name = |focus, action| key_of(focus, action).map(|it| it.name(Glyphs::Unicode));
        assert_eq!(name(Focus::Timeline, Action::HalfDown).as_deref(), Some("Ctrl-d"));
        assert_eq!(name(Focus::Connections, Action::Mark).as_deref(), Some("space"));
        assert_eq!(name(Focus::Timeline, Action::Open).as_deref(), Some("Enter"));
    }
}
