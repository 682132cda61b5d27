//! The state of the whole interface, as one value.

use std::collections::BTreeSet;

use ratatui::layout::Rect;

use crate::http::Handshake;
use crate::stream::Timestamp;
use crate::text::words;
use crate::timeline::{OpenLimits, Opened, Opener, ResumePoints, RowId, Timeline, open};
use crate::tui::alerts::{Bell, News};
use crate::tui::connections::ConnectionList;
use crate::tui::correlation::Answers;
use crate::tui::export::{Export, Outgoing};
use crate::tui::findings::FindingList;
use crate::tui::inspector;
use crate::tui::inspector::{InspectorContext, InspectorState};
use crate::tui::keymap::Focus;
use crate::tui::layout::{self, InspectorPane, PaneLayout, Wish};
use crate::tui::menu::Menu;
use crate::tui::overview::Overview;
use crate::tui::preview::Previews;
use crate::tui::prompt::{Prompt, PromptHistory};
use crate::tui::rows::{Holding, RowList};
use crate::tui::search::Search;
use crate::tui::severity_index::Marks;
use crate::tui::theme::Theme;
use crate::tui::world::{
    LoadProgress, LoadStage, PendingWork, Replace, StatusNotice, TimeDisplay, Tone, World,
};

/// All that the interface remembers.
#[derive(Debug)]
pub struct App {
    /// What the capture is called.
    pub name: String,
    /// Colors and symbols.
    pub theme: Theme,
    /// The whole screen.
    pub screen: Rect,
    /// Where the panes are on it; made by [`App::prepare`].
    pub layout: PaneLayout,
    /// How reading the capture goes.
    pub reading: LoadProgress,
    /// The pane that has the focus.
    pub pane: Pane,
    /// What is over the panes.
    pub overlay: Overlay,
    /// The connections.
    pub connections: ConnectionList,
    /// The overview.
    pub overview: Overview,
    /// The timeline.
    pub rows: RowList,
    /// How times are shown.
    pub clock: TimeDisplay,
    /// The inspector.
    pub inspector: InspectorState,
    /// Whether the inspector is open.
    pub inspecting: InspectorPane,
    /// The row under the cursor, read again for the inspector, or why it could not be.
    pub opened: Option<(RowId, Result<Opened, String>)>,
    /// Where rows that were under the cursor ended.
    resume_points: ResumePoints,
    /// The opening handshake of that row's connection, and the row it was read from.
    pub handshake: Option<(RowId, Handshake)>,
    /// The beginning of the content of each visible row.
    pub previews: Previews,
    /// Which messages answer which.
    pub answers: Answers,
    /// Which rows have findings.
    pub marks: Marks,
    /// The findings of the whole capture.
    pub findings: FindingList,
    /// What is searched for.
    pub search: Search,
    /// The messages that are shown, on their way to a file.
    pub export: Option<Export>,
    /// Bytes of them that are ready to be written.
    pub ready: Vec<u8>,
    /// Rows that the user wants to find again.
    pub bookmarks: BTreeSet<RowId>,
    /// What was typed before.
    pub history: PromptHistory,
    /// What was found while a capture continues.
    pub news: News,
    /// Something to say in the last line.
    pub notice: Option<StatusNotice>,
    /// The sizes of panes that the user chose.
    pub splits: Splits,
    /// The first line of the help that is shown.
    pub help_scroll: usize,
}

/// A part of the screen that can have the focus.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Pane {
    /// The list of connections.
    Connections,
    /// The overview.
    Overview,
    /// The timeline.
    #[default]
    Timeline,
    /// The inspector.
    Inspector,
}

/// What is over the panes and takes the keys.
#[derive(Debug, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// All keys.
    Help,
    /// The findings of the whole capture.
    Findings,
    /// Something to choose from.
    Menu(Menu),
    /// A line that is being typed.
    Prompt(Box<Prompt>),
}

/// The sizes of panes that the user chose.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Splits {
    /// Lines of the connections.
    pub connection_lines: Option<u16>,
    /// Columns of the inspector.
    pub inspector_columns: Option<u16>,
    /// The border that the mouse drags.
    pub dragged: Option<Border>,
}

/// A border that can be dragged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Border {
    /// Between the connections and the overview.
    BelowConnections,
    /// Between the timeline and the inspector.
    BeforeInspector,
}

/// Something that only the outside can do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Effect {
    /// Nothing.
    #[default]
    None,
    /// The program ends.
    Quit,
    /// The program stops until the shell lets it continue.
    Suspend,
    /// Everything is drawn anew.
    Redraw,
    /// Reading the capture ends here.
    StopReading,
    /// Bytes go to the clipboard.
    Copy(Vec<u8>),
    /// Something goes to a file.
    Save {
        /// The file.
        path: String,
        /// What is written.
        what: Outgoing,
        /// Whether the file may be there already.
        replace: Replace,
    },
}

impl App {
    /// Makes the state at the start.
    pub fn new(name: String, theme: Theme, stage: LoadStage) -> Self {
        Self {
            name,
            theme,
            screen: Rect::default(),
            layout: PaneLayout::default(),
            rows: RowList::new(&stage),
            reading: LoadProgress { stage, ..LoadProgress::default() },
            pane: Pane::default(),
            overlay: Overlay::default(),
            connections: ConnectionList::default(),
            overview: Overview::default(),
            clock: TimeDisplay::default(),
            inspector: InspectorState::default(),
            inspecting: InspectorPane::default(),
            opened: None,
            resume_points: ResumePoints::default(),
            handshake: None,
            previews: Previews::default(),
            answers: Answers::default(),
            marks: Marks::default(),
            findings: FindingList::default(),
            search: Search::default(),
            export: None,
            ready: Vec::new(),
            bookmarks: BTreeSet::new(),
            history: PromptHistory::default(),
            news: News::new(Bell::default()),
            notice: None,
            splits: Splits::default(),
            help_scroll: 0,
        }
    }

    /// What keys are given to.
    pub fn focus(&self) -> Focus {
        match (&self.overlay, self.pane) {
            (Overlay::Help, _) => Focus::Help,
            (Overlay::Findings, _) => Focus::Findings,
            (Overlay::Menu(_), _) => Focus::Menu,
            (Overlay::Prompt(_), _) => Focus::Prompt,
            (Overlay::None, Pane::Connections) => Focus::Connections,
            (Overlay::None, Pane::Overview) => Focus::Overview,
            (Overlay::None, Pane::Timeline) => Focus::Timeline,
            (Overlay::None, Pane::Inspector) => Focus::Inspector,
        }
    }

    /// The row under the cursor of the timeline.
    pub fn current(&self) -> Option<RowId> {
        self.rows.current()
    }

    /// What the inspector looks at.
    pub fn inspector_context<'a>(&'a self, timeline: &'a Timeline) -> InspectorContext<'a> {
        let current = self.current();
        let of_current = self.opened.as_ref().filter(|(id, _)| Some(*id) == current);
        let (opened, problem) = match of_current {
            Some((_, Ok(opened))) => (Some(opened), None),
            Some((_, Err(why))) => (None, Some(why.as_str())),
            None => (None, None),
        };
        InspectorContext {
            timeline,
            row: current.and_then(|id| timeline.row(id)),
            opened,
            problem,
            handshake: self.handshake.as_ref().map(|(_, handshake)| handshake),
            partner: current.and_then(|id| self.partner(id, timeline)),
            needle: self.search.needle(),
            area: layout::inside(self.layout.inspector),
            theme: self.theme,
        }
    }

    /// Takes how far reading is. At its end, rows are asked again about what was not known before.
    pub fn take_progress(&mut self, reading: LoadProgress) {
        if self.reading.stage.goes_on() && !reading.stage.goes_on() {
            self.rows.judge_again();
        }
        self.reading = reading;
    }

    /// Makes ready what will be drawn: places, the rows that are visible, what they say.
    ///
    /// Its work is bounded by the size of the screen, however long the capture is. Returns whether
    /// something is left to be done later.
    pub fn prepare(&mut self, screen: Rect, world: World<'_>) -> PendingWork {
        self.screen = screen;
        self.marks.learn(world.timeline);
        if let Some(text) = self.news.learn(world.timeline, &self.reading.stage) {
            // A frozen view does not show what came since.
            if self.rows.holding() == Holding::No {
                self.say(Tone::Failed, text);
            }
        }
        let is_held = self.rows.holding() == Holding::Yes;
        if !is_held || self.connections.is_stale() {
            self.connections.arrange(world.timeline, &self.reading.stage);
        }
        self.layout = layout::layout(&Wish {
            screen,
            connections: self.connections.len(),
            inspector: self.inspecting,
            connection_lines: self.splits.connection_lines,
            inspector_columns: self.splits.inspector_columns,
            bottom: self.bottom_lines(),
        });
        self.connections.show(layout::connection_lines(self.layout.connections).height);
        self.rows.show(layout::inside(self.layout.timeline).height);
        self.findings.refresh(world.timeline);
        let (list, _) = layout::findings(self.layout.middle, self.findings.len());
        self.findings.show(list.height);
        let columns = layout::inside(self.layout.overview).width;
        if !is_held || !self.overview.is_of(columns, self.rows.picked()) {
            let picked = self.rows.picked();
            self.overview.prepare(columns, picked, world.timeline, &self.reading.stage);
        }
        match self.open_current(world) {
            PendingWork::More => PendingWork::More,
            PendingWork::Nothing => {
                let previews = self.previews.fill(self.rows.visible(), world);
                previews.or(self.answers.fill(self.rows.visible(), world))
            }
        }
    }

    /// Continues with what takes long, for a bounded number of rows.
    pub fn step(&mut self, world: World<'_>) -> PendingWork {
        let rows = self.rows.step(world);
        let search = self.search.step(&mut self.rows, world);
        if let Some(notice) = self.search.take_notice() {
            self.notice = Some(notice);
        }
        let export = match &mut self.export {
            Some(export) => export.step(&self.rows, world, &mut self.ready),
            None => PendingWork::Nothing,
        };
        rows.or(search).or(export)
    }

    /// What belongs to a row: its answer, or what it answers.
    pub fn partner(&self, row: RowId, timeline: &Timeline) -> Option<RowId> {
        timeline.row(row)?.partner.or_else(|| self.answers.partner(row))
    }

    /// A time in seconds since the capture's start.
    pub fn since_start(timeline: &Timeline, time: Timestamp) -> String {
        words::relative_time(timeline.start(), time)
    }

    /// Shows a notice in the last line.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.notice = Some(StatusNotice { text: text.into(), tone });
    }

    fn bottom_lines(&self) -> u16 {
        match &self.overlay {
            Overlay::Prompt(prompt) => prompt.lines(),
            Overlay::None | Overlay::Help | Overlay::Findings | Overlay::Menu(_) => 1,
        }
    }

    /// Continues to read the row under the cursor again, where the inspector is open and another row was
    /// read. Until it is read, the inspector shows what the timeline knows of it.
    fn open_current(&mut self, world: World<'_>) -> PendingWork {
        let Some(current) = self.current().filter(|_| self.inspecting == InspectorPane::Open)
        else {
            return PendingWork::Nothing;
        };
        let is_new = self.opened.as_ref().is_none_or(|(id, _)| *id != current);
        let mut pending = PendingWork::Nothing;
        if is_new {
            let resume_points = std::mem::take(&mut self.resume_points);
            let mut opener =
                Opener::resume(world.store, OpenLimits::default(), resume_points, OPEN_WORK);
            match opener.try_open(world.timeline, current) {
                Ok(Some(opened)) => self.opened = Some((current, Ok(opened))),
                Ok(None) => pending = PendingWork::More,
                Err(error) => self.opened = Some((current, Err(error.to_string()))),
            }
            self.resume_points = opener.into_resume_points();
            self.open_handshake(current, world);
        }
        let mut state = std::mem::take(&mut self.inspector);
        let context = self.inspector_context(world.timeline);
        if is_new {
            inspector::select(&mut state, &context);
        } else {
            inspector::fit(&mut state, &context);
        }
        self.inspector = state;
        pending
    }

    /// Reads the handshake of a row's connection again, unless it was the last one read.
    fn open_handshake(&mut self, row: RowId, world: World<'_>) {
        let row = world.timeline.row(row);
        let head = row.and_then(|row| inspector::handshake_row(world.timeline, &row));
        if self.handshake.as_ref().map(|(id, _)| *id) == head {
            return;
        }
        self.handshake = head.and_then(|head| {
            let limits = OpenLimits::default();
            let opened = open(world.timeline, head, world.store, limits).ok()?;
            Some((head, opened.handshake?))
        });
    }
}

/// Bytes that are decoded for the inspector before keys are examined: about 10 ms.
const OPEN_WORK: u64 = 4 << 20;
