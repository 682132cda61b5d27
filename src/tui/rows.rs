//! The rows that the timeline shows: which of them, and where the cursor is.

use crate::analysis::event::ConnectionId;
use crate::timeline::filter::Filter;
use crate::timeline::{Opener, Row, RowId, RowScope, Timeline};
use crate::tui::chooser::{Chooser, LIMITS, WORK};
use crate::tui::world::{LoadStage, PendingWork, World};

/// Which rows are shown, in their order, and the one under the cursor.
///
/// The list is made in steps while the capture is read: no step looks at more than [`ROWS_PER_STEP`].
#[derive(Debug)]
pub struct RowList {
    ids: Vec<u32>,
    /// How many of the timeline's rows (or of the one connection's) were examined.
    scanned: usize,
    detail: RowDetail,
    picked: Vec<ConnectionId>,
    cursor: usize,
    top: usize,
    height: usize,
    /// The row that the cursor is to return to, while the list is made anew.
    sought: Option<RowId>,
    following: Following,
    /// Rows of the timeline from this one on are not examined, while the list is held still.
    held: Option<u32>,
    chooser: Option<Chooser>,
    /// Rows examined so far, to be counted by tests.
    pub work: u64,
}

/// What the rows are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RowDetail {
    /// Messages.
    #[default]
    Messages,
    /// Frames.
    Frames,
}

/// Whether the cursor stays on the last row when more come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Following {
    /// It does.
    Yes,
    /// It stays where it is.
    No,
}

/// Whether a list is held still while more comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Holding {
    /// It is.
    Yes,
    /// It grows as rows come.
    No,
}

impl RowList {
    /// Makes an empty list; that of a live capture follows what comes.
    pub fn new(stage: &LoadStage) -> Self {
        Self {
            ids: Vec::new(),
            scanned: 0,
            detail: RowDetail::default(),
            picked: Vec::new(),
            cursor: 0,
            top: 0,
            height: 0,
            sought: None,
            chooser: None,
            held: None,
            following: if *stage == LoadStage::Live { Following::Yes } else { Following::No },
            work: 0,
        }
    }

    /// How many rows there are in the list so far.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the list is empty so far.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Where in the list the cursor is.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The row under the cursor.
    pub fn current(&self) -> Option<RowId> {
        self.at(self.cursor)
    }

    /// The row at a place of the list.
    pub fn at(&self, place: usize) -> Option<RowId> {
        self.ids.get(place).copied().map(RowId)
    }

    /// The first place that is visible.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Lines of the pane.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The rows that are visible.
    pub fn visible(&self) -> impl Iterator<Item = RowId> + '_ {
        self.ids.iter().skip(self.top).take(self.height).copied().map(RowId)
    }

    /// Whether messages or frames are shown.
    pub fn detail(&self) -> RowDetail {
        self.detail
    }

    /// The connections whose rows are shown; empty if all are.
    pub fn picked(&self) -> &[ConnectionId] {
        &self.picked
    }

    /// Whether the cursor stays on the last row.
    pub fn following(&self) -> Following {
        self.following
    }

    /// Shows the rows of some connections, or of all where none is named.
    pub fn pick(&mut self, picked: Vec<ConnectionId>) {
        if picked != self.picked {
            self.picked = picked;
            self.restart();
        }
    }

    /// Shows messages instead of frames, or the other way round.
    pub fn toggle_detail(&mut self) {
        self.detail = match self.detail {
            RowDetail::Messages => RowDetail::Frames,
            RowDetail::Frames => RowDetail::Messages,
        };
        self.restart();
    }

    /// The filter that rows must match to be shown.
    pub fn filter(&self) -> Option<&Filter> {
        self.chooser.as_ref().map(Chooser::filter)
    }

    /// Shows only rows that match a filter, or all.
    pub fn set_filter(&mut self, filter: Option<Filter>) {
        self.chooser = filter.map(Chooser::new);
        self.restart();
    }

    /// Asks the filter about all rows again, if it depends on findings or on how connections end: rows
    /// examined before these were known may have been judged otherwise.
    pub fn judge_again(&mut self) {
        if self.filter().is_some_and(|filter| filter.needs().is_late()) {
            self.restart();
        }
    }

    /// Moves the cursor by some rows, down or (negative) up.
    pub fn move_by(&mut self, by: isize) {
        self.following = Following::No;
        self.sought = None;
        self.go(self.cursor.saturating_add_signed(by));
    }

    /// Moves what is visible by some lines, and the cursor only as far as it must.
    pub fn scroll(&mut self, by: isize) {
        self.following = Following::No;
        let last = self.ids.len().saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(by).min(last);
        let bottom = self.top.saturating_add(self.height.saturating_sub(1));
        self.cursor = self.cursor.clamp(self.top, bottom).min(self.ids.len().saturating_sub(1));
    }

    /// Moves the cursor to the first row.
    pub fn first(&mut self) {
        self.move_by(isize::MIN);
    }

    /// Moves the cursor to the last row, and keeps it there.
    pub fn last(&mut self) {
        self.sought = None;
        self.go(usize::MAX);
        self.following = Following::Yes;
    }

    /// Moves the cursor to a place of the list.
    pub fn go(&mut self, place: usize) {
        self.cursor = place.min(self.ids.len().saturating_sub(1));
        self.keep_visible();
    }

    /// Moves the cursor to a place of the list, into the middle of the pane, and stays there.
    pub fn jump(&mut self, place: usize) {
        self.following = Following::No;
        self.sought = None;
        let is_visible = (self.top..self.top.saturating_add(self.height)).contains(&place);
        self.go(place);
        if !is_visible {
            self.center();
        }
    }

    /// Moves the cursor to a row, or the next one that is shown.
    pub fn seek(&mut self, row: RowId) {
        self.following = Following::No;
        let place = self.ids.partition_point(|id| *id < row.0);
        self.jump(place);
        if place >= self.ids.len() {
            self.sought = Some(row);
        }
    }

    /// Whether a row is in the list.
    pub fn has(&self, row: RowId) -> bool {
        self.ids.binary_search(&row.0).is_ok()
    }

    /// The first place of a row that is not before `row`.
    pub fn place_of(&self, row: RowId) -> usize {
        self.ids.partition_point(|id| *id < row.0)
    }

    /// Takes the height of the pane.
    pub fn show(&mut self, height: u16) {
        self.height = usize::from(height);
        self.keep_visible();
    }

    /// Looks at the next rows of the timeline.
    pub fn step(&mut self, world: World<'_>) -> PendingWork {
        let timeline = world.timeline;
        let before = self.scanned;
        let source = match self.picked.as_slice() {
            [one] => Some(timeline.rows_of(*one)),
            _ => None,
        };
        let end = self.end(timeline);
        let most = match &self.chooser {
            Some(chooser) if chooser.reads() => READ_PER_STEP,
            Some(_) | None => ROWS_PER_STEP,
        };
        let stop = end.min(before.saturating_add(most));
        let resume_points = self.chooser.as_mut().map(|it| std::mem::take(&mut it.resume_points));
        let mut opener =
            Opener::resume(world.store, LIMITS, resume_points.unwrap_or_default(), WORK);
        let mut at = before;
        while at < stop && !opener.is_out_of_budget() {
            let id = match source {
                Some(rows) => rows.get(at).copied(),
                None => u32::try_from(at).ok().map(RowId),
            };
            if let Some(row) = id.and_then(|id| timeline.row(id)).filter(|row| self.takes(row)) {
                let matches = match &mut self.chooser {
                    Some(chooser) => chooser.matches(&row, world, &mut opener),
                    None => Some(true),
                };
                match matches {
                    Some(true) => self.push(row.id),
                    Some(false) => {}
                    None => break,
                }
            }
            at = at.saturating_add(1);
        }
        if let Some(chooser) = &mut self.chooser {
            chooser.resume_points = opener.into_resume_points();
        }
        let looked = u64::try_from(at.saturating_sub(before)).unwrap_or(u64::MAX);
        self.work = self.work.saturating_add(looked);
        self.scanned = at;
        if self.following == Following::Yes && at > before {
            self.go(usize::MAX);
        }
        if at < end { PendingWork::More } else { PendingWork::Nothing }
    }

    /// How much of the timeline was examined, of 100.
    pub fn percent(&self, timeline: &Timeline) -> usize {
        let all = self.end(timeline);
        self.scanned.saturating_mul(100).checked_div(all).unwrap_or(100).min(100)
    }

    /// Holds the list still: what comes from now on is not in it. Or lets it continue.
    pub fn hold(&mut self, timeline: &Timeline, holding: Holding) {
        self.held = match holding {
            Holding::Yes => self.held.or_else(|| Some(timeline.rows())),
            Holding::No => None,
        };
    }

    /// Whether the list is held still.
    pub fn holding(&self) -> Holding {
        if self.held.is_some() { Holding::Yes } else { Holding::No }
    }

    /// How many rows of the timeline came since the list was held still.
    pub fn waiting(&self, timeline: &Timeline) -> u32 {
        self.held.map_or(0, |held| timeline.rows().saturating_sub(held))
    }

    /// Stays on the row under the cursor when more come.
    pub fn stay(&mut self) {
        self.following = Following::No;
    }

    /// How many of the timeline's rows (or of the one connection's) are to be examined by now.
    fn end(&self, timeline: &Timeline) -> usize {
        let all = timeline.rows().min(self.held.unwrap_or(u32::MAX));
        match self.picked.as_slice() {
            [one] => timeline.rows_of(*one).partition_point(|id| id.0 < all),
            _ => usize::try_from(all).unwrap_or(usize::MAX),
        }
    }

    fn takes(&self, row: &Row) -> bool {
        let scope = match (self.detail, row.scope) {
            (_, RowScope::Both)
            | (RowDetail::Messages, RowScope::Messages)
            | (RowDetail::Frames, RowScope::Frames) => true,
            (RowDetail::Messages, RowScope::Frames) | (RowDetail::Frames, RowScope::Messages) => {
                false
            }
        };
        scope && (self.picked.is_empty() || self.picked.contains(&row.connection))
    }

    fn push(&mut self, id: RowId) {
        self.ids.push(id.0);
        if self.sought.is_some_and(|sought| sought <= id) {
            self.sought = None;
            self.go(usize::MAX);
            self.center();
        }
    }

    /// Makes the list anew, and keeps the cursor's row.
    fn restart(&mut self) {
        self.sought = self.sought.or_else(|| self.current());
        self.ids.clear();
        self.scanned = 0;
        self.cursor = 0;
        self.top = 0;
    }

    fn keep_visible(&mut self) {
        let lowest = self.cursor.saturating_add(1).saturating_sub(self.height);
        let last = self.ids.len().saturating_sub(self.height);
        self.top = self.top.clamp(lowest.min(self.cursor), self.cursor).min(last);
    }

    fn center(&mut self) {
        self.top = self.cursor.saturating_sub(self.height / 2);
        self.keep_visible();
    }
}

/// Rows that one step looks at: about a millisecond.
pub const ROWS_PER_STEP: usize = 1 << 14;

/// Rows that one step reads again, where a filter asks what they say.
pub const READ_PER_STEP: usize = 64;
