//! What the interface shows of the samples, and how it answers to keys, without a terminal.
//!
//! `INSTA_UPDATE=always cargo test --test screens` renews the files in `snapshots/`.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests make their own input and may panic"
)]

mod copies;
mod findings;
mod live;
mod looks;
mod moving;
#[path = "../support/mod.rs"]
mod support;
mod work;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use insta::Settings;
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use support::loaded::LoadedSample;
use wslens::capture::PacketStore;
use wslens::tui::app::{App, Effect};
use wslens::tui::loader::SharedTimeline;
use wslens::tui::theme::{Glyphs, Palette, Theme};
use wslens::tui::view;
use wslens::tui::world::{LoadProgress, LoadStage, PendingWork, World};

/// The interface, and what it shows.
struct Screen {
    app: App,
    shared: SharedTimeline,
    store: Box<dyn PacketStore>,
    size: (u16, u16),
}

impl Screen {
    /// Opens a sample, which is read to its end at once.
    fn of(sample: &str, size: (u16, u16)) -> Self {
        let LoadedSample { shared, stage, store } = LoadedSample::of(sample);
        let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
        let mut app = App::new(format!("{sample}.pcap"), theme, LoadStage::Loading);
        app.take_progress(LoadProgress { stage, ..LoadProgress::default() });
        let mut screen = Self { app, shared, store: Box::new(store), size };
        screen.settle();
        screen
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut App, World<'_>) -> T) -> T {
        let timeline = self.shared.timeline();
        work(&mut self.app, World { timeline: &timeline, store: self.store.as_ref() })
    }

    /// Lets everything be done that takes more than one step.
    fn settle(&mut self) {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        self.with(|app, world| {
            while app.step(world).or(app.prepare(area, world)) == PendingWork::More {}
            app.prepare(area, world);
        });
    }

    /// Presses one key after the other; names of keys are in brackets.
    fn press(&mut self, keys: &str) -> Effect {
        let mut effect = Effect::None;
        let mut rest = keys;
        while let Some(letter) = rest.chars().next() {
            let code = if letter == '[' {
                let (name, after) = rest[1..].split_once(']').unwrap();
                rest = after;
                named(name)
            } else {
                rest = &rest[letter.len_utf8()..];
                KeyCode::Char(letter)
            };
            effect = self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        effect
    }

    fn event(&mut self, event: Event) -> Effect {
        let effect = self.with(|app, world| app.event(event, world));
        self.settle();
        effect
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> Effect {
        let modifiers = KeyModifiers::NONE;
        self.event(Event::Mouse(MouseEvent { kind, column, row, modifiers }))
    }

    fn drawn(&mut self) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(self.size.0, self.size.1)).unwrap();
        self.settle();
        self.with(|app, world| {
            terminal.draw(|frame| view::draw(frame, app, world.timeline)).unwrap();
        });
        terminal
    }

    fn text(&mut self) -> String {
        self.drawn().backend().to_string()
    }

    fn compare(&mut self, name: &str) {
        let text = self.text();
        let mut settings = Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path("../snapshots");
        settings.bind(|| assert_snapshot!(format!("screen-{name}"), text));
    }
}

fn named(name: &str) -> KeyCode {
    match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "PageDown" => KeyCode::PageDown,
        "Home" => KeyCode::Home,
        "Backspace" => KeyCode::Backspace,
        other => panic!("no key {other}"),
    }
}
