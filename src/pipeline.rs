//! Analyzer, rules and journal in one: packets in, entries out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::analysis::event::{Connection, ConnectionId, Event};
use crate::analysis::{Analyzer, AnalyzerOptions, PayloadPacket, Sink, Totals};
use crate::capture::live::SocketOwners;
use crate::capture::{Packet, PacketSource, Secrets};
use crate::findings::{Checker, ConnectionName, Findings, NamedConnections, Reading, Settings};
use crate::journal::{Builder, Hindsight, Journal, SessionChange, Summary};
use crate::stream::{Chunk, Direction, Timestamp};
use crate::tls::{KeyLog, SessionSecrets};

/// Packets in, entries out.
#[derive(Debug)]
pub struct Pipeline {
    analyzer: Analyzer,
    /// `None` if no rules are checked: that takes time.
    checker: Option<Checker>,
    named: NamedConnections,
    builder: Builder,
    /// Memory taken above the layers, as the budget knows it.
    kept: usize,
    /// Secrets of the source that were added.
    secrets: usize,
    /// Comments of the source that were looked at.
    comments: usize,
    written: WrittenSecrets,
    /// Sessions whose secrets a growing key log is expected to get, with the time of their `ClientHello`.
    awaited: VecDeque<([u8; 32], Timestamp)>,
}

/// The secrets that the source writes along with its packets.
#[derive(Debug, Default)]
struct WrittenSecrets {
    /// The sessions that go on, and how many secrets of each were written.
    open: BTreeMap<[u8; 32], usize>,
    /// How many secrets there were when this was looked at last.
    known: usize,
}

impl Pipeline {
    /// Makes a pipeline that has seen nothing.
    pub fn new(options: AnalyzerOptions, settings: Settings) -> Self {
        let mut named = NamedConnections::default();
        options.decode_as.iter().for_each(|port| named.add(ConnectionName::Port(*port)));
        let settings = Settings { limits: options.limits, ..settings };
        Self {
            checker: Some(Checker::new(settings).with_named(named.clone())),
            named,
            ..Self::without_rules(options)
        }
    }

    /// Takes connections that the user named, beside those to be decoded as WebSocket, before any packet.
    #[must_use]
    pub fn with_named(mut self, names: impl IntoIterator<Item = ConnectionName>) -> Self {
        names.into_iter().for_each(|name| self.named.add(name));
        let named = self.named.clone();
        self.checker = self.checker.map(|checker| checker.with_named(named));
        self
    }

    /// Makes a pipeline that checks no rules: its entries have no findings.
    pub fn without_rules(options: AnalyzerOptions) -> Self {
        Self {
            analyzer: Analyzer::new(options),
            checker: None,
            named: NamedConnections::default(),
            builder: Builder::new(),
            kept: 0,
            secrets: 0,
            comments: 0,
            written: WrittenSecrets::default(),
            awaited: VecDeque::new(),
        }
    }

    /// Adds the secrets that a source has met so far. If a connection has begun whose secrets are not among
    /// them, those that come later are looked for. A source that writes them along is given those of the
    /// connections in its packets.
    pub fn learn_secrets(&mut self, source: &mut dyn PacketSource) {
        for secrets in source.secrets().iter().skip(self.secrets) {
            self.add_embedded(secrets);
        }
        self.secrets = source.secrets().len();
        for comment in source.comments().iter().skip(self.comments) {
            self.analyzer.note_secrets(comment);
        }
        self.comments = source.comments().len();
        if self.keylog().is_growing() {
            self.await_secrets();
        } else if let Some(random) = self.builder.take_client_hello()
            && !self.analyzer.has_secrets(&random)
        {
            for secrets in &source.secrets_ahead() {
                self.add_embedded(secrets);
            }
        }
        if source.writes_secrets() {
            self.write_secrets(source);
        }
    }

    /// Gives a source the secrets of the sessions that have begun, as far as they are known.
    fn write_secrets(&mut self, source: &mut dyn PacketSource) {
        let changes = self.builder.take_sessions();
        let log = self.analyzer.keylog();
        let has_grown = log.count() != self.written.known;
        if changes.is_empty() && !has_grown {
            return;
        }
        self.written.known = log.count();
        let mut due = Vec::new();
        for change in &changes {
            let (SessionChange::Begun(random) | SessionChange::Ended(random)) = *change;
            self.written.open.entry(random).or_default();
            due.push(random);
        }
        if has_grown {
            due = self.written.open.keys().copied().collect();
        }
        for random in due {
            let known = log.secrets(&random).len();
            if let Some(written) = self.written.open.get_mut(&random)
                && known > *written
            {
                *written = known;
                let mut secrets = SessionSecrets::default();
                secrets.add_session(log, random);
                source.write_secrets(random, secrets.text().bytes());
            }
        }
        for change in changes {
            if let SessionChange::Ended(random) = change {
                self.written.open.remove(&random);
                source.end_session(random);
            }
        }
    }

    /// The secrets that are known.
    pub fn keylog(&self) -> &KeyLog {
        self.analyzer.keylog()
    }

    /// Adds lines that a key log got while packets are captured, and gives the entries that had to wait for them.
    /// Says whether the secrets of other connections are still awaited.
    pub fn learn_key_log(&mut self, lines: &[u8], journal: &mut impl Journal) -> bool {
        if !lines.is_empty() {
            let out = &mut self.builder.feeding(journal);
            match &mut self.checker {
                Some(checker) => {
                    self.analyzer.learn_secrets(lines, &mut RuleCheck { checker, out });
                }
                None => self.analyzer.learn_secrets(lines, out),
            }
            self.account(journal);
        }
        self.await_secrets();
        if self.awaited.is_empty() {
            return false;
        }
        let now = self.analyzer.totals().last;
        let analyzer = &self.analyzer;
        self.awaited.retain(|(random, since)| {
            now.since(*since) <= AWAITED && !analyzer.has_secrets(random)
        });
        while self.awaited.len() > MOST_AWAITED {
            self.awaited.pop_front();
        }
        !self.awaited.is_empty()
    }

    /// Remembers that the secrets of a session that has begun are to come.
    fn await_secrets(&mut self) {
        if let Some(random) = self.builder.take_client_hello() {
            self.awaited.push_back((random, self.analyzer.totals().last));
        }
    }

    fn add_embedded(&mut self, secrets: &Secrets) {
        if secrets.is_key_log() {
            // What cannot be read in it is of no use, and no failure of ours.
            self.analyzer.add_secrets(&secrets.data).ok();
        }
    }

    /// Takes what an earlier pass over the same capture learned, before any packet.
    #[must_use]
    pub fn with_hindsight(mut self, hindsight: Option<Arc<Hindsight>>) -> Self {
        if let Some(hindsight) = hindsight {
            self.builder.set_hindsight(hindsight);
        }
        self
    }

    /// Reads one packet, and gives all entries that became known by it.
    pub fn push(&mut self, packet: &Packet<'_>, journal: &mut impl Journal) {
        let out = &mut self.builder.feeding(journal);
        match &mut self.checker {
            Some(checker) => self.analyzer.push(packet, &mut RuleCheck { checker, out }),
            None => self.analyzer.push(packet, out),
        }
        if let Some(checker) = &mut self.checker
            && checker.is_due(packet.time)
        {
            checker.report_due(packet.time, out);
        }
        // What they keep changes with events only.
        if out.has_taken() {
            if let Some(checker) = &self.checker {
                journal.related(checker.related());
            }
            self.account(journal);
        }
    }

    /// Asks who owns the sockets of a connection that a packet captured at `time` has opened, and takes the
    /// answers that have come.
    pub fn learn_sockets(&mut self, owners: &mut SocketOwners, time: Timestamp) {
        if owners.counts(self.analyzer.opened())
            && let Some(newest) = self.analyzer.newest()
        {
            owners.ask(newest.id.0, [newest.client, newest.server], time);
        }
        while let Some(answer) = owners.answer() {
            let id = ConnectionId(answer.connection);
            self.analyzer.learn_sockets(id, answer.client, answer.sockets);
        }
    }

    /// Memory taken by all that is kept of the network now, in bytes.
    pub fn kept(&self) -> usize {
        self.analyzer.kept()
    }

    /// Reports to the budget what rules, builder and journal keep.
    fn account(&mut self, journal: &impl Journal) {
        let rules = self.checker.as_ref().map_or(0, Checker::kept);
        let entries = self.builder.kept().saturating_add(journal.kept());
        let kept = rules.saturating_add(entries);
        if kept != self.kept {
            self.analyzer.change_kept(self.kept, kept);
            self.kept = kept;
        }
    }

    /// Ends the capture: ends all connections, and checks the capture as a whole.
    pub fn finish(&mut self, reading: &Reading<'_>, journal: &mut impl Journal) -> Summary {
        let out = &mut self.builder.feeding(journal);
        if let Some(checker) = &mut self.checker {
            checker.end_packets();
        }
        match &mut self.checker {
            Some(checker) => self.analyzer.finish(&mut RuleCheck { checker, out }),
            None => self.analyzer.finish(out),
        }
        self.builder.end_events();
        if let Some(checker) = &mut self.checker {
            checker.finish(reading, &mut self.builder.feeding(journal));
        }
        let summary = self.builder.summary(self.totals(), reading);
        match &self.checker {
            Some(checker) => Summary { related: checker.related().clone(), ..summary },
            None => Summary { found: None, ..summary },
        }
    }

    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        self.analyzer.totals()
    }
}

/// Checks the rules on each event before it is handed on.
struct RuleCheck<'a, O> {
    checker: &'a mut Checker,
    out: &'a mut O,
}

impl<O: Sink + Findings> Sink for RuleCheck<'_, O> {
    fn event(&mut self, event: &Event<'_>) {
        self.checker.event(event, self.out);
        self.out.event(event);
    }

    fn payload_packet(&mut self, packet: PayloadPacket<'_>) {
        self.out.payload_packet(packet);
    }

    fn stream_bytes(&mut self, connection: &Connection, direction: Direction, chunk: Chunk<'_>) {
        self.checker.stream_bytes(connection, direction, chunk);
    }
}

/// How long the secrets of a session are looked for after its `ClientHello`, in nanoseconds.
const AWAITED: u64 = 20_000_000_000;

/// Sessions whose secrets are looked for at a time.
const MOST_AWAITED: usize = 1 << 10;
