//! What TLS carries is read as if it were carried by TCP, however it is cut, and opens again.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod support;

use wslens::analysis::event::Limit;
use wslens::analysis::{Analyzer, AnalyzerOptions};
use wslens::stream::{Direction, PerDirection};
use wslens::timeline::{OpenLimits, RowId, RowKind, open};
use wslens::tls::KeyLog;

use support::conversation::{Conversation, chat, deflated, fragmented};
use support::layout::{Layout, OPENING, packets, restamp};
use support::reopened::{Memory, assert_reopens, record, record_with_key_log};
use support::seen::{Seen, keeping, push, see};
use support::testkit::random::Random;
use support::testkit::secure::{SUITES, TestSession};
use support::testkit::traffic::TestPacket;

/// A conversation inside TLS, in records of at most `size` bytes.
fn secured(mut conversation: Conversation, suite: (u16, bool), size: usize) -> Conversation {
    let mut session = TestSession::new(suite);
    let turns = std::mem::take(&mut conversation.turns);
    for (direction, bytes) in session.handshake() {
        conversation.bytes(direction, &bytes);
    }
    for (direction, bytes) in turns {
        let records = session.data_in(direction, &bytes, size);
        conversation.bytes(direction, &records);
    }
    conversation
}

/// Conversations of some dozens of packets.
fn short() -> Vec<Conversation> {
    vec![chat(), fragmented(), deflated()]
}

fn options(suite: (u16, bool)) -> AnalyzerOptions {
    let mut keylog = KeyLog::default();
    keylog.add(TestSession::new(suite).key_log().as_bytes()).unwrap();
    AnalyzerOptions { keylog, ..keeping() }
}

/// TLS 1.3, and blocks of TLS 1.2.
const FEW: [(u16, bool); 2] = [(0x1301, false), (0xc027, true)];

#[track_caller]
fn assert_whole(
    conversation: &Conversation,
    suite: (u16, bool),
    carried: &[TestPacket],
    what: &str,
) {
    let (seen, name) = (see(carried, options(suite)), conversation.name);
    for direction in Direction::BOTH {
        let (said, got) = (conversation.said.get(direction), seen.messages.get(direction));
        assert!(said == got, "{name}, {what}: {} of {} messages", got.len(), said.len());
    }
    let clean = seen.gaps.client.len() + seen.gaps.server.len() + seen.lost + seen.limits.len();
    assert_eq!(clean, 0, "{name}, {what}: gaps, lost sync or limits");
    assert_eq!(seen.conflicts, PerDirection::default(), "{name}, {what}: conflicts");
    assert_eq!(seen.handshakes, 1, "{name}, {what}: handshakes");
}

#[track_caller]
fn assert_opens(suite: (u16, bool), carried: &[TestPacket], what: &str) {
    assert_reopens(&record(carried, options(suite)), &Memory::new(carried), what);
}

#[test]
fn sizes_of_records_and_segments_change_nothing() {
    for suite in FEW {
        for records in [1, 7, 100, 1 << 14] {
            for segments in [1, 60, 1448, 65_000] {
                for conversation in short() {
                    let conversation = secured(conversation, suite, records);
                    let layout = Layout { segments: vec![segments], ..Layout::default() };
                    let carried = packets(&conversation, &layout);
                    let what = format!("{:#06x}, {records} in {segments}", suite.0);
                    assert_whole(&conversation, suite, &carried, &what);
                    if segments > 1 {
                        assert_opens(suite, &carried, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn all_suites_are_read_and_open() {
    for suite in SUITES {
        let conversation = secured(deflated(), *suite, 500);
        let carried = packets(&conversation, &Layout::default());
        let what = format!("{:#06x}", suite.0);
        assert_whole(&conversation, *suite, &carried, &what);
        assert_opens(*suite, &carried, &what);
    }
}

#[test]
fn rows_open_with_the_records_that_carried_them() {
    for suite in SUITES {
        for (records, segments) in [(500, 60), (30, 1448), (1 << 14, 1448)] {
            let conversation = secured(chat(), *suite, records);
            let mut streams: PerDirection<Vec<u8>> = PerDirection::default();
            for (direction, bytes) in &conversation.turns {
                streams.get_mut(*direction).extend_from_slice(bytes);
            }
            let layout = Layout { segments: vec![segments], ..Layout::default() };
            let carried = packets(&conversation, &layout);
            let both = record(&carried, options(*suite));
            let store = Memory::new(&carried);
            let timeline = &both.timeline;
            let rows = (0..timeline.rows()).filter_map(|id| timeline.row(RowId(id)));
            let mut seen = 0;
            for row in rows.filter(|row| row.is_message() || row.kind == RowKind::Request) {
                let what = format!("{:#06x}, {records} in {segments}: {row:?}", suite.0);
                let opened = open(timeline, row.id, &store, OpenLimits::default()).unwrap();
                let (stream, found) = (streams.get(row.direction.unwrap()), &opened.carried);
                assert!(!found.records.is_empty() && !found.cut, "{what}");
                for record in &found.records {
                    let bytes = &found.bytes[record.range.clone()];
                    assert_eq!((bytes[0], bytes[1]), (23, 3), "{what}");
                    let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
                    assert_eq!(bytes.len(), length + 5, "{what}");
                    let start = usize::try_from(record.pieces[0].offset).unwrap();
                    assert!(stream[start..start + bytes.len()] == *bytes, "{what}");
                }
                let pieces = || found.records.iter().flat_map(|record| &record.pieces);
                let numbers = || pieces().map(|piece| piece.packet);
                let around = numbers().min().unwrap()..=numbers().max().unwrap();
                assert!(around.contains(&row.first) && around.contains(&row.last), "{what}");
                seen += 1;
            }
            assert!(seen > 3, "{seen}");
            // Only who asks for them gets them.
            let without = OpenLimits { carried: 0, ..OpenLimits::default() };
            let opened = open(timeline, RowId(timeline.rows() / 2), &store, without).unwrap();
            assert!(opened.carried.bytes.is_empty());
        }
    }
}

#[test]
fn packets_may_change_places_and_come_twice() {
    for suite in FEW {
        for seed in 0..30 {
            let mut random = Random(seed);
            for conversation in short() {
                let conversation = secured(conversation, suite, 90);
                let layout = Layout { segments: vec![20 + random.below(200)], ..Layout::default() };
                let mut carried = packets(&conversation, &layout);
                if seed % 3 == 0 {
                    let again: Vec<TestPacket> = carried[OPENING..].to_vec();
                    let both = carried[OPENING..].iter().zip(&again);
                    let twice = both.flat_map(|(one, other)| [one.clone(), other.clone()]);
                    carried = [carried[..OPENING].to_vec(), twice.collect()].concat();
                }
                for window in carried[OPENING..].chunks_mut(8) {
                    random.shuffle(window);
                }
                restamp(&mut carried);
                let what = format!("{:#06x}, shuffled with seed {seed}", suite.0);
                assert_whole(&conversation, suite, &carried, &what);
                assert_opens(suite, &carried, &what);
            }
        }
    }
}

#[test]
fn lost_packets_cost_only_their_messages() {
    for suite in FEW {
        for conversation in short() {
            let sent = conversation.said.clone();
            let conversation = secured(conversation, suite, 90);
            let layout = Layout { segments: vec![120], ..Layout::default() };
            let carried = packets(&conversation, &layout);
            for lost in OPENING + 8..carried.len() - 3 {
                let mut left = carried.clone();
                left.remove(lost);
                let what = format!("{:#06x}, {}, without {lost}", suite.0, conversation.name);
                let seen = see(&left, options(suite));
                for direction in Direction::BOTH {
                    let sent = sent.get(direction);
                    for message in seen.messages.get(direction).iter().filter(|it| it.complete) {
                        assert!(sent.contains(message), "{what}: {message:?} was not sent");
                    }
                }
                assert_opens(suite, &left, &what);
            }
        }
    }
}

#[test]
fn long_streams_open_from_saved_places() {
    for suite in FEW {
        let mut conversation = Conversation::deflated("long");
        for number in 0..60_u32 {
            let text = format!("{number} {}", "text ".repeat(700));
            conversation.say_deflated(Direction::ServerToClient, text.as_bytes(), 1);
            let content = vec![number.to_le_bytes()[0]; 3_000];
            conversation.say_in_frames(Direction::ClientToServer, &content, 2_000);
        }
        let conversation = secured(conversation, suite, 4_000);
        let carried = packets(&conversation, &Layout::default());
        assert_whole(&conversation, suite, &carried, "long");
        assert_opens(suite, &carried, "long");
    }
}

/// What is seen if the secrets come after so many packets of a live capture.
fn see_late(suite: (u16, bool), carried: &[TestPacket], late: usize) -> Seen {
    let mut seen = Seen::default();
    let mut analyzer = Analyzer::new(AnalyzerOptions { keylog: KeyLog::growing(), ..keeping() });
    let (before, after) = carried.split_at(late);
    push(&mut analyzer, before, 0, &mut seen);
    analyzer.learn_secrets(TestSession::new(suite).key_log().as_bytes(), &mut seen);
    push(&mut analyzer, after, u64::try_from(late).unwrap(), &mut seen);
    analyzer.finish(&mut seen);
    seen
}

#[test]
fn secrets_may_come_at_any_time_of_a_live_capture() {
    for suite in SUITES {
        for conversation in short() {
            let conversation = secured(conversation, *suite, 300);
            let carried = packets(&conversation, &Layout::default());
            let (whole, hidden) = (see(&carried, options(*suite)), see(&carried, keeping()));
            for late in 0..=carried.len() {
                let seen = see_late(*suite, &carried, late);
                let what = format!("{}, {:#06x}, after {late}", conversation.name, suite.0);
                // The end of the connection is the end of waiting.
                if late < carried.len() - 1 {
                    assert_eq!(seen.messages, whole.messages, "{what}");
                    assert_eq!((seen.handshakes, seen.lost), (1, 0), "{what}");
                }
                let gaps = seen.gaps.client.len() + seen.gaps.server.len();
                assert_eq!(gaps, 0, "{what}");
                let expected = if late < carried.len() - 1 { &whole } else { &hidden };
                assert_eq!(seen.outcomes, expected.outcomes, "{what}");
            }
        }
    }
}

#[test]
fn gaps_before_the_secrets_cost_what_they_cost_otherwise() {
    for suite in FEW {
        let conversation = secured(chat(), suite, 90);
        let layout = Layout { segments: vec![120], ..Layout::default() };
        let carried = packets(&conversation, &layout);
        for lost in OPENING + 8..carried.len() - 3 {
            let mut left = carried.clone();
            left.remove(lost);
            let whole = see(&left, options(suite));
            for late in [OPENING + 3, lost, left.len() - 3] {
                let seen = see_late(suite, &left, late);
                let what = format!("{:#06x}, without {lost}, after {late}", suite.0);
                assert_eq!(seen.messages, whole.messages, "{what}");
            }
        }
    }
}

#[test]
fn secrets_are_not_awaited_for_ever() {
    let suite = (0x1301, false);
    let conversation = secured(chat(), suite, 300);
    let mut carried = packets(&conversation, &Layout::default());
    for packet in &mut carried[OPENING + 6..] {
        packet.time += 11_000_000_000;
    }
    let seen = see_late(suite, &carried, OPENING + 8);
    assert_eq!(seen.messages, PerDirection::default());
    assert_eq!(seen.limits.len(), 0);
}

#[test]
fn rows_open_whose_secrets_came_late() {
    for suite in FEW {
        let conversation = secured(deflated(), suite, 300);
        let carried = packets(&conversation, &Layout::default());
        let log = TestSession::new(suite).key_log();
        for late in (OPENING..carried.len() - 1).step_by(3) {
            let growing = AnalyzerOptions { keylog: KeyLog::growing(), ..keeping() };
            let both = record_with_key_log(&carried, growing, late, &log);
            let said = conversation.said.client.len() + conversation.said.server.len();
            let what = format!("{:#06x}, after {late}", suite.0);
            assert_eq!(both.messages.len(), said, "{what}");
            assert_reopens(&both, &Memory::new(&carried), &what);
        }
    }
}

#[test]
fn what_waits_for_secrets_counts_as_memory() {
    let suite = (0x1301, false);
    let mut conversation = Conversation::deflated("long");
    for _ in 0..40 {
        conversation.say_in_frames(Direction::ServerToClient, &[b'x'; 10_000], 20_000);
    }
    let carried = packets(&secured(conversation, suite, 4_000), &Layout::default());
    let mut options = AnalyzerOptions { keylog: KeyLog::growing(), ..keeping() };
    options.limits.memory = 100 << 10;
    let mut seen = Seen::default();
    let mut analyzer = Analyzer::new(options);
    let mut most = 0;
    for number in 0..carried.len() {
        push(&mut analyzer, &carried[number..=number], u64::try_from(number).unwrap(), &mut seen);
        most = most.max(analyzer.kept());
    }
    analyzer.learn_secrets(TestSession::new(suite).key_log().as_bytes(), &mut seen);
    analyzer.finish(&mut seen);
    assert!(most <= 120 << 10, "{most} bytes were kept");
    assert_eq!(seen.limits, [Limit::Memory]);
    assert_eq!(seen.messages, PerDirection::default());
}
