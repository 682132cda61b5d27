//! How much work the screen is, and when.

use allocation_counter::measure;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use wslens::analysis::AnalyzerOptions;
use wslens::capture;
use wslens::capture::PacketPlace;
use wslens::capture::PacketStore;
use wslens::findings::Reading;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::timeline::RowId;
use wslens::timeline::Timeline;
use wslens::timeline::filter::Filter;
use wslens::tui::app::App;
use wslens::tui::theme::{Glyphs, Palette, Theme};
use wslens::tui::view;
use wslens::tui::world::{LoadProgress, LoadStage, PendingWork, World};
use wslens::websocket::Opcode;

use crate::support;
use crate::support::conversation::Conversation;
use crate::support::layout::Ending;
use crate::support::layout::Layout;
use crate::support::seen::borrowed;
use crate::support::testkit::frame::frame;
use crate::support::testkit::packet::ETHERNET;

#[test]
fn a_screen_of_a_million_messages_is_as_much_work_as_one_of_few() {
    let mut timeline = Timeline::new();
    let mut pipeline =
        Pipeline::new(AnalyzerOptions::default(), wslens::findings::Settings::default());
    let conversation = Conversation::plain("many");
    let mut line = Layout::default().open();
    for (direction, bytes) in &conversation.turns {
        line.segment(*direction, bytes);
    }
    let segment = frame(0x81, Some([1, 2, 3, 4]), b"Hello").repeat(50);
    let mut packets = 0;
    for _ in 0..20_000 {
        line.segment(ClientToServer, &segment);
        for packet in line.packets.drain(..) {
            packets += 1;
            let packet = borrowed(&packet, packets, ETHERNET);
            timeline.packet(&packet);
            pipeline.push(&packet, &mut timeline);
        }
    }
    pipeline.finish(&Reading::default(), &mut timeline);
    assert!(timeline.rows() > 1_000_000);
    let theme = Theme { palette: Palette::Dark, glyphs: Glyphs::Unicode };
    let mut app = App::new("many".to_owned(), theme, LoadStage::Whole);
    let world = World { timeline: &timeline, store: &Nothing };
    let area = Rect::new(0, 0, 200, 60);
    let mut before = 0;
    let mut steps = 0;
    let list = measure(|| {
        while app.step(world) == PendingWork::More {
            steps += 1;
            let looked = app.rows.work - before;
            assert!(looked <= 1 << 14, "{looked} rows in one step");
            before = app.rows.work;
        }
    });
    assert!((60..80).contains(&steps), "{steps}");
    let each = list.bytes_current as f64 / f64::from(timeline.rows());
    assert!(each <= 8.5, "the interface keeps {each} bytes of a row");
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    for code in [KeyCode::End, KeyCode::PageUp, KeyCode::Up, KeyCode::Home] {
        app.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), world);
        let (rows, previews) = (app.rows.work, app.previews.work);
        let drawn = measure(|| {
            assert_eq!(app.step(world), PendingWork::Nothing);
            app.prepare(area, world);
            terminal.draw(|frame| view::draw(frame, &app, &timeline)).unwrap();
        });
        // Some for each line that is seen.
        assert!(drawn.count_total < 60 * 60, "{} allocations for a screen", drawn.count_total);
        assert!(drawn.bytes_total < 1 << 20, "{} bytes for a screen", drawn.bytes_total);
        assert_eq!(app.rows.work, rows, "no row is looked at again");
        assert!(app.previews.work - previews <= 16, "a few rows are read at a time");
        assert!(app.rows.visible().count() < 60);
    }
}

#[test]
fn rows_are_judged_again_once_it_is_known_how_their_connection_ended() {
    let mut conversation = Conversation::plain("late");
    for _ in 0..10 {
        conversation.say(ClientToServer, Opcode::Text, b"Hello");
    }
    let layout = Layout { ending: Ending::Open, ..Layout::default() };
    let packets = support::layout::packets(&conversation, &layout);
    let mut timeline = Timeline::new();
    let mut pipeline =
        Pipeline::new(AnalyzerOptions::default(), wslens::findings::Settings::default());
    let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
    let mut app = App::new("late".to_owned(), theme, LoadStage::Loading);
    let expression = "kind == message and opcode == text and outcome == open";
    app.rows.set_filter(Some(Filter::parse(expression).unwrap()));
    for (number, packet) in (1..).zip(&packets) {
        let packet = borrowed(packet, number, ETHERNET);
        timeline.packet(&packet);
        pipeline.push(&packet, &mut timeline);
        while app.step(World { timeline: &timeline, store: &Nothing }) == PendingWork::More {}
    }
    assert_eq!(app.rows.len(), 0, "nothing is known yet of how it ends");
    pipeline.finish(&Reading::default(), &mut timeline);
    app.take_progress(LoadProgress { stage: LoadStage::Whole, ..LoadProgress::default() });
    while app.step(World { timeline: &timeline, store: &Nothing }) == PendingWork::More {}
    assert_eq!(app.rows.len(), 10);
}

#[test]
fn a_row_after_many_compressed_ones_is_opened_a_little_at_a_time() {
    // Each inflates to much more than it is.
    let mut conversation = Conversation::deflated("far");
    for number in 0..ROWS {
        let text = format!("message {number} ").repeat(LENGTH / 12);
        conversation.say_deflated(ServerToClient, text.as_bytes(), 1);
    }
    let carried = support::layout::packets(&conversation, &Layout::default());
    let timeline = support::reopened::record(&carried, AnalyzerOptions::default()).timeline;
    let store = support::reopened::Memory::new(&carried);
    let world = World { timeline: &timeline, store: &store };
    let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
    let mut app = App::new("far".to_owned(), theme, LoadStage::Whole);
    let area = Rect::new(0, 0, 200, 60);
    while app.step(world).or(app.prepare(area, world)) == PendingWork::More {}
    // From the first row to the last message, which was not visible before.
    app.rows.first();
    app.event(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), world);
    app.prepare(area, world);
    let last = (0..timeline.rows())
        .rev()
        .map(RowId)
        .find(|id| timeline.row(*id).is_some_and(|row| row.compressed));
    app.rows.seek(last.unwrap());
    let (all, mut most, mut frames) = (store.asked.replace(0), 0, 0);
    loop {
        let before = store.asked.get();
        let pending = app.prepare(area, world);
        most = most.max(store.asked.get() - before);
        frames += 1;
        if pending == PendingWork::Nothing {
            break;
        }
    }
    let (row, opened) = app.opened.as_ref().unwrap();
    assert_eq!(Some(*row), app.current());
    let content = &opened.as_ref().unwrap().content;
    assert!(content.starts_with(b"message "), "{:?}", content.get(..20));
    assert!(frames > 3 && all > 0, "{frames} frames");
    // 4 MiB of the row, and 1 MiB of those that are visible.
    let allowed = (5 << 20) / LENGTH as u64 + 20;
    assert!(most <= allowed, "{most} packets for one frame, {allowed} allowed");
}

/// Messages, and about how many bytes each has.
const ROWS: usize = 200;
const LENGTH: usize = 60_000;

/// Holds no packet.
struct Nothing;

impl PacketStore for Nothing {
    fn read(&self, place: &PacketPlace, _: &mut Vec<u8>) -> Result<(), capture::Error> {
        Err(capture::Error::NotSpooled { packet: place.id, limit: 0 })
    }
}
