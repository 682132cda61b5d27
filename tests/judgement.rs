//! How bytes are cut and carried never changes which rules are broken, where, and by whom.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "tests make or read their own input and may panic"
)]

mod support;

use wslens::analysis::Analyzer;
use wslens::analysis::Sink;
use wslens::analysis::event::ConnectionId;
use wslens::analysis::event::Event;
use wslens::findings::Checker;
use wslens::findings::Finding;
use wslens::findings::Findings;
use wslens::findings::Reading;
use wslens::findings::Rule;
use wslens::findings::Settings;
use wslens::findings::Severity;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::websocket::Opcode;

use support::conversation::Conversation;
use support::conversation::chat;
use support::conversation::deflated;
use support::conversation::fragmented;
use support::conversation::large;
use support::layout::Layout;
use support::layout::OPENING;
use support::layout::packets;
use support::layout::restamp;
use support::seen::keeping;
use support::seen::push;
use support::testkit::random::Random;
use support::testkit::traffic::TestPacket;

#[test]
fn healthy_conversations_break_no_rule() {
    for conversation in [chat(), fragmented(), deflated(), large()] {
        for size in [7, 100, 1448, 65_000] {
            if size < 100 && conversation.name == large().name {
                continue;
            }
            let layout = Layout { segments: vec![size], ..Layout::default() };
            let found = judge(&packets(&conversation, &layout));
            // Nobody answers the Pings between the fragments of these conversations.
            let grave: Vec<&Broken> =
                found.iter().filter(|it| it.is_grave() && it.rule != "WS-C14").collect();
            assert!(grave.is_empty(), "{} in segments of {size}: {grave:?}", conversation.name);
        }
    }
}

#[test]
fn segment_size_changes_no_finding() {
    let conversation = faulty();
    let whole = judge(&packets(&conversation, &Layout::default()));
    let rules: Vec<&str> = whole.iter().map(|it| it.rule).collect();
    for expected in ["WS-F01", "WS-F02", "WS-F04", "WS-F05", "WS-F07", "WS-F12", "WS-M01", "WS-C04"]
    {
        assert!(rules.contains(&expected), "{expected} is not among {rules:?}");
    }
    for size in [1, 2, 3, 5, 7, 11, 40, 100, 333] {
        let layout = Layout { segments: vec![size], ..Layout::default() };
        assert_eq!(judge(&packets(&conversation, &layout)), whole, "segments of {size}");
    }
}

#[test]
fn order_and_repetition_change_no_error() {
    let conversation = faulty();
    let layout = Layout { segments: vec![30], ..Layout::default() };
    let carried = packets(&conversation, &layout);
    let expected = errors(&judge(&carried));
    for first in OPENING..carried.len() - 1 {
        let mut swapped = carried.clone();
        swapped.swap(first, first + 1);
        restamp(&mut swapped);
        assert_eq!(errors(&judge(&swapped)), expected, "packet {} and the next swapped", first + 1);
    }
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut repeated = Vec::new();
        for packet in &carried {
            repeated.push(packet.clone());
            if random.below(4) == 0 {
                repeated.push(packet.clone());
            }
        }
        assert_eq!(errors(&judge(&repeated)), expected, "repeated with seed {seed}");
    }
}

/// A conversation that breaks many rules.
fn faulty() -> Conversation {
    let mut it = Conversation::plain("faulty");
    it.say(ClientToServer, Opcode::Text, b"as it should be");
    it.bytes(ClientToServer, b"\x81\x08unmasked");
    it.bytes(ServerToClient, b"\x81\x86abcd\x0c\x03\x10\x0f\x04\x06");
    it.bytes(ServerToClient, b"\xa2\x03abc\x83\x00\x81\x7e\x00\x02hi");
    it.say(ServerToClient, Opcode::Text, "\u{20ac}".as_bytes());
    it.bytes(ServerToClient, b"\x01\x03caf\x00\x02\xe2\x82\x80\x01z");
    it.bytes(ServerToClient, b"\x01\x02ab\x81\x02cd\x80\x02ef");
    it.say(ClientToServer, Opcode::Ping, b"?");
    it.say(ServerToClient, Opcode::Pong, b"?");
    it.bytes(ServerToClient, b"\x88\x02\x01\xad");
    it.say(ClientToServer, Opcode::Close, b"\x03\xe8");
    it
}

/// A finding without what depends on how it was carried.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Broken {
    rule: &'static str,
    side: Option<&'static str>,
    offset: Option<u64>,
    error: bool,
    warning: bool,
}

impl Broken {
    fn is_grave(&self) -> bool {
        self.error || self.warning
    }
}

fn errors(found: &[Broken]) -> Vec<Broken> {
    let mut errors: Vec<Broken> = found.iter().filter(|it| it.error).cloned().collect();
    errors.sort();
    errors
}

/// What the rules find in packets that come without a file.
fn judge(packets: &[TestPacket]) -> Vec<Broken> {
    let mut bench = Bench { checker: Checker::new(Settings::default()), found: Found::default() };
    let mut analyzer = Analyzer::new(keeping());
    push(&mut analyzer, packets, 0, &mut bench);
    analyzer.finish(&mut bench);
    bench.checker.finish(&Reading::default(), &mut bench.found);
    bench.found.0
}

struct Bench {
    checker: Checker,
    found: Found,
}

#[derive(Default)]
struct Found(Vec<Broken>);

impl Sink for Bench {
    fn event(&mut self, event: &Event<'_>) {
        self.checker.event(event, &mut self.found);
    }
}

impl Findings for Found {
    fn finding(&mut self, finding: &Finding) {
        self.0.push(Broken {
            rule: finding.rule.id,
            side: finding.side.map(|side| side.name()),
            // Of what happened to a connection, the place is that of a packet.
            offset: finding.bits.and(finding.offset),
            error: finding.rule.severity == Severity::Error,
            warning: finding.rule.severity == Severity::Warning,
        });
    }

    fn folded(&mut self, _: &'static Rule, _: ConnectionId, _: u64) {}
}
