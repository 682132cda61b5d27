//! How keys change the state.

use crossterm::event::{Event, KeyEvent, KeyEventKind};

use crate::findings::Severity;
use crate::timeline::{FindingRow, RowId};
use crate::tui::action::Action;
use crate::tui::app::{App, Effect, Overlay, Pane};
use crate::tui::inspector;
use crate::tui::keymap::{Focus, lookup};
use crate::tui::layout::InspectorPane;
use crate::tui::menu::{Menu, MenuKind};
use crate::tui::overlay;
use crate::tui::prompt::{Prompt, PromptPurpose};
use crate::tui::rows::{Holding, RowDetail};
use crate::tui::search::Towards;
use crate::tui::world::{LoadStage, TimeDisplay, Tone, World};

impl App {
    /// Takes what happened at the terminal.
    pub fn event(&mut self, event: Event, world: World<'_>) -> Effect {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, world),
            Event::Mouse(mouse) => self.mouse(mouse, world),
            Event::Paste(text) => {
                if let Overlay::Prompt(prompt) = &mut self.overlay {
                    prompt.paste(&text);
                    overlay::typed(prompt);
                }
                Effect::None
            }
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => {
                Effect::None
            }
        }
    }

    fn key(&mut self, key: KeyEvent, world: World<'_>) -> Effect {
        self.notice = None;
        match lookup(self.focus(), key) {
            Some(action) => self.update(action, world),
            None => self.letter(key, world),
        }
    }

    /// Does what a key asks for.
    pub fn update(&mut self, action: Action, world: World<'_>) -> Effect {
        match action {
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Redraw => return Effect::Redraw,
            _ => {}
        }
        match self.focus() {
            Focus::Help | Focus::Findings | Focus::Menu | Focus::Prompt => {
                self.update_overlay(action, world)
            }
            Focus::Anywhere | Focus::Timeline => self.update_timeline(action, world),
            Focus::Connections => self.update_connections(action, world),
            Focus::Overview => self.update_overview(action, world),
            Focus::Inspector => self.update_inspector(action, world),
        }
    }

    fn update_timeline(&mut self, action: Action, world: World<'_>) -> Effect {
        let page = step(self.rows.height());
        match action {
            Action::Up => self.rows.move_by(-1),
            Action::Down => self.rows.move_by(1),
            Action::PageUp => self.rows.move_by(page.saturating_neg()),
            Action::PageDown => self.rows.move_by(page),
            Action::HalfUp => self.rows.move_by((page / 2).max(1).saturating_neg()),
            Action::HalfDown => self.rows.move_by((page / 2).max(1)),
            Action::First => self.rows.first(),
            Action::Last => self.rows.last(),
            Action::Open => {
                self.inspecting = InspectorPane::Open;
                self.pane = Pane::Inspector;
                // What is examined does not run away; G follows again.
                self.rows.stay();
            }
            _ => return self.update_anywhere(action, world),
        }
        Effect::None
    }

    fn update_connections(&mut self, action: Action, world: World<'_>) -> Effect {
        let page = step(self.connections.height());
        match action {
            Action::Up => self.connections.move_by(-1),
            Action::Down => self.connections.move_by(1),
            Action::PageUp => self.connections.move_by(page.saturating_neg()),
            Action::PageDown => self.connections.move_by(page),
            Action::HalfUp => self.connections.move_by((page / 2).max(1).saturating_neg()),
            Action::HalfDown => self.connections.move_by((page / 2).max(1)),
            Action::First => self.connections.go(0),
            Action::Last => self.connections.go(usize::MAX),
            Action::NextSort => self.connections.next_sort(),
            Action::ReverseSort => self.connections.reverse(),
            Action::Open => {
                if let Some(current) = self.connections.current(world.timeline) {
                    self.rows.pick(vec![current]);
                    self.pane = Pane::Timeline;
                }
            }
            Action::Mark => self.mark(world),
            Action::NextError => self.first_error(world),
            Action::Filter => {
                let text = self.connections.filter().to_owned();
                let prompt = Prompt::new(PromptPurpose::FilterConnections, text);
                self.overlay = Overlay::Prompt(Box::new(prompt));
            }
            _ => return self.update_anywhere(action, world),
        }
        Effect::None
    }

    fn update_overview(&mut self, action: Action, world: World<'_>) -> Effect {
        let last = self.overview.buckets().len().saturating_sub(1);
        match action {
            Action::Left => self.overview.cursor = self.overview.cursor.saturating_sub(1),
            Action::Right => {
                self.overview.cursor = self.overview.cursor.saturating_add(1).min(last);
            }
            Action::PageUp => self.overview.cursor = self.overview.cursor.saturating_sub(LEAP),
            Action::PageDown => {
                self.overview.cursor = self.overview.cursor.saturating_add(LEAP).min(last);
            }
            Action::First => self.overview.cursor = 0,
            Action::Last => self.overview.cursor = last,
            Action::Open => {
                self.pane = Pane::Timeline;
                return Effect::None;
            }
            _ => return self.update_anywhere(action, world),
        }
        self.go_to_column(self.overview.cursor, world);
        Effect::None
    }

    fn update_inspector(&mut self, action: Action, world: World<'_>) -> Effect {
        match action {
            Action::Back => {
                self.pane = Pane::Timeline;
                if self.layout.timeline.is_empty() {
                    self.inspecting = InspectorPane::Closed;
                }
            }
            Action::FilterValue => self.filter_value(world),
            Action::Search => {
                let prompt = Prompt::new(PromptPurpose::SearchContent, String::new());
                self.overlay = Overlay::Prompt(Box::new(prompt));
            }
            Action::SearchNext | Action::SearchPrevious if self.inspector.is_searching() => {
                self.tell_inspector(action, world);
            }
            Action::Help
            | Action::Findings
            | Action::Copy
            | Action::Save
            | Action::Bookmark
            | Action::NextBookmark
            | Action::NextError
            | Action::PreviousError
            | Action::NextWarning
            | Action::PreviousWarning
            | Action::Partner
            | Action::NextRow
            | Action::PreviousRow
            | Action::SearchNext
            | Action::SearchPrevious
            | Action::Filter
            | Action::ToggleFrames
            | Action::CycleTime
            | Action::Pause
            | Action::Stop
            | Action::ShowAll => return self.update_anywhere(action, world),
            _ => self.tell_inspector(action, world),
        }
        Effect::None
    }

    fn tell_inspector(&mut self, action: Action, world: World<'_>) {
        // Apart from the rest of the state, which it only looks at.
        let mut state = std::mem::take(&mut self.inspector);
        inspector::update(&mut state, action, &self.inspector_context(world.timeline));
        self.inspector = state;
    }

    /// What means the same in every pane.
    fn update_anywhere(&mut self, action: Action, world: World<'_>) -> Effect {
        match action {
            Action::NextPane => self.turn_pane(1),
            Action::PreviousPane => self.turn_pane(-1),
            Action::Open => self.pane = Pane::Timeline,
            Action::Back => return self.back(),
            Action::Help => {
                self.help_scroll = 0;
                self.overlay = Overlay::Help;
            }
            Action::Findings => self.overlay = Overlay::Findings,
            Action::Pause => self.pause(world),
            Action::Stop => return self.stop(),
            Action::ToggleFrames => self.rows.toggle_detail(),
            Action::CycleTime => self.cycle_time(),
            Action::NextError => self.go_to_finding(Severity::Error, Towards::End, world),
            Action::PreviousError => self.go_to_finding(Severity::Error, Towards::Start, world),
            Action::NextWarning => self.go_to_finding(Severity::Warning, Towards::End, world),
            Action::PreviousWarning => self.go_to_finding(Severity::Warning, Towards::Start, world),
            Action::NextRow => self.rows.move_by(1),
            Action::PreviousRow => self.rows.move_by(-1),
            Action::Partner => self.go_to_partner(world),
            Action::Search => {
                let prompt = Prompt::new(PromptPurpose::Search, String::new());
                self.overlay = Overlay::Prompt(Box::new(prompt));
            }
            Action::SearchNext => self.search.again(Towards::End, &self.rows),
            Action::SearchPrevious => self.search.again(Towards::Start, &self.rows),
            Action::Filter => {
                let text = self.rows.filter().map(ToString::to_string).unwrap_or_default();
                let mut prompt = Prompt::new(PromptPurpose::Filter, text);
                overlay::typed(&mut prompt);
                self.overlay = Overlay::Prompt(Box::new(prompt));
            }
            Action::Bookmark => self.toggle_bookmark(),
            Action::NextBookmark => self.go_to_bookmark(),
            Action::Copy => self.overlay = Overlay::Menu(Menu { kind: MenuKind::Copy, cursor: 0 }),
            Action::Save => self.overlay = Overlay::Menu(Menu { kind: MenuKind::Save, cursor: 0 }),
            Action::ShowAll => self.rows.pick(Vec::new()),
            _ => {}
        }
        Effect::None
    }

    /// Stops, closes or undoes whatever is nearest.
    fn back(&mut self) -> Effect {
        if self.search.stop() {
            self.say(Tone::Done, "search stopped");
        } else if self.inspecting == InspectorPane::Open {
            self.inspecting = InspectorPane::Closed;
        } else if self.search.forget() {
            self.say(Tone::Done, "search ended");
        } else if self.rows.filter().is_some() {
            self.rows.set_filter(None);
        } else if !self.rows.picked().is_empty() {
            self.rows.pick(Vec::new());
        } else if self.reading.stage == LoadStage::Loading {
            // Last: what was not read does not come back, the others do.
            return Effect::StopReading;
        } else if self.reading.stage == LoadStage::Live && self.pane == Pane::Timeline {
            return Effect::StopReading;
        } else {
            self.pane = Pane::Timeline;
        }
        Effect::None
    }

    /// Holds the view still, or lets it continue.
    fn pause(&mut self, world: World<'_>) {
        match self.rows.holding() {
            Holding::Yes => self.rows.hold(world.timeline, Holding::No),
            Holding::No if self.reading.stage == LoadStage::Live => {
                self.rows.hold(world.timeline, Holding::Yes);
            }
            Holding::No => self.say(Tone::Failed, "only a live capture can be paused"),
        }
    }

    fn stop(&mut self) -> Effect {
        if self.reading.stage.goes_on() {
            return Effect::StopReading;
        }
        self.say(Tone::Failed, "nothing is being read");
        Effect::None
    }

    fn turn_pane(&mut self, by: isize) {
        let panes: &[Pane] = match self.inspecting {
            InspectorPane::Closed => &[Pane::Connections, Pane::Overview, Pane::Timeline],
            InspectorPane::Open if self.layout.timeline.is_empty() => &[Pane::Inspector],
            InspectorPane::Open => {
                &[Pane::Connections, Pane::Overview, Pane::Timeline, Pane::Inspector]
            }
        };
        let at = panes.iter().position(|pane| *pane == self.pane).unwrap_or(0);
        let last = panes.len().saturating_sub(1);
        let next = match at.checked_add_signed(by) {
            None => last,
            Some(next) if next > last => 0,
            Some(next) => next,
        };
        self.pane = panes.get(next).copied().unwrap_or_default();
    }

    fn mark(&mut self, world: World<'_>) {
        let Some(current) = self.connections.current(world.timeline) else { return };
        let mut picked = self.rows.picked().to_vec();
        match picked.iter().position(|id| *id == current) {
            Some(place) => {
                picked.remove(place);
            }
            None => picked.push(current),
        }
        self.rows.pick(picked);
        self.connections.move_by(1);
    }

    fn first_error(&mut self, world: World<'_>) {
        let connection = self.connections.current(world.timeline);
        let connection = connection.and_then(|id| world.timeline.connection(id));
        match connection.and_then(|it| it.worst_row) {
            Some(row) => {
                self.rows.seek(row);
                self.pane = Pane::Timeline;
            }
            None => self.say(Tone::Failed, "nothing is wrong with this connection"),
        }
    }

    fn cycle_time(&mut self) {
        self.clock = match self.clock {
            TimeDisplay::Relative => TimeDisplay::Absolute,
            TimeDisplay::Absolute => TimeDisplay::Delta,
            TimeDisplay::Delta => TimeDisplay::Relative,
        };
    }

    /// Goes to the nearest row that has a finding at least as bad, or a cause, however bad; what follows from a
    /// cause is passed over.
    fn go_to_finding(&mut self, least: Severity, towards: Towards, world: World<'_>) {
        let current = self.current().unwrap_or_default();
        let frames = self.rows.detail() == RowDetail::Frames;
        let timeline = world.timeline;
        let is_own = |it: &&FindingRow| {
            timeline.is_cause(it)
                || (it.finding.severity >= least && !timeline.is_explained(&it.finding))
        };
        let rows = timeline.findings().iter().filter(is_own);
        let rows = rows.filter_map(|it| if frames { it.frame.or(it.row) } else { it.row });
        let rows = rows.filter(|row| self.rows.has(*row));
        let next = match towards {
            Towards::End => rows.filter(|row| *row > current).min(),
            Towards::Start => rows.filter(|row| *row < current).max(),
        };
        if let Some(row) = next {
            self.rows.seek(row);
            if self.pane != Pane::Inspector {
                self.pane = Pane::Timeline;
            }
        } else {
            let side = match towards {
                Towards::End => "later",
                Towards::Start => "earlier",
            };
            let what = least.name();
            let is_rowless = |it: &FindingRow| it.row.is_none() && it.finding.severity >= least;
            let more = if world.timeline.findings().iter().any(is_rowless) {
                ": F lists those that are about the whole capture"
            } else {
                ""
            };
            self.say(Tone::Failed, format!("no {side} {what} in what is shown{more}"));
        }
    }

    fn go_to_partner(&mut self, world: World<'_>) {
        let current = self.current();
        match current.and_then(|id| self.partner(id, world.timeline)) {
            Some(partner) if self.rows.has(partner) => self.rows.seek(partner),
            Some(_) => self.say(Tone::Failed, "the row that belongs to this one is not shown"),
            None => self.say(Tone::Failed, "this row has no counterpart"),
        }
    }

    fn toggle_bookmark(&mut self) {
        if let Some(current) = self.current()
            && !self.bookmarks.remove(&current)
        {
            self.bookmarks.insert(current);
        }
    }

    fn go_to_bookmark(&mut self) {
        let current = self.current().unwrap_or_default();
        let later = self.bookmarks.range(RowId(current.0.saturating_add(1))..).next();
        match later.or_else(|| self.bookmarks.first()).copied() {
            Some(row) => self.rows.seek(row),
            None => self.say(Tone::Failed, "no bookmarks: b sets one"),
        }
    }

    /// Moves the cursor of the timeline to the time of a column of the overview.
    pub(super) fn go_to_column(&mut self, column: usize, world: World<'_>) {
        let Some(time) = self.overview.time_of(column) else { return };
        // Rows are in the order in which they became known, which is that of time but for a few.
        let (mut low, mut high) = (0, self.rows.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let row = self.rows.at(middle).and_then(|id| world.timeline.row(id));
            if row.is_some_and(|row| row.time < time) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let place = low.min(self.rows.len().saturating_sub(1));
        if let Some(row) = self.rows.at(place) {
            self.rows.seek(row);
        }
    }
}

/// A number of lines as a step.
pub(super) fn step(lines: usize) -> isize {
    isize::try_from(lines).unwrap_or(isize::MAX).saturating_sub(1).max(1)
}

/// Columns that a page of the overview is.
const LEAP: usize = 10;
