//! What is copied and saved.

use std::path::Path;

use wslens::analysis::AnalyzerOptions;
use wslens::capture;
use wslens::capture::{CaptureFiles, GrowingFiles};
use wslens::tls::KeyLog;
use wslens::tui::app::{Effect, Overlay};
use wslens::tui::export::{Extract, Origin, Outgoing};
use wslens::tui::loader::{self, LoaderSource, SharedTimeline};
use wslens::tui::world::{LoadStage, Replace};

use crate::Screen;

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
        .run(
            &Origin::Files(CaptureFiles::one("samples/protocol-errors.pcap".into())),
            &KeyLog::default(),
            file,
        )
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
        keylogs: GrowingFiles::default(),
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
        assert!(extract.run(&origin, &KeyLog::default(), file).unwrap() > 10);
        let mut source = capture::open(&path).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = source.next_packet().unwrap() {
            packets.push((packet.time, packet.original_length, packet.bytes.to_vec()));
        }
        saved.push(packets);
    }
    assert!(saved[0] == saved[1]);
}
