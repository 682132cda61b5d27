//! What the tabs of the inspector are made of, and what is seen of them.

use ratatui::layout::Rect;

use crate::http::Handshake;
use crate::text::page::PageLine;
use crate::timeline::{Opened, Row, RowId, Timeline};
use crate::tui::action::Action;
use crate::tui::inspector::page::Page;
use crate::tui::search::Needle;
use crate::tui::theme::Theme;

/// What the inspector looks at.
#[derive(Clone, Copy)]
pub struct InspectorContext<'a> {
    /// The timeline.
    pub timeline: &'a Timeline,
    /// The row under the cursor of the timeline.
    pub row: Option<Row>,
    /// That row, read again; `None` where it could not be, or there is none.
    pub opened: Option<&'a Opened>,
    /// Why it could not be.
    pub problem: Option<&'a str>,
    /// The opening handshake of its connection, read again.
    pub handshake: Option<&'a Handshake>,
    /// What answers the row, or what it answers, as far as that is known.
    pub partner: Option<RowId>,
    /// What is searched for in all messages.
    pub needle: Option<&'a Needle>,
    /// Where the tab is drawn.
    pub area: Rect,
    /// Symbols.
    pub theme: Theme,
}

impl InspectorContext<'_> {
    pub(super) fn page(&self) -> Page {
        Page::new(usize::from(self.area.width), self.theme)
    }

    pub(super) fn height(&self) -> usize {
        usize::from(self.area.height)
    }
}

/// The lines of a tab that are seen, and where they are among all of them.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The lines, at most as many as the pane has.
    pub lines: Vec<PageLine>,
    /// How many lines are above them.
    pub top: usize,
    /// How many lines there are.
    pub total: usize,
    /// How many lines of the pane scroll.
    pub visible: usize,
    /// How many of the lines, at the top, stay where they are.
    pub pinned: usize,
}

impl Shown {
    /// What fits of a page.
    pub(super) fn of(page: Page, top: usize, height: usize) -> Self {
        let total = page.lines.len();
        let top = top.min(total.saturating_sub(height));
        let lines = page.lines.into_iter().skip(top).take(height).collect();
        Self { lines, top, total, visible: height, pinned: 0 }
    }
}

/// Where a key that turns pages leads to from a line.
pub(super) fn scrolled(at: usize, action: Action, page: usize) -> usize {
    match action {
        Action::Up => at.saturating_sub(1),
        Action::Down => at.saturating_add(1),
        Action::PageUp => at.saturating_sub(page),
        Action::PageDown => at.saturating_add(page),
        Action::HalfUp => at.saturating_sub(page.div_ceil(2)),
        Action::HalfDown => at.saturating_add(page.div_ceil(2)),
        Action::First => 0,
        Action::Last => usize::MAX,
        _ => at,
    }
}
