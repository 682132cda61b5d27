//! The screen in unit tests: draws a timeline without a terminal, and presses keys.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use crate::tui::app::App;
use crate::tui::theme::{Glyphs, Palette, Theme};
use crate::tui::view;
use crate::tui::world::{LoadStage, PendingWork, World};

/// A screen that shows a whole capture.
pub(crate) struct DrawnScreen<'a> {
    app: App,
    world: World<'a>,
    area: Rect,
}

impl<'a> DrawnScreen<'a> {
    /// Shows it in this many columns and lines.
    pub(crate) fn new(world: World<'a>, columns: u16, lines: u16) -> Self {
        let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
        let app = App::new("capture.pcap".to_owned(), theme, LoadStage::Whole);
        let mut screen = Self { app, world, area: Rect::new(0, 0, columns, lines) };
        screen.settle();
        screen
    }

    fn press(&mut self, code: KeyCode) {
        self.app.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), self.world);
        self.settle();
    }

    /// Presses the key of a letter.
    pub(crate) fn letter(&mut self, letter: char) {
        self.press(KeyCode::Char(letter));
    }

    /// Opens the row under the cursor in the inspector.
    pub(crate) fn open(&mut self) {
        self.press(KeyCode::Enter);
    }

    /// Opens the next row in the inspector, which has the focus.
    pub(crate) fn open_next(&mut self) {
        self.press(KeyCode::Esc);
        self.press(KeyCode::Down);
        self.open();
    }

    /// All lines of the screen.
    pub(crate) fn text(&self) -> String {
        let backend = TestBackend::new(self.area.width, self.area.height);
        let mut terminal = Terminal::new(backend).unwrap();
        terminal.draw(|frame| view::draw(frame, &self.app, self.world.timeline)).unwrap();
        terminal.backend().to_string()
    }

    /// Lets everything be done that takes more than one step.
    fn settle(&mut self) {
        while self.app.step(self.world).or(self.app.prepare(self.area, self.world))
            == PendingWork::More
        {}
        self.app.prepare(self.area, self.world);
    }
}
