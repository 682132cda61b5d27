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

mod support;

use std::path::Path;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use insta::Settings;
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use wslens::analysis::AnalyzerOptions;
use wslens::capture;
use wslens::capture::CaptureFiles;
use wslens::capture::FileStore;
use wslens::capture::PacketPlace;
use wslens::capture::PacketStore;
use wslens::findings::Reading;
use wslens::pipeline::Pipeline;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::timeline::RowId;
use wslens::timeline::Timeline;
use wslens::timeline::filter::Filter;
use wslens::tui::alerts::{Bell, News};
use wslens::tui::app::{App, Effect, Overlay, Pane};
use wslens::tui::export::{Extract, Origin, Outgoing};
use wslens::tui::loader::{self, LoaderSource, SharedTimeline};
use wslens::tui::rates::Rates;
use wslens::tui::theme::{Glyphs, Palette, Theme};
use wslens::tui::view;
use wslens::tui::world::{LoadProgress, LoadStage, PendingWork, Replace, World};
use wslens::websocket::Opcode;

use allocation_counter::measure;
use support::conversation::Conversation;
use support::layout::Ending;
use support::layout::Layout;
use support::seen::borrowed;
use support::testkit::frame::frame;
use support::testkit::packet::ETHERNET;

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
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/{sample}.pcap"));
        let shared = SharedTimeline::new(LoadStage::Loading);
        let source = LoaderSource {
            packets: capture::open(&path).unwrap(),
            spool: None,
            count: u64::MAX,
            options: AnalyzerOptions::default(),
            named: Vec::new(),
            owners: None,
        };
        let stage = loader::read(source, &shared);
        let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
        let mut app = App::new(format!("{sample}.pcap"), theme, LoadStage::Loading);
        app.take_progress(LoadProgress { stage, ..LoadProgress::default() });
        let store = Box::new(FileStore::open(&path).unwrap().unwrap());
        let mut screen = Self { app, shared, store, size };
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

#[test]
fn screens_show_the_same_as_before() {
    let sizes = [(80, 24), (120, 40), (200, 60)];
    for sample in ["protocol-errors", "deflate", "gap", "refused", "nginx-no-upgrade"] {
        for size in sizes {
            Screen::of(sample, size).compare(&format!("{sample}-{}x{}", size.0, size.1));
        }
    }
}

#[test]
fn overlays_are_unchanged() {
    #[rustfmt::skip]
    let cases = [
        ("help",            (80, 24),  "?"),
        ("findings",        (120, 40), "F"),
        ("by-connection",   (80, 24),  "F[Tab][Down]"),
        ("copy",            (80, 24),  "y"),
        ("filter-fault",    (80, 24),  "flenght > 1"),
        ("filter-complete", (80, 24),  "fopcode == "),
        ("filtered",        (120, 40), "fopcode == text and from == client[Enter]"),
        ("frames",          (120, 40), "mt"),
        ("one-connection",  (120, 40), "[Tab][Down][Enter]"),
        ("too-small",       (60, 12),  ""),
    ];
    for (name, size, keys) in cases {
        let mut screen = Screen::of("protocol-errors", size);
        screen.press(keys);
        screen.compare(name);
    }
}

#[test]
fn the_details_of_a_finding_scroll_to_the_end_of_its_remedy() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.press("F");
    let text = screen.text();
    assert!(text.contains("│  These codes are what "), "{text}");
    assert!(!text.contains("│  RFC 6455 §7.4.1 "), "{text}");
    screen.press(&"J".repeat(40));
    let text = screen.text();
    assert!(text.contains("│  RFC 6455 §7.4.1 "), "{text}");
    screen.press("K");
    assert!(!screen.text().contains("│  RFC 6455 §7.4.1 "), "one line back");
    screen.press("[Down][Down]");
    let other = "│  text frame of 10 bytes with MASK = 0 ";
    assert!(screen.text().contains(other), "another finding from its start");
}

#[test]
fn what_is_about_the_whole_capture_is_found() {
    let mut screen = Screen::of("no-such-name", (80, 24));
    let text = screen.text();
    let marks = text.lines().skip_while(|line| !line.contains("Overview")).nth(2).unwrap();
    assert!(marks.contains('✖'), "{text}");
    screen.press("e");
    assert!(screen.text().contains("F lists those"), "{}", screen.text());
}

#[test]
fn a_connection_without_a_handshake_says_why() {
    let cases = [("refused", "never established"), ("tls-handshakes", "is encrypted")];
    for (sample, expected) in cases {
        let mut screen = Screen::of(sample, (80, 24));
        screen.press("[Enter]4");
        let text = screen.text();
        assert!(text.contains(expected), "{sample}: {text}");
    }
}

#[test]
fn ascii_means_ascii() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    screen.app.theme.glyphs = Glyphs::Ascii;
    let text = screen.text();
    let odd: Vec<char> = text.chars().filter(|letter| !letter.is_ascii()).collect();
    assert_eq!(odd, [], "{text}");
}

#[test]
fn no_size_and_no_key_makes_it_fail() {
    let keys = ["", "?", "F", "y", "s[Enter]", "fopcode == [Tab]", "/x", "[Enter]", "[Tab][Enter]"];
    for sample in ["protocol-errors", "subprotocols"] {
        for keys in keys {
            let mut screen = Screen::of(sample, (100, 30));
            screen.press(keys);
            for size in
                [(1, 1), (2, 3), (79, 24), (80, 24), (81, 25), (120, 24), (120, 200), (400, 30)]
            {
                screen.size = size;
                screen.text();
            }
        }
    }
}

#[test]
fn errors_are_found_one_after_the_other() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    let mut seen = Vec::new();
    for _ in 0..6 {
        screen.press("e");
        seen.push(screen.app.current().unwrap().0);
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((sorted.len(), &sorted), (6, &seen));
    screen.press("e");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("no later error"));
    screen.press("E");
    assert_eq!(screen.app.current().unwrap().0, seen[4]);
}

#[test]
fn a_cause_is_named_first_wherever_findings_are() {
    let mut screen = Screen::of("no-subprotocol", (160, 40));
    let list = screen.text();
    assert!(list.contains("✖ the client refused the response"), "{list}");
    assert!(list.contains("✖ WHY-14") && list.contains("✖ 1 (+2)"), "{list}");
    // The row of the response, which the cause is about.
    screen.press("e");
    let at = screen.app.current();
    let found = screen.with(|app, world| {
        let row = app.current().unwrap();
        world.timeline.findings_of(row).any(|it| it.finding.rule.id == "WHY-14")
    });
    assert!(found, "{at:?}");
    screen.press("e");
    assert_eq!(screen.app.current(), at, "what follows from it is passed over");
    screen.press("[Enter]5");
    let tab = screen.text();
    let place = |part: &str| tab.find(part).unwrap_or_else(|| panic!("{part}: {tab}"));
    assert!(place("The cause") < place("WHY-14  the client refused"), "{tab}");
    assert!(place("Consequences:") < place("HS-52"), "{tab}");
    assert!(place("HS-22   subprotocols") < place("In this row"), "{tab}");
    screen.press("[Esc][Esc]F");
    let overlay = screen.text();
    let place = |part: &str| overlay.find(part).unwrap_or_else(|| panic!("{part}: {overlay}"));
    assert!(place(" WHY-14 ") < place(" HS-22 "), "{overlay}");
    assert!(overlay.contains("(WHY-14) no Sec-WebSocket-Protocol"), "{overlay}");
    let mut small = Screen::of("no-subprotocol", (80, 24));
    assert!(small.text().contains("✖ WHY-14"), "{}", small.text());
}

#[test]
fn a_cause_is_announced_before_what_follows_from_it() {
    let mut screen = Screen::of("no-subprotocol", (160, 40));
    screen.app.news = News::new(Bell::On);
    screen.app.reading.stage = LoadStage::Live;
    screen.settle();
    let notice = screen.app.notice.as_ref().unwrap().text.clone();
    assert!(notice.starts_with("WHY-14 the client refused the response  #1"), "{notice}");
    assert!(screen.app.news.take_ring());
}

#[test]
fn searching_moves_the_cursor_to_what_is_found() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    #[rustfmt::skip]
    let cases = [
        ("text in any case", "/NOT MASKED[Enter]", Some("not masked")),
        ("the next one",     "n",                  Some("not masked")),
        ("bytes",            "g/0x636166e9[Enter]", Some("caf")),
        ("a pattern",        "g/re:^close me[Enter]", Some("close me badly")),
    ];
    for (name, keys, expected) in cases {
        screen.press(keys);
        let row = screen.app.current().unwrap();
        let opened = screen.with(|_, world| {
            wslens::timeline::open(world.timeline, row, world.store, Default::default()).unwrap()
        });
        let content = String::from_utf8_lossy(&opened.content).into_owned();
        assert!(content.starts_with(expected.unwrap()), "{name}: {content}");
    }
    screen.press("g/nowhere to be found[Enter]");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("no later match"));
}

#[test]
fn a_filter_keeps_the_row_under_the_cursor() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.press("ee");
    let row = screen.app.current();
    let all = screen.app.rows.len();
    screen.press("fseverity >= error[Enter]");
    assert_eq!((screen.app.rows.len(), screen.app.current()), (6, row));
    screen.press("[Esc]");
    assert_eq!((screen.app.rows.len(), screen.app.current()), (all, row));
    // An empty line shows all again as well; a wrong one stays to be put right.
    screen.press("fno such thing[Enter]");
    assert!(matches!(screen.app.overlay, Overlay::Prompt(_)));
}

#[test]
fn filters_that_look_at_content_read_it_again() {
    let mut screen = Screen::of("deflate", (120, 40));
    screen.press("ftext contains \"ACME\" and compressed[Enter]");
    let found = screen.app.rows.len();
    assert!(found > 5, "{found}");
    screen.press("[Esc]fpath == \"/quotes\" and masked and json(\".number\") == 2[Enter]");
    assert_eq!(screen.app.rows.len(), 1);
}

#[test]
fn one_connection_is_shown_alone_or_with_others() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let all = screen.app.rows.len();
    screen.press("[Tab]");
    assert_eq!(screen.app.pane, Pane::Connections);
    screen.press("[Enter]");
    let one = screen.app.rows.len();
    screen.press("[Tab][Down] ");
    let two = screen.app.rows.len();
    assert!(one < two && two < all, "{one} {two} {all}");
    screen.press("a");
    assert_eq!(screen.app.rows.len(), all);
}

#[test]
fn connections_are_sorted_by_a_click_on_a_heading() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let first = |screen: &mut Screen| {
        screen.with(|app, world| app.connections.visible(world.timeline).next().unwrap().1.id.0)
    };
    let line = screen.text().lines().nth(2).unwrap().to_owned();
    let column = line.chars().position(|letter| letter == '#').unwrap() - 1;
    let column = u16::try_from(column).unwrap();
    assert_eq!(first(&mut screen), 1);
    screen.mouse(MouseEventKind::Down(MouseButton::Left), column, 2);
    assert_eq!(first(&mut screen), 4, "{line}");
}

#[test]
fn the_mouse_chooses_opens_scrolls_and_drags() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    let timeline = screen.app.layout.timeline;
    let click = MouseEventKind::Down(MouseButton::Left);
    screen.mouse(click, 20, timeline.y + 4);
    assert_eq!(screen.app.rows.cursor(), 3);
    screen.mouse(click, 20, timeline.y + 4);
    assert_eq!(screen.app.pane, Pane::Inspector);
    let inspector = screen.app.layout.inspector;
    screen.mouse(click, inspector.x, inspector.y + 3);
    screen.mouse(MouseEventKind::Drag(MouseButton::Left), inspector.x - 10, inspector.y + 3);
    assert_eq!(screen.app.layout.inspector.x, inspector.x - 10);
    screen.mouse(MouseEventKind::Up(MouseButton::Left), 0, 0);
    screen.mouse(MouseEventKind::ScrollDown, 20, timeline.y + 4);
    assert_eq!(screen.app.rows.top(), 3);
    let overview = screen.app.layout.overview;
    screen.mouse(click, overview.right() - 2, overview.y + 1);
    assert!(screen.app.rows.cursor() > 30, "{}", screen.app.rows.cursor());
}

#[test]
fn pairs_and_bookmarks_are_reached_by_a_key() {
    let mut screen = Screen::of("heartbeat", (80, 24));
    screen.press("[Down][Down]");
    let ping = screen.app.current();
    screen.press("bp");
    assert_ne!(screen.app.current(), ping);
    screen.press("p");
    assert_eq!(screen.app.current(), ping);
    screen.press("G'");
    assert_eq!(screen.app.current(), ping);
}

#[test]
fn what_is_taken_out_is_what_was_sent() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.press("/not masked[Enter]");
    assert_eq!(screen.press("yp"), Effect::Copy(b"not masked".to_vec()));
    let hex = b"81 0a 6e 6f 74 20 6d 61 73 6b 65 64".to_vec();
    assert_eq!(screen.press("yh"), Effect::Copy(hex));
    assert_eq!(screen.press("yf"), Effect::Copy(b"connection == 1".to_vec()));
    let effect = screen.press("sp[Enter]");
    let Effect::Save { path, what, replace } = effect else { panic!("{effect:?}") };
    assert_eq!((path.as_str(), replace), ("connection-1-packet-10.txt", Replace::Ask));
    assert_eq!(what, Outgoing::Bytes(b"not masked".to_vec()));
}

#[test]
fn the_packets_of_a_connection_are_a_capture_of_their_own() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    let Effect::Save { what: Outgoing::Packets(extract), .. } = screen.press("sc[Enter]") else {
        panic!("nothing to save")
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.pcapng");
    let file = std::fs::File::create(&path).unwrap();
    let count = extract
        .run(&Origin::Files(CaptureFiles::one("samples/protocol-errors.pcap".into())), file)
        .unwrap();
    let mut source = capture::open(&path).unwrap();
    let mut read = 0;
    while source.next_packet().unwrap().is_some() {
        read += 1;
    }
    assert_eq!(count, read);
    assert!(count > 10 && count < 60, "{count}");
}

#[test]
fn findings_and_progress_are_visible_if_there_is_no_room_for_all_counts() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.app.reading.stage = LoadStage::Loading;
    screen.app.reading.length = Some(100);
    screen.app.reading.position = 3;
    let text = screen.text();
    let title = text.lines().next().unwrap();
    assert!(title.contains("  9 messages  ✖ 7  ▲ 4  • 2"), "{title}");
    assert!(title.contains(" reading   3 % "), "{title}");
}

#[test]
fn escape_stops_what_is_nearest() {
    let mut screen = Screen::of("protocol-errors", (80, 24));
    screen.app.reading.stage = LoadStage::Loading;
    assert_eq!(screen.press("[Esc]"), Effect::StopReading);
    // What was not read does not come back: that is the last thing to be stopped.
    screen.press("fopcode == text[Enter]");
    assert_eq!(screen.press("[Esc]"), Effect::None);
    assert!(screen.app.rows.filter().is_none());
    assert_eq!(screen.press("[Esc]"), Effect::StopReading);
    screen.app.reading.stage = LoadStage::Whole;
    screen.press("[Enter]");
    assert_eq!(screen.app.pane, Pane::Inspector);
    screen.press("[Esc]");
    assert_eq!(screen.app.pane, Pane::Timeline);
    assert_eq!(screen.press("q"), Effect::Quit);
}

#[test]
fn hostile_bytes_stay_in_their_row() {
    for sample in ["handshake-fields", "protocol-errors", "close-codes", "subprotocols"] {
        let mut screen = Screen::of(sample, (120, 40));
        let text = screen.text();
        let odd = text.chars().find(|letter| letter.is_control() && *letter != '\n');
        assert_eq!(odd, None, "{sample}");
    }
}

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

#[test]
fn a_value_within_json_is_copied_and_filtered_by() {
    let mut screen = Screen::of("deflate", (120, 40));
    screen.press("/number[Enter][Enter]");
    // The second member of the object.
    screen.press("[Home][Down]");
    let Effect::Copy(value) = screen.press("yv") else { panic!("nothing copied") };
    let Effect::Copy(filter) = screen.press("yw") else { panic!("no filter copied") };
    let (value, filter) = (String::from_utf8(value).unwrap(), String::from_utf8(filter).unwrap());
    assert!(filter.starts_with("json(\".") && filter.contains(" == "), "{filter}");
    assert!(filter.ends_with(&value), "{filter} {value}");
    screen.press("=");
    let Overlay::Prompt(prompt) = &screen.app.overlay else { panic!("nothing to accept") };
    assert_eq!((prompt.text(), &prompt.fault), (filter.as_str(), &None));
    screen.press("[Enter]");
    assert!(!screen.app.rows.is_empty());
    // With a filter before it, both must match.
    screen.press("=");
    let Overlay::Prompt(prompt) = &screen.app.overlay else { panic!("nothing to accept") };
    assert_eq!(prompt.text(), format!("({filter}) and {filter}"));
    let mut screen = Screen::of("echo", (120, 40));
    screen.press("[Down][Down]yv");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("not JSON"));
}

/// What stands out as found.
fn found(screen: &mut Screen) -> Vec<String> {
    screen.app.theme.palette = Palette::Dark;
    let terminal = screen.drawn();
    let buffer = terminal.backend().buffer().clone();
    let mut found = Vec::new();
    let mut run = String::new();
    for cell in buffer.content() {
        if cell.modifier.contains(Modifier::UNDERLINED) {
            run.push_str(cell.symbol());
        } else if !run.is_empty() {
            found.push(std::mem::take(&mut run));
        }
    }
    found
}

#[test]
fn matches_are_highlighted_in_rows_and_in_the_message() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    assert_eq!(found(&mut screen), Vec::<String>::new());
    screen.press("/MASKED[Enter]");
    let in_rows = found(&mut screen);
    assert!(in_rows.len() > 2 && in_rows.iter().all(|it| it == "masked"), "{in_rows:?}");
    screen.press("[Enter]");
    assert!(found(&mut screen).len() > in_rows.len());
    // Once to the timeline, once to close the inspector, once to forget what was searched for.
    screen.press("[Esc][Esc]");
    assert_eq!(found(&mut screen), in_rows);
    screen.press("[Esc]");
    assert_eq!(found(&mut screen), Vec::<String>::new());
}

#[test]
fn packets_that_were_kept_are_saved_as_those_of_the_file_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/protocol-errors.pcap");
    let journal = capture::PacketLog::new(capture::Spool::new(capture::Spool::LIMIT).unwrap());
    let past = journal.reader();
    let shared = SharedTimeline::new(LoadStage::Live);
    let source = LoaderSource {
        packets: capture::open(&path).unwrap(),
        spool: Some(journal),
        count: u64::MAX,
        options: AnalyzerOptions::default(),
        named: Vec::new(),
        owners: None,
    };
    loader::read(source, &shared);
    let timeline = shared.timeline();
    let connection = &timeline.connections()[1];
    let extract = Extract::of(connection, &timeline);
    let folder = tempfile::tempdir().unwrap();
    let mut saved = Vec::new();
    for (name, origin) in
        [("file", Origin::Files(CaptureFiles::one(path))), ("past", Origin::Kept(past))]
    {
        let path = folder.path().join(name);
        let file = std::fs::File::create(&path).unwrap();
        assert!(extract.run(&origin, file).unwrap() > 10);
        let mut source = capture::open(&path).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = source.next_packet().unwrap() {
            packets.push((packet.time, packet.original_length, packet.bytes.to_vec()));
        }
        saved.push(packets);
    }
    assert!(saved[0] == saved[1]);
}

#[test]
fn answers_are_known_by_their_ids_and_reached_by_a_key() {
    let mut screen = Screen::of("subprotocols", (120, 40));
    screen.press("ftext contains \"\\\"id\\\"\"[Enter]");
    let text = screen.text();
    assert!(text.contains("after "), "{text}");
    let answers: Vec<_> = (0..screen.app.rows.len())
        .filter_map(|place| screen.app.rows.at(place))
        .filter(|row| screen.app.answers.request(*row).is_some())
        .collect();
    screen.with(|app, _| app.rows.seek(answers[0]));
    let request = screen.app.answers.request(answers[0]);
    screen.press("p");
    assert_eq!(screen.app.current(), request);
    screen.press("p");
    assert_eq!(screen.app.current(), Some(answers[0]));
}

#[test]
fn a_live_capture_shows_its_rate_and_losses() {
    for size in [(80, 24), (120, 40)] {
        let mut screen = Screen::of("protocol-errors", size);
        screen.app.reading.stage = LoadStage::Live;
        screen.app.reading.dropped = 1_234;
        screen.app.reading.rates = Rates { packets: 1_200, messages: 88, bytes: 1_500_000 };
        let text = screen.text();
        assert!(text.contains("1,234 dropped") && text.contains("● live"), "{text}");
        assert!(text.contains("1,200 pkt/s 88 msg/s 1.5 MB/s"), "{text}");
        screen.press("G");
        assert!(screen.text().contains("FOLLOWING"));
        // Whoever opens a row wants to read it.
        screen.press("[Enter][Esc]");
        assert!(screen.text().contains("G follows"));
        screen.press("[Esc]");
        assert_eq!(screen.press("[Esc]"), Effect::StopReading);
        assert_eq!(screen.press("x"), Effect::StopReading);
    }
}

#[test]
fn a_frozen_view_can_be_scrolled_and_resumed() {
    let mut screen = Screen::of("protocol-errors", (120, 40));
    screen.press("P");
    assert!(screen.app.notice.as_ref().unwrap().text.contains("only a live capture"));
    screen.app.reading.stage = LoadStage::Live;
    screen.press("PG");
    assert!(screen.text().contains("PAUSED +0"));
    assert_eq!(screen.app.rows.cursor(), 38);
    screen.press("[Tab][Enter]");
    assert!(screen.app.rows.len() < 38);
    screen.press("aP");
    assert!(!screen.text().contains("PAUSED"));
}
