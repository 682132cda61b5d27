//! The inspector: one row of the timeline, down to its bits. What it remembers, and how keys change it.

use ratatui::layout::Rect;

use crate::timeline::{Opened, Row, Timeline};
use crate::tui::action::Action;

/// What the inspector remembers.
#[derive(Clone, Debug, Default)]
pub struct InspectorState {
    /// The tab that is shown.
    pub tab: Tab,
    /// The first line that is shown.
    pub scroll: usize,
}

/// A view of the row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tab {
    /// The content.
    #[default]
    Message,
    /// The header, bit by bit.
    Frame,
    /// All bytes.
    Hex,
    /// Both heads of the opening handshake.
    Handshake,
    /// What breaks the rules.
    Findings,
    /// The connection.
    Connection,
}

impl Tab {
    /// All of them, in their order.
    pub const ALL: [Self; 6] =
        [Self::Message, Self::Frame, Self::Hex, Self::Handshake, Self::Findings, Self::Connection];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Message => "Message",
            Self::Frame => "Frame",
            Self::Hex => "Hex",
            Self::Handshake => "Handshake",
            Self::Findings => "Findings",
            Self::Connection => "Connection",
        }
    }
}

/// What the inspector looks at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The timeline.
    pub timeline: &'a Timeline,
    /// The row under the cursor of the timeline.
    pub row: Option<Row>,
    /// That row, read again; `None` where it could not be, or there is none.
    pub opened: Option<&'a Opened>,
    /// The inside of the pane.
    pub area: Rect,
}

/// Forgets what was only about the row before.
pub fn select(state: &mut InspectorState, _context: &Context<'_>) {
    state.scroll = 0;
}

/// Looks for a text in the content.
pub fn search(_state: &mut InspectorState, _text: &str, _context: &Context<'_>) {}

/// Does what a key asks for; keys that mean nothing here are for nobody else.
pub fn update(state: &mut InspectorState, action: Action, context: &Context<'_>) {
    let page = usize::from(context.area.height).max(1);
    let at = Tab::ALL.iter().position(|tab| *tab == state.tab).unwrap_or(0);
    let turn = |by: usize| {
        let next = at.saturating_add(by).checked_rem(Tab::ALL.len()).unwrap_or(0);
        Tab::ALL.get(next).copied().unwrap_or_default()
    };
    match action {
        Action::Up => state.scroll = state.scroll.saturating_sub(1),
        Action::Down => state.scroll = state.scroll.saturating_add(1),
        Action::PageUp => state.scroll = state.scroll.saturating_sub(page),
        Action::PageDown => state.scroll = state.scroll.saturating_add(page),
        Action::First => state.scroll = 0,
        Action::NextTab => state.tab = turn(1),
        Action::PreviousTab => state.tab = turn(Tab::ALL.len().saturating_sub(1)),
        Action::MessageTab => state.tab = Tab::Message,
        Action::FrameTab => state.tab = Tab::Frame,
        Action::HexTab => state.tab = Tab::Hex,
        Action::HandshakeTab => state.tab = Tab::Handshake,
        Action::FindingsTab => state.tab = Tab::Findings,
        Action::ConnectionTab => state.tab = Tab::Connection,
        _ => {}
    }
}
