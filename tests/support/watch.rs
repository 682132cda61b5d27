//! A sink that touches everything it is lent, and insists that events make sense.

use std::collections::HashMap;
use std::hint::black_box;
use std::io;

use wslens::analysis::Sink;
use wslens::analysis::Totals;
use wslens::analysis::event::Connection;
use wslens::analysis::event::ConnectionEvent;
use wslens::analysis::event::Event;
use wslens::analysis::event::EventKind;
use wslens::findings::Reading;
use wslens::http::Handshake;
use wslens::journal::Builder;
use wslens::journal::Entry;
use wslens::journal::Journal;
use wslens::journal::Statistics;
use wslens::report::Detail;
use wslens::report::Listing;
use wslens::report::Report;
use wslens::report::Selection;
use wslens::report::ndjson;
use wslens::report::ndjson::Ndjson;
use wslens::stream::Direction;
use wslens::websocket::Frame;
use wslens::websocket::Message;

/// Asserts on every event what always holds.
pub(crate) struct Watch {
    /// Whether each connection has ended.
    ended: HashMap<u64, bool>,
    journals: Journals,
    builder: Builder,
    messages: u64,
}

/// What entries are given to.
struct Journals {
    statistics: Statistics,
    ndjson: Ndjson<io::Sink>,
}

impl Journal for Journals {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.statistics.entry(entry);
        self.ndjson.entry(entry);
    }

    fn takes_frame(&self, _: &Frame) -> bool {
        true
    }

    fn frame_started(&mut self, connection: &Connection, direction: Direction, frame: &Frame) {
        self.statistics.frame_started(connection, direction, frame);
    }
}

impl Watch {
    pub(crate) fn new() -> Self {
        let options = ndjson::NdjsonOptions {
            selection: Selection::default(),
            detail: Detail::Frames,
            findings: Listing::Yes,
            max_payload: 100,
        };
        Self {
            ended: HashMap::new(),
            journals: Journals {
                statistics: Statistics::default(),
                ndjson: Ndjson::new(io::sink(), options),
            },
            builder: Builder::new(),
            messages: 0,
        }
    }

    /// Asserts what holds at the end.
    pub(crate) fn finish(self) {
        assert!(self.ended.values().all(|ended| *ended), "a connection never ended");
        let Journals { statistics, mut ndjson } = self.journals;
        assert_eq!(statistics.connections, self.ended.len() as u64);
        assert_eq!(statistics.messages().all(), self.messages);
        let summary = self.builder.summary(Totals::default(), &Reading::default());
        assert_eq!(summary.messages.all(), self.messages);
        ndjson.finish(&summary).unwrap();
    }

    fn connection(&mut self, connection: &Connection, what: &ConnectionEvent<'_>) {
        if let ConnectionEvent::Opened = what {
            let before = self.ended.insert(connection.id.0, false);
            assert_eq!(before, None, "{:?} opened twice", connection.id);
            return;
        }
        assert_eq!(self.ended.get(&connection.id.0), Some(&false), "{:?}: {what:?}", connection.id);
        match what {
            ConnectionEvent::Ended(_) => {
                self.ended.insert(connection.id.0, true);
            }
            ConnectionEvent::UpgradeRequested(handshake)
            | ConnectionEvent::HandshakeEnded(handshake)
            | ConnectionEvent::TunnelOpened(handshake)
            | ConnectionEvent::TunnelRefused(handshake) => touch_handshake(handshake),
            ConnectionEvent::FrameStarted(_, frame) | ConnectionEvent::FrameEnded(_, frame) => {
                assert!(frame.received <= frame.header.payload_length, "{frame:?}");
                assert!((2..=14).contains(&frame.header.header_length), "{frame:?}");
            }
            ConnectionEvent::Message(_, message) => {
                self.messages += 1;
                touch_message(message);
            }
            ConnectionEvent::NotAFrame(_, bytes, _)
            | ConnectionEvent::HeaderUnfinished(_, bytes, _) => {
                touch(bytes);
            }
            ConnectionEvent::Gap(_, gap) => assert!(gap.length > 0, "{gap:?}"),
            ConnectionEvent::Conflict(_, span) => assert!(span.length() > 0, "{span:?}"),
            _ => {}
        }
    }
}

impl Sink for Watch {
    fn event(&mut self, event: &Event<'_>) {
        if let EventKind::Connection(connection, what) = &event.kind {
            self.connection(connection, what);
        }
        self.builder.feeding(&mut self.journals).event(event);
    }
}

fn touch_message(message: &Message<'_>) {
    touch(message.content);
    let content = message.content.len() as u64;
    assert!(content <= message.length || !message.complete, "{message:?}");
    assert!(message.frames > 0 || !message.complete, "{message:?}");
    if let Some(close) = message.close {
        touch(close.reason);
    }
}

fn touch_handshake(handshake: &Handshake) {
    assert!(handshake.request.is_some() || handshake.response.is_some());
    for head in [&handshake.request, &handshake.response].into_iter().flatten() {
        black_box(format!("{head:?}"));
    }
    black_box((handshake.target(), handshake.host(), handshake.status(), handshake.duration()));
    black_box((handshake.expected_accept(), handshake.extensions_accepted()));
}

fn touch(bytes: &[u8]) {
    black_box(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
}
