//! One connection from its first packet to its last, and what is to be said of it.

use super::cause;
use super::groups::GroupName;
use crate::analysis::event::{
    Carrier, Connection, Ending, Nature, Outcome, StartedBy, TcpState, Transport,
};
use crate::describe::phases::{Phase, PhaseSource, phases};
use crate::findings::{ExcludedCause, Explains, Finding, RelatedConnections, Rule, Severity};
use crate::journal::history::ConnectionHistory;
use crate::stream::Direction;
use crate::websocket::CloseCode;

/// A connection that has ended, or that the capture ended.
#[derive(Clone, Debug)]
pub struct Story {
    pub(super) connection: Box<Connection>,
    pub(super) ending: Ending,
    /// What happened; `None` where it went well and so many others did that it was let go.
    pub(super) history: Option<Box<ConnectionHistory>>,
    /// What was found, in the order in which it was.
    pub(super) findings: Vec<Finding>,
    /// Causes that what was captured excludes.
    pub(super) excluded: Vec<ExcludedCause>,
    /// Whether a filter chose it.
    pub(super) chosen: bool,
    /// Whether it has to do with WebSocket, as far as is known.
    related: Related,
    /// What it comes to.
    pub(super) verdict: Verdict,
    /// The verdict in words.
    pub(super) words: String,
}

/// Whether a connection has to do with WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Related {
    Yes,
    No,
}

/// What a connection comes to.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// It never became a WebSocket.
    Failed,
    /// It was a WebSocket, and ended in another way than it should have.
    Dropped,
    /// It worked, and something was wrong all the same.
    Trouble,
    /// What is in it cannot be seen.
    Unknown,
    /// Nothing is wrong.
    Fine,
    /// It never wanted to be a WebSocket.
    Other,
}

impl Verdict {
    /// All of them, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Dropped, Self::Trouble, Self::Unknown, Self::Fine, Self::Other];

    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Trouble => "trouble",
            Self::Unknown => "unknown",
            Self::Fine => "fine",
            Self::Other => "other",
        }
    }

    /// What a line of text begins its verdict with.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Failed => "failed: ",
            Self::Dropped => "dropped: ",
            Self::Trouble => "worked, with trouble: ",
            Self::Unknown => "unknown: ",
            Self::Fine => "fine: ",
            Self::Other => "no WebSocket: ",
        }
    }

    /// Whether it did not work as it should have.
    pub(super) fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::Dropped => true,
            Self::Trouble | Self::Unknown | Self::Fine | Self::Other => false,
        }
    }
}

impl Story {
    /// Makes the story of a connection that has ended.
    pub(super) fn new(
        connection: &Connection,
        ending: Ending,
        history: ConnectionHistory,
        findings: Vec<Finding>,
    ) -> Self {
        let mut story = Self {
            connection: Box::new(connection.clone()),
            ending,
            history: Some(Box::new(history)),
            findings,
            excluded: Vec::new(),
            chosen: true,
            related: Related::Yes,
            verdict: Verdict::Fine,
            words: String::new(),
        };
        story.judge();
        story
    }

    /// Adds what was found after its end.
    pub(super) fn add(&mut self, finding: &Finding) {
        self.findings.push(finding.clone());
        if finding.explains() != Explains::Nothing && self.history.is_some() {
            self.judge();
        }
    }

    /// Takes a cause back that does not hold. Returns how much memory was freed, in bytes.
    pub(super) fn withdraw(&mut self, rule: &Rule) -> usize {
        let before = self.memory_of_findings();
        self.findings.retain(|finding| finding.rule.id != rule.id);
        if self.history.is_some() {
            self.judge();
        }
        before.saturating_sub(self.memory_of_findings())
    }

    /// The cause that it shows together with other connections, if that explains most.
    pub(super) fn group(&self) -> Option<GroupName> {
        self.causes().first().and_then(|cause| GroupName::of(cause))
    }

    /// Learns which connections have to do with WebSocket: of others, nothing is a failure.
    pub(super) fn relate(&mut self, related: &RelatedConnections) {
        let rules_it_out = !related.has(&self.connection);
        self.related = if rules_it_out { Related::No } else { Related::Yes };
        for finding in &mut self.findings {
            finding.severity = related.severity(&self.connection, finding.rule, finding.full);
        }
        if self.history.is_some() {
            self.judge();
        } else if rules_it_out && self.verdict.is_failure() {
            self.verdict = Verdict::Other;
        }
    }

    /// Memory taken by its findings, in bytes.
    pub(super) fn memory_of_findings(&self) -> usize {
        self.findings.iter().map(Finding::memory).fold(0, usize::saturating_add)
    }

    /// Drops the details: nothing is wrong, and one line is enough.
    pub(super) fn shrink(&mut self) {
        if matches!(self.verdict, Verdict::Fine | Verdict::Other | Verdict::Unknown) {
            self.history = None;
        }
    }

    /// Its phases; none where what happened was let go.
    pub(super) fn phases(&self) -> Vec<Phase> {
        let Some(history) = self.history.as_deref() else { return Vec::new() };
        phases(PhaseSource {
            connection: &self.connection,
            history,
            watched_until: self.ending.watched_until,
        })
    }

    /// The findings that explain it, that which explains most first; without what follows from that.
    pub(super) fn causes(&self) -> Vec<&Finding> {
        let mut causes = self.explanations();
        let Some(first) = causes.first().copied().filter(|first| first.rule.is_cause()) else {
            return causes;
        };
        causes.retain(|it| {
            it.rule.id == first.rule.id || !(it.rule.is_cause() || it.is_consequence_of(first))
        });
        causes
    }

    /// The rules whose findings follow from the first cause, each once.
    pub(super) fn consequences(&self) -> Vec<&'static Rule> {
        let causes = self.causes();
        let mut rules: Vec<&'static Rule> = Vec::new();
        for finding in &self.findings {
            let follows = causes.first().is_some_and(|first| finding.is_consequence_of(first));
            if follows && !rules.iter().any(|known| known.id == finding.rule.id) {
                rules.push(finding.rule);
            }
        }
        rules
    }

    /// All findings that explain something, that which explains most first.
    fn explanations(&self) -> Vec<&Finding> {
        let speaks = |finding: &&Finding| match finding.explains() {
            Explains::Failure
            | Explains::BrokenRule
            | Explains::Drop
            | Explains::Trouble
            | Explains::Undecodable => true,
            Explains::Nothing => false,
        };
        let mut causes =
            cause::sort(self.findings.iter().filter(speaks), |it| self.is_tolerated(it));
        let mut ids: Vec<&str> = Vec::new();
        causes.retain(|finding| {
            let is_new = !ids.contains(&finding.rule.id);
            ids.push(finding.rule.id);
            is_new
        });
        causes
    }

    /// Whether it is HTTP/2 in the clear that began before the capture.
    fn is_late_http2(&self) -> bool {
        self.connection.nature == Nature::Http2
            && self.connection.started_by == StartedBy::Midstream
    }

    /// Whether the receiver of a frame that breaks a rule took it: it continued as if nothing were wrong, or
    /// the sender itself ended the connection some time later. Then it is not why the connection ended.
    fn is_tolerated(&self, finding: &Finding) -> bool {
        let is_of_frames = matches!(finding.rule.group(), "WS-F" | "WS-M" | "WS-C" | "PMD")
            && finding.explains() == Explains::BrokenRule;
        let (Some(sender), Some(history)) = (finding.direction, &self.history) else {
            return false;
        };
        let receiver = sender.reverse();
        let failed = history.closes.get(receiver).as_ref().and_then(|close| close.code);
        if !is_of_frames || failed.is_some_and(CloseCode::is_failure) {
            return false;
        }
        let has_continued = self
            .findings
            .iter()
            .any(|it| it.rule.id == CONTINUED && it.direction == Some(receiver));
        let has_left = history.ended.is_some_and(|end| {
            end.by == sender && end.at.time.waited_since(finding.last.time) >= SOME_TIME
        });
        has_continued || has_left
    }

    /// Nanoseconds between the last frame, or the handshake, and the first FIN or RST.
    pub(super) fn silence(&self) -> Option<u64> {
        let history = self.history.as_deref()?;
        let accepted = || Some(history.upgrade.as_ref()?.response?.last);
        history.ended?.at.time.measured_since(history.latest.or_else(accepted)?.time)
    }

    /// The rules that were broken beside, each once.
    pub(super) fn asides(&self) -> Vec<&'static Rule> {
        let mut rules: Vec<&'static Rule> = Vec::new();
        let causes = self.causes();
        for finding in &self.findings {
            let rule = finding.rule;
            let is_known = rules.iter().any(|it| it.id == rule.id)
                || causes.first().is_some_and(|first| finding.is_consequence_of(first))
                || causes.iter().any(|it| it.rule.id == rule.id)
                // What is only a consequence says nothing new.
                || rule.explains() != Explains::Nothing;
            if finding.severity >= Severity::Warning && !is_known {
                rules.push(rule);
            }
        }
        rules
    }

    /// How bad its outcome is, whatever explains it; `None` if nothing is wrong.
    pub(super) fn severity(&self) -> Option<Severity> {
        match self.verdict {
            Verdict::Failed | Verdict::Dropped => Some(Severity::Error),
            Verdict::Trouble => Some(Severity::Warning),
            Verdict::Unknown | Verdict::Fine | Verdict::Other => None,
        }
    }

    /// Whether frames went both ways, or could have: the client found nothing to refuse.
    fn is_opened(&self, history: &ConnectionHistory) -> bool {
        let frames = &self.connection.frames;
        let is_wrong = self.findings.iter().any(|finding| {
            finding.severity == Severity::Error
                && finding.direction == Some(Direction::ServerToClient)
                && matches!(finding.rule.group(), "HS" | "PMD")
        });
        let client_spoke = history.data.client.messages > 0 || frames.client > 1;
        history.is_accepted() && (!is_wrong || client_spoke)
    }

    /// Whether a client opened it and left without a word.
    fn is_unused(&self) -> bool {
        let Carrier { bytes, state, .. } = &*self.connection.carrier;
        bytes.client == 0
            && bytes.server == 0
            && *state == TcpState::Reset(Direction::ClientToServer)
    }

    /// Whether a client left a connection with TLS before it used it.
    fn is_left(&self, history: &ConnectionHistory) -> bool {
        self.connection.transport == Transport::Tls
            && history.ended.is_some_and(|end| end.by == Direction::ClientToServer)
    }

    fn judge(&mut self) {
        let Some(history) = self.history.as_deref() else { return };
        let causes = self.causes();
        let all = self.explanations();
        let parts: Vec<Explains> = all.iter().map(|finding| finding.explains()).collect();
        let has = |part| parts.contains(&part);
        let ended_badly = all.iter().any(|finding| is_drop(finding, history, self.ending));
        let never_opened = causes
            .first()
            .filter(|first| first.rule.is_cause() && first.explains() == Explains::Failure);
        let verdict = if let Some(cause) = never_opened {
            match cause.severity {
                Severity::Error => Verdict::Failed,
                // It may have been meant like that.
                Severity::Warning | Severity::Note => Verdict::Unknown,
            }
        } else if self.is_opened(history) {
            if ended_badly {
                Verdict::Dropped
            } else if has(Explains::BrokenRule) || has(Explains::Trouble) || has(Explains::Failure)
            {
                Verdict::Trouble
            } else {
                Verdict::Fine
            }
        } else if has(Explains::Failure) || has(Explains::BrokenRule) || has(Explains::Drop) {
            Verdict::Failed
        } else if history.upgrade.as_ref().is_some_and(|upgrade| !upgrade.asks) {
            Verdict::Other
        } else {
            match self.ending.outcome {
                // Browsers and health checks open connections that they do not use.
                Outcome::Aborted if self.is_unused() => Verdict::Fine,
                // So do clients that speak TLS; without a certificate, they refused nothing.
                Outcome::Aborted if self.is_left(history) => Verdict::Unknown,
                Outcome::Refused | Outcome::Rejected | Outcome::Aborted => Verdict::Failed,
                // Without a finding, the capture ended too early to blame anybody.
                Outcome::Timeout if history.ended.is_some() => Verdict::Failed,
                Outcome::NotWebSocket => Verdict::Other,
                // Of HTTP/2 whose beginning is not in the capture, nothing suggests a WebSocket.
                Outcome::Undecodable if self.is_late_http2() => Verdict::Other,
                Outcome::Undecodable if has(Explains::Trouble) => Verdict::Trouble,
                Outcome::Open | Outcome::Closed | Outcome::Timeout if has(Explains::Trouble) => {
                    Verdict::Trouble
                }
                Outcome::Undecodable | Outcome::Timeout => Verdict::Unknown,
                Outcome::Open | Outcome::Closed => Verdict::Fine,
            }
        };
        let verdict = match (self.related, verdict) {
            (Related::No, Verdict::Failed | Verdict::Dropped | Verdict::Trouble) => Verdict::Other,
            (Related::Yes | Related::No, verdict) => verdict,
        };
        let words = super::words::verdict(self, history, verdict, &causes);
        self.verdict = verdict;
        self.words = words;
    }
}

/// Whether a finding says that a WebSocket ended in another way than it should have.
fn is_drop(finding: &Finding, history: &ConnectionHistory, ending: Ending) -> bool {
    match finding.explains() {
        Explains::Drop => true,
        // A peer may refuse to continue by ending TCP, but not by a closing handshake.
        Explains::Failure => {
            history.ended.is_some()
                && ending.outcome != Outcome::Closed
                && finding.rule.id != "NET-04"
        }
        Explains::BrokenRule | Explains::Trouble | Explains::Undecodable | Explains::Nothing => {
            false
        }
    }
}

/// The rule about receivers that do not fail a connection although they must.
const CONTINUED: &str = "WS-C16";

/// Nanoseconds after which a receiver has not failed the connection for what it received.
const SOME_TIME: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::Nature;
    use crate::journal::history::Exchange;
    use crate::journal::{Entry, EntryKind};
    use crate::report::fixture::{connection, finding, handshake, message, origin};
    use crate::websocket::{Close, Message, Opcode};

    /// How far a connection came.
    #[derive(Clone, Copy)]
    enum HowFar {
        Refused,
        Rejected,
        Opened,
        Cut,
    }

    fn story(reached: HowFar, found: &[&str]) -> Story {
        let mut about = connection(1);
        let mut history = ConnectionHistory::default();
        let (nature, state, outcome) = match reached {
            HowFar::Refused => (Nature::Unknown, TcpState::Refused, Outcome::Refused),
            HowFar::Rejected => (
                Nature::UpgradeRequested,
                TcpState::Closed(Direction::ServerToClient),
                Outcome::Rejected,
            ),
            HowFar::Opened => (Nature::WebSocket, TcpState::Established, Outcome::Open),
            HowFar::Cut => (
                Nature::WebSocket,
                TcpState::HalfClosed(Direction::ServerToClient),
                Outcome::Aborted,
            ),
        };
        (about.nature, about.state) = (nature, state);
        if nature == Nature::WebSocket {
            let whole = handshake();
            history.observe(&Entry::new(&about, origin(3), EntryKind::Response(&whole)));
            let hello = message(Opcode::Text, b"hello");
            let said = Entry::new(&about, origin(5), EntryKind::Message(&hello));
            history.observe(&said.within(Direction::ClientToServer, hello.span));
        }
        history.observe(&Entry::new(&about, origin(9), EntryKind::Fin));
        let ending =
            Ending { outcome, relevant: true, unseen: None, watched_until: origin(9).time };
        let findings = found.iter().map(|id| finding(id, 1)).collect();
        Story::new(&about, ending, history, findings)
    }

    #[test]
    fn verdict_follows_from_how_far_it_came_and_what_was_found() {
        type Row<'a> = (&'a str, HowFar, &'a [&'a str], Verdict, &'a [&'a str], &'a str);
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            ("all is well",              HowFar::Opened,   &[],                    Verdict::Fine,    &[],         "1 message in 9.0 ms, still open"),
            ("a warning of check's",     HowFar::Opened,   &["WS-F13"],            Verdict::Fine,    &[],         "1 message in 9.0 ms, still open"),
            ("a rule broken, no harm",   HowFar::Opened,   &["WS-F02"],            Verdict::Trouble, &["WS-F02"], "server frame is masked"),
            ("ended without Close",      HowFar::Cut,      &["WS-C12"],            Verdict::Dropped, &["WS-C12"], "the server closed TCP without a Close"),
            ("a rule broken, then cut",  HowFar::Cut,      &["WS-C12", "WS-F01"],  Verdict::Dropped, &["WS-F01", "WS-C12"], "client frame is not masked"),
            ("an old proxy, no harm",    HowFar::Opened,   &["HS-49"],             Verdict::Trouble, &["HS-49"], "proxy dropped the upgrade"),
            ("refused, nothing known",   HowFar::Refused,  &[],                    Verdict::Failed,  &[],         "refused: RST answered the SYN"),
            ("rejected, a wrong request",HowFar::Rejected, &["HS-08"],             Verdict::Failed,  &["HS-08"],  "Sec-WebSocket-Key is not base64 of 16 bytes"),
        ];
        for (name, reached, found, verdict, causes, words) in rows {
            let story = story(*reached, found);
            let ids: Vec<&str> = story.causes().iter().map(|finding| finding.rule.id).collect();
            let seen = (story.verdict, ids.as_slice(), story.words.as_str());
            assert_eq!(seen, (*verdict, *causes, *words), "{name}");
        }
    }

    #[test]
    fn what_the_receiver_tolerated_is_not_why_it_ended() {
        let ids = |story: &Story| -> Vec<&str> {
            story.causes().iter().map(|finding| finding.rule.id).collect()
        };
        // Refused, or so it may be.
        assert_eq!(ids(&story(HowFar::Cut, &["WS-F01", "WS-C12"])), ["WS-F01", "WS-C12"]);
        // The receiver continued; its direction is that of the finding about it.
        let mut tolerated = story(HowFar::Cut, &["WS-F01", "WS-C12"]);
        let direction = Some(Direction::ServerToClient);
        tolerated.add(&Finding { direction, ..finding("WS-C16", 1) });
        assert_eq!(ids(&tolerated), ["WS-C12", "WS-F01"]);
        // It closed with 1002 in the end.
        let history = tolerated.history.as_mut().unwrap();
        let refusal = Close { code: Some(1002), reason: b"" };
        let close = Message { close: Some(refusal), ..message(Opcode::Close, b"\x03\xea") };
        let about = connection(1);
        let said = Entry::new(&about, origin(7), EntryKind::Message(&close));
        history.observe(&said.within(Direction::ServerToClient, close.span));
        assert_eq!(ids(&tolerated), ["WS-F01", "WS-C12"]);
    }

    #[test]
    fn findings_after_the_end_change_the_verdict() {
        let mut late = story(HowFar::Opened, &[]);
        late.add(&finding("WS-F02", 1));
        assert_eq!(late.verdict, Verdict::Trouble);
        assert_eq!(late.severity(), Some(Severity::Warning), "it did not fail");
    }

    #[test]
    fn polling_is_not_a_failure() {
        let mut polled = story(HowFar::Rejected, &[]);
        polled.history.as_mut().unwrap().upgrade = Some(Exchange::default());
        polled.judge();
        assert_eq!(
            (polled.verdict, polled.words.as_str()),
            (Verdict::Other, "HTTP without an upgrade request")
        );
    }

    #[test]
    fn a_closing_handshake_is_not_a_drop_whatever_was_found() {
        let mut closed = story(HowFar::Cut, &["HS-49"]);
        assert_eq!(closed.verdict, Verdict::Dropped);
        closed.ending.outcome = Outcome::Closed;
        closed.judge();
        assert_eq!(closed.verdict, Verdict::Trouble);
    }

    #[test]
    fn only_what_went_well_is_let_go() {
        let mut fine = story(HowFar::Opened, &[]);
        fine.shrink();
        assert!(fine.history.is_none() && fine.words.starts_with("1 message"));
        let mut cut = story(HowFar::Cut, &["WS-C12"]);
        cut.shrink();
        assert!(cut.history.is_some());
    }
}
