//! What is counted while lines are written, for the end of the report.

use super::filtered::Matched;
use super::severities::Severities;
use crate::analysis::Totals;
use crate::analysis::event::{Connection, ConnectionEvent, Event, EventKind, Limit, Nature};
use crate::capture::LinkType;
use crate::decode::link_type_name;
use crate::findings::{CaptureMemory, Reading, Rule};
use crate::text::amount::{counted, duration, grouped, seconds, size};

/// Counters of one capture.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// TCP connections.
    pub(super) connections: u64,
    /// Those that were a WebSocket when they ended.
    pub(super) websockets: u64,
    /// WebSocket frames.
    pub(super) frames: u64,
    /// WebSocket messages.
    pub(super) messages: u64,
    /// What was found; `None` where nobody judged.
    pub(super) found: Option<Severities>,
    /// How much a filter matched; `None` where there is none.
    pub(super) matched: Option<Matched>,
    /// What was counted of the capture as a whole.
    capture: CaptureMemory,
    gaps: u64,
    missing_bytes: u64,
    /// Connections recognized by their frames.
    recognized: u64,
    /// Connections of which one direction is missing.
    one_sided: u64,
    sync_losses: u64,
    conflicts: u64,
    limits: u64,
    duplicates: u64,
}

impl Tally {
    /// Makes the counters of a capture that is judged.
    pub(super) fn judged() -> Self {
        Self { found: Some(Severities::default()), ..Self::default() }
    }

    /// Counts as many findings of a rule.
    pub(super) fn found(&mut self, rule: &Rule, count: u64) {
        self.found.get_or_insert_default().add(rule.severity, count);
    }

    /// Counts an event.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        match event.kind {
            EventKind::Connection(connection, event) => self.connection(connection, &event),
            EventKind::Capture(event) => self.capture.observe(event),
            EventKind::Dns(_) | EventKind::Icmp(_) => {}
        }
    }

    fn connection(&mut self, connection: &Connection, event: &ConnectionEvent<'_>) {
        match event {
            ConnectionEvent::Opened => add(&mut self.connections),
            ConnectionEvent::FrameEnded(..) => add(&mut self.frames),
            ConnectionEvent::Message(..) => add(&mut self.messages),
            ConnectionEvent::Gap(_, gap) => {
                if is_ours(connection) {
                    add(&mut self.gaps);
                    self.missing_bytes = self.missing_bytes.saturating_add(gap.length);
                }
            }
            ConnectionEvent::SyncLost(..) => add(&mut self.sync_losses),
            ConnectionEvent::Conflict(..) => add(&mut self.conflicts),
            ConnectionEvent::Limit(_) => add(&mut self.limits),
            ConnectionEvent::Recognized(_) => add(&mut self.recognized),
            ConnectionEvent::Ended(ending) => {
                if ending.relevant && ending.unseen.is_some() {
                    add(&mut self.one_sided);
                }
                self.duplicates = self.duplicates.saturating_add(connection.duplicates);
                if connection.nature == Nature::WebSocket {
                    add(&mut self.websockets);
                }
            }
            ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::HandshakeEnded(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::StateChanged => {}
        }
    }

    /// How often the clock went backwards so far.
    pub(super) fn clock_steps(&self) -> u64 {
        self.capture.clock_steps
    }

    /// Says what could not be seen, by rule.
    pub(super) fn notes(&self, reading: &Reading<'_>) -> Vec<Note> {
        let facts = &self.capture;
        let mut notes = Vec::new();
        let mut note = |rule, count: u64, write: &dyn Fn(&mut String)| {
            if count > 0 {
                let mut text = String::new();
                write(&mut text);
                notes.push(Note { rule, count, text });
            }
        };
        note("CAP-01", self.gaps, &|text| {
            counted(text, self.missing_bytes, "byte");
            text.push_str(" missing in ");
            counted(text, self.gaps, "gap");
        });
        note("CAP-02", facts.cut_packets, &|text| {
            counted(text, facts.cut_packets, "packet");
            text.push_str(" cut short by the snap length (capture whole packets: tcpdump -s 0)");
        });
        note("CAP-03", self.recognized, &|text| {
            counted(text, self.recognized, "connection");
            text.push_str(" recognized as WebSocket by frames: the handshake was not captured");
        });
        note("CAP-05", self.one_sided, &|text| {
            counted(text, self.one_sided, "connection");
            text.push_str(" captured in one direction only");
        });
        note("CAP-04", self.sync_losses, &|text| {
            text.push_str("frame boundaries lost ");
            counted(text, self.sync_losses, "time");
        });
        note("CAP-06", self.conflicts, &|text| {
            counted(text, self.conflicts, "time");
            text.push_str(" the same stream bytes came with other content");
        });
        note("CAP-07", facts.clock_steps, &|text| {
            text.push_str("timestamps go backwards ");
            counted(text, facts.clock_steps, "time");
            text.push_str(", by ");
            duration(text, facts.largest_clock_step);
            text.push_str(" at most");
        });
        note("CAP-08", u64::from(reading.damage.is_some()), &|text| {
            text.push_str(reading.damage.unwrap_or_default());
            text.push_str("; ");
            counted(text, reading.packets, "packet");
            text.push_str(" read");
        });
        for skipped in reading.skipped {
            note("CAP-08", 1, &|text| text.push_str(skipped));
        }
        note("CAP-08", facts.malformed, &|text| {
            counted(text, facts.malformed, "packet");
            text.push_str(" too short or contradictory below TCP");
        });
        note("CAP-09", reading.dropped, &|text| {
            counted(text, reading.dropped, "packet");
            text.push_str(" lost by the capturing machine (a larger buffer or a filter helps)");
        });
        let limits = self.limits.saturating_add(facts.fragment_limits);
        note("CAP-09", limits, &|text| {
            text.push_str("data was let go ");
            counted(text, limits, "time");
            text.push_str(" because a limit was reached");
        });
        for (link_type, packets) in &facts.link_types {
            note("CAP-10", *packets, &|text| {
                text.push_str("link type ");
                text.push_str(&link_type.to_string());
                if let Some(name) = link_type_name(LinkType(*link_type)) {
                    text.push_str(" (");
                    text.push_str(name);
                    text.push(')');
                }
                text.push_str(" is not supported: ");
                counted(text, *packets, "packet");
                text.push_str(" skipped");
            });
        }
        for (name, packets) in &facts.encapsulations {
            note("CAP-10", *packets, &|text| {
                text.push_str(name);
                text.push_str(" cannot be read: ");
                counted(text, *packets, "packet");
                text.push_str(" skipped");
            });
        }
        note("CAP-10", facts.too_deep, &|text| {
            counted(text, facts.too_deep, "packet");
            text.push_str(" skipped: too many tunnels inside one another");
        });
        note("CAP-11", self.duplicates, &|text| {
            counted(text, self.duplicates, "packet");
            text.push_str(" captured twice, used once");
        });
        notes
    }
}

/// Something that could not be seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Note {
    /// Its rule in the catalogue.
    pub(super) rule: &'static str,
    /// How often, or how many packets.
    pub(super) count: u64,
    /// In words.
    pub(super) text: String,
}

/// Whether what happens on a connection matters to a reader of WebSocket traffic.
pub(super) fn is_ours(connection: &Connection) -> bool {
    match connection.nature {
        Nature::WebSocket | Nature::UpgradeRequested => true,
        Nature::Unknown | Nature::Http | Nature::Unreadable | Nature::Other => false,
    }
}

/// What a limit is on.
pub(super) fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::BufferedPerConnection => "out-of-order bytes kept for one connection",
        Limit::BufferedTotal => "out-of-order bytes kept for all connections",
        Limit::Connections => "open connections",
        Limit::HeadBytes => "bytes of an HTTP head",
    }
}

fn add(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// Appends the counters as one sentence.
pub(super) fn summary(tally: &Tally, totals: &Totals, out: &mut String) {
    counted(out, totals.packets, "packet");
    out.push_str(" (");
    size(out, totals.bytes);
    out.push_str("), ");
    counted(out, tally.connections, "connection");
    out.push_str(" (");
    grouped(out, tally.websockets);
    out.push_str(" WebSocket), ");
    counted(out, tally.messages, "message");
    out.push_str(", ");
    counted(out, tally.frames, "frame");
    out.push_str(" in ");
    seconds(out, totals.duration());
    out.push_str(" s");
    if let Some(found) = tally.found.filter(|found| !found.is_empty()) {
        out.push_str(": ");
        found.write(out);
    }
}

/// Appends how much a filter matched.
pub(super) fn matched(matched: Matched, out: &mut String) {
    counted(out, matched.messages, "message");
    for (number, noun) in [(matched.frames, "frame"), (matched.handshakes, "handshake")] {
        if number > 0 {
            out.push_str(", ");
            counted(out, number, noun);
        }
    }
    out.push_str(" matched");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::CaptureEvent;
    use crate::decode::Reason;
    use crate::stream::Origin;

    #[test]
    fn what_could_not_be_seen_is_told_with_its_rule() {
        let mut tally = Tally::default();
        for event in [
            CaptureEvent::Undecoded(Reason::LinkType(127)),
            CaptureEvent::Undecoded(Reason::LinkType(127)),
            CaptureEvent::Undecoded(Reason::LinkType(9999)),
            CaptureEvent::Undecoded(Reason::NotTcp),
            CaptureEvent::CutPacket { captured: 96, original: 1500 },
            CaptureEvent::ClockBackwards(2_000_000),
            CaptureEvent::ClockBackwards(1_000_000),
        ] {
            tally.observe(&Event { origin: Origin::default(), kind: EventKind::Capture(event) });
        }
        let facts = Reading { packets: 7, damage: Some("x is cut off"), ..Reading::default() };
        let notes: Vec<String> =
            tally.notes(&facts).iter().map(|note| format!("{} {}", note.rule, note.text)).collect();
        assert_eq!(
            notes,
            [
                "CAP-02 1 packet cut short by the snap length (capture whole packets: tcpdump -s 0)",
                "CAP-07 timestamps go backwards 2 times, by 2.0 ms at most",
                "CAP-08 x is cut off; 7 packets read",
                "CAP-10 link type 127 (IEEE802_11_RADIOTAP) is not supported: 2 packets skipped",
                "CAP-10 link type 9999 is not supported: 1 packet skipped",
            ]
        );
    }

    #[test]
    fn a_healthy_capture_has_no_notes() {
        assert_eq!(Tally::default().notes(&Reading::default()), []);
    }
}
