//! What a capture comes to: counted once, for the end of every report.

use super::explained::ExplainedCounts;
use super::found_on::FoundOnConnections;
use super::severities::Severities;
use crate::analysis::Totals;
use crate::analysis::event::{CaptureEvent, Connection, ConnectionEvent, Nature, Transport};
use crate::capture::{FilePackets, LinkType};
use crate::decode::link_type_name;
use crate::findings::{CaptureMemory, Reading, RelatedConnections, Revision, Severity};
use crate::text::amount::{counted, duration, elapsed, grouped, size};
use crate::websocket::MessageCounts;

/// What a capture comes to.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What was counted of packets and connections.
    pub totals: Totals,
    /// Connections that were a WebSocket when they ended.
    pub websockets: u64,
    /// Connections inside whose TLS nothing could be read.
    pub encrypted: u64,
    /// WebSocket frames.
    pub frames: u64,
    /// WebSocket messages and control frames.
    pub messages: MessageCounts,
    /// What was found, those only counted included; `None` if no rules were checked.
    pub found: Option<Severities>,
    /// Causes, and how much of what was found follows from them.
    pub explained: ExplainedCounts,
    /// How much a filter matched; `None` without a filter.
    pub matched: Option<Matched>,
    /// What could not be seen.
    pub notes: Vec<Note>,
    /// The files that were read as one; none if there was only one.
    pub files: Vec<FilePackets>,
    /// Which connections have to do with WebSocket.
    pub related: RelatedConnections,
}

/// How much of a capture a filter matches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Matched {
    /// Messages and control frames.
    pub messages: MessageCounts,
    /// Frames, if they are asked about.
    pub frames: u64,
    /// Handshakes that have ended.
    pub handshakes: u64,
}

/// Something that could not be seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Its rule in the catalogue.
    pub rule: &'static str,
    /// How often, or how many packets.
    pub count: u64,
    /// In words. The reader of the capture names files in it, and a file name may hold any character.
    pub text: String,
}

impl Summary {
    /// Which packets come from which of several files, a line for each, up to a limit. A file name may
    /// hold any character.
    pub fn files_in_words(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.files.iter().take(LISTED_FILES).map(range).collect();
        let more = self.files.len().saturating_sub(LISTED_FILES);
        if more > 0 {
            lines.push(format!("{more} more files"));
        }
        lines
    }

    /// Appends the counters as one sentence.
    pub fn write(&self, out: &mut String) {
        let totals = &self.totals;
        counted(out, totals.packets, "packet");
        out.push_str(" (");
        size(out, totals.bytes);
        out.push_str("), ");
        counted(out, totals.connections, "connection");
        out.push_str(" (");
        grouped(out, self.websockets);
        out.push_str(" WebSocket), ");
        self.messages.write(out);
        out.push_str(", ");
        counted(out, self.frames, "frame");
        out.push_str(" in ");
        elapsed(out, totals.duration());
        if let Some(found) = self.found.filter(|found| !self.explained.is_nothing(*found)) {
            out.push_str(": ");
            self.explained.write(found, out);
        }
        if let Some(matched) = self.matched {
            out.push_str("; ");
            matched.write(out);
        }
    }
}

/// The packets of one of several files.
fn range(file: &FilePackets) -> String {
    let FilePackets { name, packets, range: (first, last) } = file;
    let between = last.0.saturating_sub(first.0).saturating_add(1);
    match packets {
        0 => format!("no packets: {name}"),
        1 => format!("packet {first}: {name}"),
        count if *count == between => format!("packets {first}-{last}: {name}"),
        count => format!("packets {first}-{last}, {count} of them: {name}"),
    }
}

impl Matched {
    /// Appends the counters in words.
    fn write(self, out: &mut String) {
        self.messages.write(out);
        for (number, noun) in [(self.frames, "frame"), (self.handshakes, "handshake")] {
            if number > 0 {
                out.push_str(", ");
                counted(out, number, noun);
            }
        }
        out.push_str(" matched");
    }
}

/// Counts what a summary needs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) frames: u64,
    pub(super) messages: MessageCounts,
    websockets: u64,
    encrypted: u64,
    found: Severities,
    pub(super) found_on: FoundOnConnections,
    capture: CaptureMemory,
    gaps: u64,
    missing_bytes: u64,
    /// Connections recognized by their frames.
    recognized: u64,
    /// Connections with only one direction captured.
    one_sided: u64,
    sync_losses: u64,
    conflicts: u64,
    limits: u64,
    duplicates: u64,
}

impl Tally {
    /// The summary of the whole capture.
    pub(super) fn summary(&self, totals: Totals, reading: &Reading<'_>) -> Summary {
        Summary {
            totals,
            websockets: self.websockets,
            encrypted: self.encrypted,
            frames: self.frames,
            messages: self.messages,
            found: Some(self.found),
            explained: self.found_on.counts(),
            matched: None,
            notes: self.notes(reading),
            files: reading.files.to_vec(),
            related: RelatedConnections::default(),
        }
    }

    /// Counts as many findings of a severity.
    pub(super) fn found(&mut self, severity: Severity, count: u64) {
        self.found.add(severity, count);
    }

    /// Counts a finding with another severity than before.
    pub(super) fn revised(&mut self, revision: Revision) {
        self.found_on.revise(revision);
        if revision.is_cause {
            return;
        }
        self.found.move_one(revision.before, revision.after);
    }

    /// Counts something about the capture as a whole.
    pub(super) fn capture(&mut self, event: CaptureEvent) {
        self.capture.observe(event);
    }

    /// Counts an event. Frames and messages are counted by their builder: they are frequent.
    pub(super) fn connection(&mut self, connection: &Connection, event: &ConnectionEvent<'_>) {
        match event {
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
                if is_encrypted(connection) {
                    add(&mut self.encrypted);
                }
            }
            ConnectionEvent::Opened
            | ConnectionEvent::UpgradeRequested(_)
            | ConnectionEvent::HandshakeEnded(_)
            | ConnectionEvent::TunnelOpened(_)
            | ConnectionEvent::TunnelRefused(_)
            | ConnectionEvent::ProxyHeader(..)
            | ConnectionEvent::Socks(..)
            | ConnectionEvent::StrayBytes(_)
            | ConnectionEvent::Tls(..)
            | ConnectionEvent::NotAFrame(..)
            | ConnectionEvent::HeaderUnfinished(..)
            | ConnectionEvent::FrameStarted(..)
            | ConnectionEvent::FrameEnded(..)
            | ConnectionEvent::Message(..)
            | ConnectionEvent::InvalidUtf8 { .. }
            | ConnectionEvent::SyncFound(..)
            | ConnectionEvent::StateChanged => {}
        }
    }

    /// Says what could not be seen, by rule.
    fn notes(&self, reading: &Reading<'_>) -> Vec<Note> {
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
            text.push_str("data was discarded ");
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

/// Whether what happens on a connection matters to a reader of WebSocket traffic.
fn is_ours(connection: &Connection) -> bool {
    match connection.nature {
        // A WebSocket may be inside.
        Nature::WebSocket | Nature::UpgradeRequested | Nature::Unreadable => true,
        Nature::Unknown | Nature::Http | Nature::Http2 | Nature::Other => false,
    }
}

/// Whether a connection speaks inside TLS, and nothing of it was decrypted.
fn is_encrypted(connection: &Connection) -> bool {
    connection.transport == Transport::Tls
        && connection.nature == Nature::Unreadable
        && connection
            .tls
            .as_deref()
            .is_none_or(|tls| tls.established.is_some() && tls.key_source.is_none())
}

fn add(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// How many of several files are listed.
const LISTED_FILES: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Reason;
    use crate::stream::PacketId;

    #[test]
    fn what_could_not_be_seen_is_reported_with_its_rule() {
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
            tally.capture(event);
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

    #[test]
    fn files_that_were_joined_are_listed_with_their_packets() {
        let file = |name: &str, packets, first, last| FilePackets {
            name: name.to_owned(),
            packets,
            range: (PacketId(first), PacketId(last)),
        };
        let mut files = vec![
            file("a", 44, 1, 44),
            file("b", 1, 45, 45),
            file("c", 0, 0, 0),
            file("d", 3, 46, 50),
        ];
        let summary = Summary { files: files.clone(), ..Summary::default() };
        assert_eq!(
            summary.files_in_words(),
            ["packets 1-44: a", "packet 45: b", "no packets: c", "packets 46-50, 3 of them: d"]
        );
        files.resize(60, file("e", 1, 51, 51));
        let summary = Summary { files, ..Summary::default() };
        assert_eq!(summary.files_in_words().len(), 51);
        assert_eq!(summary.files_in_words().last().unwrap(), "10 more files");
    }
}
