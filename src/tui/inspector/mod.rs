//! The inspector: one row of the timeline, down to its bits. What it remembers, and how keys change it.
//!
//! Each tab is made in a file of its own, as lines without colors ([`page`]); what is drawn of them
//! is what fits into the pane.

mod accept_key;
mod connection;
mod context;
mod document;
mod findings;
mod frame;
mod frame_parts;
mod handshake;
mod hexdump;
mod json;
mod message;
pub mod page;
mod summary;

use crate::timeline::{Row, RowId, RowKind, Timeline};
use crate::tui::action::Action;
use crate::tui::inspector::context::scrolled;
pub use crate::tui::inspector::context::{InspectorContext, Shown};
pub use crate::tui::inspector::findings::details;
use crate::tui::inspector::frame_parts::Parts;
pub use crate::tui::inspector::json::identity;
pub use crate::tui::inspector::message::JsonValue;
use crate::tui::inspector::message::MessageView;
use crate::tui::inspector::page::Page;

/// What the inspector remembers.
#[derive(Clone, Debug, Default)]
pub struct InspectorState {
    /// The tab that is shown.
    pub tab: Tab,
    /// The first line that is shown, of each tab.
    scroll: [usize; Tab::ALL.len()],
    /// Which frame of the message is looked at, from 0.
    frame: usize,
    /// Which part of it: a field of its header or, after them, the payload.
    part: usize,
    message: MessageView,
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

    fn place(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }

    fn turned(self, by: usize) -> Self {
        let next = self.place().saturating_add(by).checked_rem(Self::ALL.len());
        next.and_then(|next| Self::ALL.get(next)).copied().unwrap_or_default()
    }
}

/// The row whose handshake is shown for another row of its connection: that of the last response, or
/// request, before it.
pub fn handshake_row(timeline: &Timeline, row: &Row) -> Option<RowId> {
    let rows = timeline.rows_of(row.connection);
    let before = rows.partition_point(|id| *id <= row.id);
    let is_head = |id: &&RowId| {
        timeline.row(**id).is_some_and(|row| {
            matches!(row.kind, RowKind::Request | RowKind::Response(_) | RowKind::NoResponse)
        })
    };
    // It is at the start of a connection, or just before the row.
    let near = before.saturating_sub(NEAR);
    let back = rows.get(near..before).unwrap_or_default().iter().rev().find(is_head);
    let front = || rows.iter().take(NEAR.min(before)).rev().find(is_head);
    back.or_else(front).copied()
}

/// Rows that are looked at for a handshake, before a row and at the start of its connection.
const NEAR: usize = 64;

/// Forgets what was only about the row before.
pub fn select(state: &mut InspectorState, context: &InspectorContext<'_>) {
    let connection = state.scroll.get(Tab::Connection.place()).copied().unwrap_or(0);
    state.scroll = [0; Tab::ALL.len()];
    // Of the next row of a connection, the same is looked at.
    if let Some(scroll) = state.scroll.get_mut(Tab::Connection.place()) {
        *scroll = connection;
    }
    state.frame = 0;
    if let Some((frame, part)) = frame_parts::broken(context) {
        (state.frame, state.part) = (frame, part);
    }
    state.message.select(context);
    fit(state, context);
    follow(state, context);
    clamp(state, context);
}

/// Makes what is prepared fit the pane, whose size may have changed.
pub fn fit(state: &mut InspectorState, context: &InspectorContext<'_>) {
    state.message.fit(context);
    clamp(state, context);
}

/// Searches the content for a text, or for bytes written after `0x`.
///
/// # Errors
///
/// What is wrong with what was typed, or that it is not there.
pub fn search(
    state: &mut InspectorState,
    text: &str,
    context: &InspectorContext<'_>,
) -> Result<(), String> {
    state.tab = Tab::Message;
    fit(state, context);
    state.message.search(text, context)
}

/// The JSON value under the cursor of the Message tab.
///
/// # Errors
///
/// Why there is none, in words.
pub fn value(
    state: &InspectorState,
    context: &InspectorContext<'_>,
) -> Result<JsonValue, &'static str> {
    state.message.value(context)
}

/// Takes a click on a line of the pane.
pub fn click(state: &mut InspectorState, line: usize, context: &InspectorContext<'_>) {
    if state.tab == Tab::Message {
        state.message.click(line, context);
    }
}

/// The lines of the tab that are seen.
pub fn shown(state: &InspectorState, context: &InspectorContext<'_>) -> Shown {
    let height = context.height();
    match state.tab {
        Tab::Message => state.message.shown(context),
        Tab::Hex => hexdump::shown(context, parts(state, context).as_ref(), state.top()),
        Tab::Frame | Tab::Handshake | Tab::Findings | Tab::Connection => {
            Shown::of(tab_page(state, context), state.top(), height)
        }
    }
}

/// Does what a key asks for; keys that mean nothing here are for nobody else.
pub fn update(state: &mut InspectorState, action: Action, context: &InspectorContext<'_>) {
    if change_tab(state, action) {
        fit(state, context);
        return;
    }
    match (action, state.tab) {
        (Action::NextFrame | Action::PreviousFrame, _) => {
            turn_frame(state, action, context);
            follow(state, context);
        }
        (Action::Left | Action::Right, Tab::Frame | Tab::Hex) => {
            let count = parts(state, context).map_or(1, |parts| parts.count());
            let last = count.saturating_sub(1);
            let part = state.part.min(last);
            state.part = if action == Action::Left {
                part.saturating_sub(1)
            } else {
                part.saturating_add(1).min(last)
            };
            follow(state, context);
        }
        (Action::SearchNext | Action::SearchPrevious, _) => {
            state.tab = Tab::Message;
            state.message.update(action, context);
        }
        (_, Tab::Message) => state.message.update(action, context),
        (_, Tab::Frame | Tab::Hex | Tab::Handshake | Tab::Findings | Tab::Connection) => {
            scroll(state, action, context);
        }
    }
    clamp(state, context);
}

impl InspectorState {
    /// Whether something was searched for in contents.
    pub fn is_searching(&self) -> bool {
        self.message.is_searching()
    }

    fn top(&self) -> usize {
        self.scroll.get(self.tab.place()).copied().unwrap_or(0)
    }

    fn set_top(&mut self, top: usize) {
        if let Some(scroll) = self.scroll.get_mut(self.tab.place()) {
            *scroll = top;
        }
    }
}

/// Chooses another tab, if that is what a key asks for.
fn change_tab(state: &mut InspectorState, action: Action) -> bool {
    state.tab = match action {
        Action::NextTab => state.tab.turned(1),
        Action::PreviousTab => state.tab.turned(Tab::ALL.len().saturating_sub(1)),
        Action::MessageTab => Tab::Message,
        Action::FrameTab => Tab::Frame,
        Action::HexTab => Tab::Hex,
        Action::HandshakeTab => Tab::Handshake,
        Action::FindingsTab => Tab::Findings,
        Action::ConnectionTab => Tab::Connection,
        _ => return false,
    };
    true
}

fn turn_frame(state: &mut InspectorState, action: Action, context: &InspectorContext<'_>) {
    let count = context.opened.map_or(0, |opened| opened.frames.len());
    state.frame = if action == Action::PreviousFrame {
        state.frame.saturating_sub(1)
    } else {
        state.frame.saturating_add(1).min(count.saturating_sub(1))
    };
}

fn scroll(state: &mut InspectorState, action: Action, context: &InspectorContext<'_>) {
    let page = context.height().max(1);
    let top = state.top();
    state.set_top(scrolled(top, action, page));
}

/// Scrolls to what the cursor is on.
fn follow(state: &mut InspectorState, context: &InspectorContext<'_>) {
    let focus = match state.tab {
        Tab::Hex => parts(state, context).and_then(|parts| hexdump::focus(context, &parts)),
        Tab::Frame => tab_page(state, context).focus,
        Tab::Message | Tab::Handshake | Tab::Findings | Tab::Connection => None,
    };
    let Some(focus) = focus else { return };
    let height = match state.tab {
        Tab::Hex => hexdump::height(context),
        Tab::Message | Tab::Frame | Tab::Handshake | Tab::Findings | Tab::Connection => {
            context.height()
        }
    };
    let top = state.top();
    let lowest = focus.end.saturating_sub(height);
    state.set_top(top.max(lowest).min(focus.start));
}

fn clamp(state: &mut InspectorState, context: &InspectorContext<'_>) {
    let top = match state.tab {
        Tab::Message => return,
        Tab::Hex => state.top().min(hexdump::last_top(context)),
        Tab::Frame | Tab::Handshake | Tab::Findings | Tab::Connection => {
            let total = tab_page(state, context).lines.len();
            state.top().min(total.saturating_sub(context.height()))
        }
    };
    state.set_top(top);
}

/// The whole page of a tab that has one.
fn tab_page(state: &InspectorState, context: &InspectorContext<'_>) -> Page {
    match state.tab {
        Tab::Frame => frame::page(context, parts(state, context).as_ref()),
        Tab::Handshake => handshake::page(context),
        Tab::Findings => findings::page(context),
        Tab::Connection => connection::page(context),
        Tab::Message | Tab::Hex => context.page(),
    }
}

/// The parts of the frame that is looked at.
fn parts<'a>(state: &InspectorState, context: &InspectorContext<'a>) -> Option<Parts<'a>> {
    Parts::of(context, state.frame, state.part)
}
