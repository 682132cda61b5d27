//! What a rule found, and who receives it.

use std::net::SocketAddr;

use crate::analysis::event::ConnectionId;
use crate::findings::decoded_again::DecodedAgain;
use crate::findings::engine::cause::{Cause, Explains};
use crate::findings::engine::rule::Rule;
use crate::findings::engine::severity::Severity;
use crate::findings::engine::violation::Bits;
use crate::stream::{Direction, Origin, Side};

/// One broken rule, or one thing that the capture does not show.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is, as far as is known: [`Finding::full`], or a note if its connection has nothing to do
    /// with WebSocket.
    pub severity: Severity,
    /// How bad it is if it matters: as bad as the rule's table says, or less.
    pub full: Severity,
    /// On which connection; `None` if it belongs to no single one.
    pub connection: Option<ConnectionId>,
    /// The peers of that connection.
    pub peers: Option<Peers>,
    /// The connection that represents those that show it together; `None` if this one shows it alone.
    pub group: Option<ConnectionId>,
    /// In which direction, if it is about one.
    pub direction: Option<Direction>,
    /// Who is at fault, if somebody is.
    pub side: Option<Side>,
    /// The packets that carried it; empty (packet 0) if it is about no packet.
    pub first: Origin,
    /// The last of these packets.
    pub last: Origin,
    /// Stream offset of its first byte, if it is in a stream.
    pub offset: Option<u64>,
    /// The bits of the frame header that are wrong, if it is some of them.
    pub bits: Option<Bits>,
    /// The values seen and what was expected, in plain words. Bytes from the network may be in it.
    pub evidence: String,
    /// What to look at or change: that of the rule, unless this case needs something else.
    pub remedy: &'static str,
    /// Of the cause of a derailed stream: its messages as they were meant, in the order of their bytes; empty if
    /// nothing could be decoded again.
    pub decoded_again: Vec<DecodedAgain>,
}

impl Finding {
    /// Whether this is to be named rather than `other` if only one can be.
    pub fn outranks(&self, other: &Self) -> bool {
        let order = (self.is_explaining_cause(), self.severity);
        let other_order = (other.is_explaining_cause(), other.severity);
        order > other_order || (order == other_order && self.rule.outranks(other.rule))
    }

    /// What it explains about its connection: nothing, if it is less bad than its rule's table says. A cause
    /// is as bad as the outcome; as a note, it is about a connection that is not our business.
    pub fn explains(&self) -> Explains {
        let least = if self.rule.is_cause() { Severity::Warning } else { self.rule.severity };
        if self.severity < least { Explains::Nothing } else { self.rule.explains() }
    }

    /// Whether it is only a consequence of a cause that was found.
    ///
    /// What was found earlier in the same stream than where the cause begins is not, nor are frames of the peer
    /// of a sender whose stream derailed, unless they were cut off by the end.
    pub fn is_consequence_of(&self, cause: &Self) -> bool {
        let is_earlier = self.direction == cause.direction
            && self.offset.zip(cause.offset).is_some_and(|(own, of_cause)| own < of_cause);
        let is_of_peer = cause.rule.is_of_stream()
            && self.direction.is_some()
            && self.direction != cause.direction
            && matches!(self.rule.group(), "WS-F" | "WS-M" | "PMD")
            && !CUT_OFF.contains(&self.rule.id);
        let is_separate = is_earlier || is_of_peer || self.connection != cause.connection;
        self.rule.follows_from(cause.rule) && !is_separate
    }

    /// Whether it is a cause, and says more than something that is only worth knowing.
    pub fn is_explaining_cause(&self) -> bool {
        self.rule.is_cause() && self.explains() != Explains::Nothing
    }

    /// Its place among what explains a connection: the lower one explains more.
    pub fn rank(&self) -> u16 {
        rank_of(self.rule, self.severity)
    }

    /// Marks a cause that was taken back: it explains nothing, and says so where it is still listed.
    pub fn withdraw(&mut self) {
        self.severity = Severity::Note;
        self.full = Severity::Note;
        self.evidence.insert_str(0, WITHDRAWN);
    }

    /// The same without its evidence and the messages that were decoded again.
    #[must_use]
    pub fn without_words(&self) -> Self {
        Self {
            rule: self.rule,
            severity: self.severity,
            full: self.full,
            connection: self.connection,
            peers: self.peers,
            group: self.group,
            direction: self.direction,
            side: self.side,
            first: self.first,
            last: self.last,
            offset: self.offset,
            bits: self.bits,
            evidence: String::new(),
            remedy: self.remedy,
            decoded_again: Vec::new(),
        }
    }

    /// Memory taken by one that is kept, in bytes.
    pub fn memory(&self) -> usize {
        let decoded = self.decoded_again.iter().map(DecodedAgain::memory).sum::<usize>();
        self.evidence.capacity().saturating_add(decoded).saturating_add(size_of::<Self>())
    }
}

/// The place of a rule, if what broke it is so bad, among what explains a connection.
///
/// A stream that derailed although its receiver put up with it explains less than what ended the connection later.
pub(crate) fn rank_of(rule: &Rule, severity: Severity) -> u16 {
    if severity == Severity::Warning && rule.is_of_stream() {
        Cause::TOLERATED_DERAILMENT
    } else {
        rule.rank()
    }
}

/// What precedes the evidence of a cause that was taken back.
const WITHDRAWN: &str = "taken back, since what came later does not fit; it seemed so before: ";

/// Rules about frames and messages that were not whole when the connection ended.
const CUT_OFF: &[&str] = &["WS-F15"];

/// The cause that explains what was found on a connection: of several, the one that explains most.
///
/// Every view takes it from here, and asks [`Finding::is_consequence_of`] what follows from it.
pub fn first_cause<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Option<&'f Finding> {
    let causes = findings.into_iter().filter(|finding| finding.is_explaining_cause());
    causes.min_by_key(|finding| (finding.rank(), finding.first.packet))
}

/// The addresses of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peers {
    /// The peer that opened it.
    pub client: SocketAddr,
    /// The peer that accepted it.
    pub server: SocketAddr,
}

/// A cause that would explain a connection, but does not hold.
#[derive(Clone, Debug)]
pub struct ExcludedCause {
    /// The cause.
    pub rule: &'static Rule,
    /// What excludes it, in plain words. Bytes from the network may be in it.
    pub because: String,
}

/// A finding that turns out to be more or less bad than it seemed when it was made: only later it became
/// known whether its connection has to do with WebSocket, or that it does not hold.
#[derive(Clone, Copy, Debug)]
pub struct Revision {
    /// The number of the finding, from 0 in the order in which findings were given.
    pub number: u64,
    /// How bad it seemed.
    pub before: Severity,
    /// How bad it is.
    pub after: Severity,
    /// Whether it is a cause, which is not counted.
    pub is_cause: bool,
    /// What is taken back, if that is why.
    pub withdrawn: Option<WithdrawnCause>,
}

/// A cause that was reported and does not hold, as became known later.
#[derive(Clone, Copy, Debug)]
pub struct WithdrawnCause {
    /// The connection that it was reported on.
    pub connection: ConnectionId,
    /// The cause.
    pub rule: &'static Rule,
}

/// Receives what the rules find.
pub trait Findings {
    /// Takes one finding: before the event that it is about; after all events, if it was not known
    /// before the end of the capture. Its connection has ended then.
    fn finding(&mut self, finding: &Finding);

    /// Takes a finding about a connection that is not the one of the next event: what came later shows it.
    fn found_later(&mut self, finding: &Finding) {
        self.finding(finding);
    }

    /// Takes the number of further findings of a rule on a connection, after those that were given one by one.
    fn folded(&mut self, rule: &'static Rule, connection: ConnectionId, count: u64);

    /// Takes the causes that what was captured of a connection excludes, when it ends; not if there are none.
    fn excluded(&mut self, _connection: ConnectionId, _excluded: Vec<ExcludedCause>) {}

    /// Takes a change of a finding that was given before.
    fn revised(&mut self, _revision: Revision) {}
}
