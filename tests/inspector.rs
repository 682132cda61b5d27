//! What the inspector shows of rows of the samples, and how it answers to keys.
//!
//! `INSTA_UPDATE=always cargo test --test inspector` renews the files in `snapshots/`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests make their own input and may panic"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use insta::Settings;
use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use serde_json::Value;
use support::loaded::LoadedSample;
use wslens::analysis::event::ConnectionId;
use wslens::capture::FileStore;
use wslens::http::Handshake;
use wslens::timeline::OpenLimits;
use wslens::timeline::Opened;
use wslens::timeline::Row;
use wslens::timeline::RowKind;
use wslens::timeline::Timeline;
use wslens::timeline::open;
use wslens::tui::action::Action;
use wslens::tui::inspector;
use wslens::tui::inspector::InspectorContext;
use wslens::tui::inspector::InspectorState;
use wslens::tui::inspector::Tab;
use wslens::tui::loader::SharedTimeline;
use wslens::tui::search::Needle;
use wslens::tui::theme::Glyphs;
use wslens::tui::theme::Palette;
use wslens::tui::theme::Theme;
use wslens::tui::view::Focused;
use wslens::tui::view::inspector::lines;
use wslens::websocket::Opcode;

/// A sample, read to its end.
struct Sample {
    shared: SharedTimeline,
    store: FileStore,
}

impl Sample {
    fn of(name: &str) -> Self {
        let LoadedSample { shared, store, .. } = LoadedSample::of(name);
        Self { shared, store }
    }

    /// A sample that is decrypted.
    #[expect(clippy::disallowed_methods, reason = "a key log is read")]
    fn decrypted(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/{name}.keys"));
        let keys = fs::read(path).unwrap();
        let LoadedSample { shared, store, .. } = LoadedSample::with_secrets(name, &keys);
        Self { shared, store }
    }

    /// Opens the first row that fits.
    fn inspect(&self, size: (u16, u16), fits: impl Fn(&Timeline, &Row) -> bool) -> Inspector<'_> {
        let timeline = self.shared.timeline();
        let rows = (0..timeline.rows()).filter_map(|id| timeline.row(wslens::timeline::RowId(id)));
        let row = rows.into_iter().find(|row| fits(&timeline, row)).unwrap();
        let limits = OpenLimits::default();
        let opened = open(&timeline, row.id, &self.store, limits).unwrap();
        let head = inspector::handshake_row(&timeline, &row);
        let handshake =
            head.and_then(|head| open(&timeline, head, &self.store, limits).unwrap().handshake);
        let theme = Theme { palette: Palette::Plain, glyphs: Glyphs::Unicode };
        let mut inspector = Inspector {
            sample: self,
            state: InspectorState::default(),
            row,
            opened,
            handshake,
            size,
            theme,
            needle: None,
        };
        drop(timeline);
        inspector.with(inspector::select);
        inspector
    }
}

/// The inspector on one row.
struct Inspector<'a> {
    sample: &'a Sample,
    state: InspectorState,
    row: Row,
    opened: Opened,
    handshake: Option<Handshake>,
    size: (u16, u16),
    theme: Theme,
    needle: Option<Needle>,
}

impl Inspector<'_> {
    fn with<T>(&mut self, work: impl FnOnce(&mut InspectorState, &InspectorContext<'_>) -> T) -> T {
        let timeline = self.sample.shared.timeline();
        let context = InspectorContext {
            timeline: &timeline,
            row: Some(self.row),
            opened: Some(&self.opened),
            problem: None,
            handshake: self.handshake.as_ref(),
            partner: self.row.partner,
            needle: self.needle.as_ref(),
            area: Rect::new(0, 0, self.size.0, self.size.1),
            theme: self.theme,
        };
        work(&mut self.state, &context)
    }

    fn press(&mut self, actions: &[Action]) -> &mut Self {
        for action in actions {
            self.with(|state, context| inspector::update(state, *action, context));
        }
        self
    }

    fn drawn(&mut self) -> Terminal<TestBackend> {
        let (width, height) = self.size;
        // A column more for the border that the scroll bar is drawn upon.
        let mut terminal = Terminal::new(TestBackend::new(width + 1, height)).unwrap();
        self.with(|state, context| {
            inspector::fit(state, context);
            terminal
                .draw(|frame| lines(frame, context.area, state, context, Focused::Yes))
                .unwrap();
        });
        terminal
    }

    fn text(&mut self) -> String {
        self.drawn().backend().to_string()
    }

    /// What is drawn reversed: under the cursor.
    fn marked(&mut self) -> String {
        let terminal = self.drawn();
        let cells = terminal.backend().buffer().content();
        let marked = cells.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED));
        marked.map(|cell| cell.symbol()).collect()
    }

    fn compare(&mut self, name: &str) {
        let text = self.text();
        let mut settings = Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| assert_snapshot!(format!("inspector-{name}"), text));
    }
}

const NARROW: (u16, u16) = (60, 30);
const WIDE: (u16, u16) = (80, 22);

fn is(opcode: Opcode) -> impl Fn(&Timeline, &Row) -> bool {
    move |_, row| row.kind == RowKind::Message(opcode)
}

fn breaks(rule: &'static str) -> impl Fn(&Timeline, &Row) -> bool {
    move |timeline, row| {
        row.is_message() && timeline.findings_of(row.id).any(|it| it.finding.rule.id == rule)
    }
}

type Fits = Box<dyn Fn(&Timeline, &Row) -> bool>;

#[test]
fn rows_of_the_samples_look_as_before() {
    use Action::{ConnectionTab, FindingsTab, FrameTab, HandshakeTab, HexTab, MessageTab, Right};
    let many = |_: &Timeline, row: &Row| row.is_message() && row.frames > 3;
    let response = |_: &Timeline, row: &Row| matches!(row.kind, RowKind::Response(_));
    let compressed = |_: &Timeline, row: &Row| row.compressed && row.is_message();
    #[rustfmt::skip]
    let cases: [(&str, &str, Fits, &[Action]); 20] = [
        ("echo",    "text",            Box::new(is(Opcode::Text)),   &[MessageTab]),
        ("echo",    "frame",           Box::new(is(Opcode::Text)),   &[FrameTab, Right, Right, Right, Right]),
        ("echo",    "hex",             Box::new(is(Opcode::Text)),   &[HexTab, Right, Right, Right, Right]),
        ("echo",    "handshake",       Box::new(response),           &[HandshakeTab]),
        ("echo",    "connection",      Box::new(is(Opcode::Text)),   &[ConnectionTab]),
        ("echo",    "findings",        Box::new(is(Opcode::Text)),   &[FindingsTab]),
        ("echo",    "close",           Box::new(is(Opcode::Close)),  &[MessageTab]),
        ("echo",    "head",            Box::new(response),           &[MessageTab]),
        ("deflate", "text",            Box::new(compressed),         &[MessageTab]),
        ("deflate", "frame",           Box::new(compressed),         &[FrameTab, Right]),
        ("deflate", "connection",      Box::new(compressed),         &[ConnectionTab]),
        ("large",   "frame",           Box::new(many),               &[FrameTab, Action::NextFrame]),
        ("large",   "hex",             Box::new(many),               &[HexTab, Action::NextFrame]),
        ("large",   "text",            Box::new(many),               &[MessageTab]),
        ("protocol-errors", "frame",    Box::new(breaks("WS-F01")),  &[FrameTab]),
        ("protocol-errors", "findings", Box::new(breaks("WS-F01")),  &[FindingsTab]),
        ("protocol-errors", "text",     Box::new(breaks("WS-M01")),  &[MessageTab]),
        ("handshake-answers", "handshake", Box::new(response),       &[HandshakeTab]),
        ("mqtt",      "binary",        Box::new(is(Opcode::Binary)), &[MessageTab]),
        ("heartbeat", "connection",    Box::new(is(Opcode::Ping)),   &[ConnectionTab]),
    ];
    for (sample, name, fits, actions) in cases {
        let sample_read = Sample::of(sample);
        for size in [NARROW, WIDE] {
            let mut inspector = sample_read.inspect(size, &fits);
            inspector.press(actions);
            inspector.compare(&format!("{sample}-{name}-{}x{}", size.0, size.1));
        }
    }
}

#[test]
fn no_size_makes_any_tab_fail() {
    #[rustfmt::skip]
    let actions = [
        Action::Down, Action::Right, Action::NextFrame, Action::Fold, Action::Left, Action::NextForm,
        Action::PageDown, Action::HalfUp, Action::Last, Action::PreviousFrame, Action::Up, Action::First,
    ];
    for sample in ["echo", "large", "protocol-errors", "handshake-answers", "gap", "subprotocols"] {
        let sample = Sample::of(sample);
        let count = sample.shared.timeline().rows();
        for id in (0..count).step_by(usize::try_from(count / 3).unwrap().max(1)) {
            for size in [(1, 1), (7, 3), (33, 9), (66, 40)] {
                let mut inspector = sample.inspect(size, |_, row| row.id.0 == id);
                for _ in Tab::ALL {
                    for action in actions {
                        inspector.press(&[action]);
                    }
                    inspector.text();
                    // Smaller and larger than what it was prepared for.
                    inspector.size = (size.1, size.0);
                    inspector.text();
                    inspector.size = size;
                    inspector.press(&[Action::NextTab]);
                }
            }
        }
    }
}

/// Text without spaces and what a page draws beside it: lines are cut at other places here and there.
fn squeezed(text: &str) -> String {
    text.chars().filter(|it| !it.is_whitespace() && !"\"┃│━".contains(*it)).collect()
}

#[test]
fn connections_have_the_phases_that_diagnose_reports() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut compared = 0;
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|it| it != "pcap") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_wslens"))
            .args(["diagnose", "--all", "--format", "ndjson"])
            .arg(&path)
            .output()
            .unwrap();
        let sample = Sample::of(name);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let Some(id) = line["connection"].as_u64().filter(|_| line["type"] == "connection")
            else {
                continue;
            };
            if sample.shared.timeline().connection(ConnectionId(id)).is_none() {
                continue;
            }
            let mut inspector = sample.inspect((150, 90), |_, row| row.connection.0 == id);
            let text = squeezed(&inspector.press(&[Action::ConnectionTab]).text());
            let shown = text.split_once("Phases").unwrap().1.split_once("Traffic").unwrap().0;
            let mut rest = shown;
            for phase in line["phases"].as_array().unwrap() {
                let words = squeezed(phase["text"].as_str().unwrap());
                let Some((_, after)) = rest.split_once(&words) else {
                    panic!("{name} #{id}: {phase} is not in {shown}");
                };
                rest = after;
                compared += 1;
            }
            assert!(rest.starts_with("End"), "{name} #{id}: {rest}");
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn broken_bits_are_looked_at_first() {
    let sample = Sample::of("protocol-errors");
    for (rule, field) in [("WS-F01", "▸ MASK = 0"), ("WS-F04", "▸ RSV2 = 1")] {
        let mut inspector = sample.inspect(WIDE, breaks(rule));
        let text = inspector.press(&[Action::FrameTab]).text();
        assert!(text.contains(field), "{text}");
    }
}

#[test]
fn hex_and_frame_share_what_is_looked_at() {
    let sample = Sample::of("echo");
    let mut inspector = sample.inspect(WIDE, is(Opcode::Text));
    // FIN, RSV1 to RSV3, opcode, MASK, length, key: four bytes.
    inspector.press(&[Action::FrameTab]);
    inspector.press(&[Action::Right; 7]);
    let key: String = inspector.opened.wire[2..6].iter().map(|it| format!("{it:02x}")).collect();
    assert!(inspector.marked().replace(' ', "").contains(&key), "{}", inspector.text());
    inspector.press(&[Action::HexTab]);
    assert!(inspector.marked().replace(' ', "").starts_with(&key), "{}", inspector.text());
    assert!(inspector.text().contains("masking key = "), "{}", inspector.text());
}

#[test]
fn decrypted_rows_are_shown_with_their_records() {
    let sample = Sample::decrypted("wss");
    sample.inspect(NARROW, is(Opcode::Text)).press(&[Action::HexTab]).compare("wss-hex");
    let head = |_: &Timeline, row: &Row| row.kind == RowKind::Request;
    let mut inspector = sample.inspect(NARROW, head);
    inspector.press(&[Action::HexTab, Action::Last]).compare("wss-request-hex");
    let last = inspector.text();
    inspector.press(&[Action::Down]);
    assert_eq!(inspector.text(), last);
    // What is not encrypted has no records.
    let sample = Sample::of("echo");
    let mut inspector = sample.inspect(NARROW, is(Opcode::Text));
    let text = inspector.press(&[Action::HexTab]).text();
    assert!(!text.contains("Decrypted") && !text.contains("As captured"), "{text}");
}

#[test]
fn scrolling_ends_at_the_last_line() {
    let sample = Sample::of("large");
    let mut inspector = sample.inspect(NARROW, |_, row| row.is_message() && row.frames > 3);
    for tab in [Action::MessageTab, Action::FrameTab, Action::HexTab, Action::ConnectionTab] {
        inspector.press(&[tab, Action::Last]);
        let last = inspector.text();
        inspector.press(&[Action::Down, Action::PageDown]);
        assert_eq!(inspector.text(), last);
        inspector.press(&[Action::Up]);
        inspector.press(&[Action::Down]);
        assert_eq!(inspector.text(), last);
        inspector.press(&[Action::First]);
    }
}

#[test]
fn json_is_folded_and_what_is_searched_for_unfolds_it() {
    let sample = Sample::of("subprotocols");
    let has_object =
        |_: &Timeline, row: &Row| row.kind == RowKind::Message(Opcode::Text) && row.length > 60;
    let mut inspector = sample.inspect(NARROW, has_object);
    let whole = inspector.text();
    assert!(whole.contains("▾ {"), "{whole}");
    inspector.press(&[Action::Fold]);
    let folded = inspector.text();
    assert!(folded.contains("▸ { …") && folded.contains("members }"), "{folded}");
    inspector.press(&[Action::Right]);
    assert_eq!(inspector.text(), whole);
    inspector.press(&[Action::Left]);
    assert_eq!(inspector.text(), folded);
    let found = inspector.with(|state, context| inspector::search(state, "payload", context));
    assert_eq!(found, Ok(()));
    assert!(inspector.text().contains("▾ {"), "{}", inspector.text());
    let found = inspector.with(|state, context| inspector::search(state, "0x123", context));
    assert!(found.unwrap_err().contains("two hexadecimal digits"));
    // The same content in its other forms.
    inspector.press(&[Action::NextForm]);
    assert!(inspector.text().contains("shown as text"), "{}", inspector.text());
    inspector.press(&[Action::NextForm]);
    assert!(inspector.text().contains("7b 22"), "{}", inspector.text());
    inspector.press(&[Action::NextForm]);
    assert!(inspector.text().contains("JSON"), "{}", inspector.text());
}
