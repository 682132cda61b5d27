//! What a rule is: an entry in the table of its group.

use crate::analysis::event::{ConnectionEvent, Ending};
use crate::findings::engine::context::{
    CaptureContext, FrameSeen, InvalidUtf8, MessageSeen, NotAFrame, RuleContext,
};
use crate::findings::engine::violation::Violations;
use crate::http::Handshake;

/// One requirement, what breaking it means, and how it is noticed.
#[derive(Debug)]
pub struct Rule {
    /// Permanent: printed, filtered on, looked up; never used again for another rule.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Whom it binds.
    pub applies_to: AppliesTo,
    /// Names the fault in one line, without a full stop.
    pub title: &'static str,
    /// Where the standard says so, for example `RFC 6455 §5.1, §5.3`; empty for what no standard says.
    pub section: &'static str,
    /// What the standard requires, and what follows from breaking it.
    pub explanation: &'static str,
    /// What to look at or change.
    pub remedy: &'static str,
    /// What breaking it looks like.
    pub example: Example,
    /// How it is noticed.
    pub(crate) checks: &'static [Check],
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; nobody is wrong.
    Note,
    /// A SHOULD is not heeded, or trouble is likely.
    Warning,
    /// A MUST is broken, or the connection failed.
    Error,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Whom a rule binds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AppliesTo {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Both peers.
    Both,
    /// Nobody: it is about the capture, or about circumstances.
    Nobody,
}

impl AppliesTo {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Both => "both",
            Self::Nobody => "nobody",
        }
    }
}

/// What breaking a rule looks like.
#[derive(Clone, Copy, Debug)]
pub enum Example {
    /// Frames that a client sends, as bytes on the wire.
    Client(&'static [u8]),
    /// Frames that a server sends.
    Server(&'static [u8]),
    /// Frames that a client sends after permessage-deflate was negotiated.
    Deflated(&'static [u8]),
    /// Lines of a handshake, or a story in words.
    Text(&'static str),
}

/// When a rule is asked, and the question. It adds a fault for each offence that it sees.
///
/// A rule sees what was observed and what is remembered of the connection, never bytes of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// Asked of every frame, as soon as its header is whole, about nothing but that header, its sender
    /// and what was negotiated: of several frames that are alike in these, only the first is shown.
    Header(fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations)),
    /// Asked of every frame that is a fragment, or comes while a fragmented message is open.
    Fragment(fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations)),
    /// Asked of every frame that comes after its sender's own Close.
    Late(fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations)),
    /// Asked of every frame, as soon as its header is whole.
    Frame(fn(&RuleContext<'_, FrameSeen<'_>>, &mut Violations)),
    /// Asked of every text and binary message of several frames, whole or given up.
    Fragmented(fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations)),
    /// Asked of every text and binary message of a subprotocol that can be read.
    Content(fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations)),
    /// Asked of every text and binary message that is compressed.
    Compressed(fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations)),
    /// Asked of every Close.
    Close(fn(&RuleContext<'_, MessageSeen<'_>>, &mut Violations)),
    /// Asked when a text stops being UTF-8.
    InvalidUtf8(fn(&RuleContext<'_, InvalidUtf8>, &mut Violations)),
    /// Asked when text stands where a frame should start.
    NotAFrame(fn(&RuleContext<'_, NotAFrame<'_>>, &mut Violations)),
    /// Asked of every upgrade request, as soon as its head is whole.
    Request(fn(&RuleContext<'_, &Handshake>, &mut Violations)),
    /// Asked of every handshake that has ended, with its response or without.
    Response(fn(&RuleContext<'_, &Handshake>, &mut Violations)),
    /// Asked of what else happens on a connection: gaps, lost boundaries, limits.
    Incident(fn(&RuleContext<'_, &ConnectionEvent<'_>>, &mut Violations)),
    /// Asked of every connection that matters, when it or the capture ends.
    End(fn(&RuleContext<'_, Ending>, &mut Violations)),
    /// Asked once, when the capture ends.
    Capture(fn(&CaptureContext<'_>, &mut Violations)),
}

impl Rule {
    /// Whether a receiver that notices the fault must fail the connection (RFC 6455 §7.1.7). What is
    /// wrong about a frame only because of the handshake is none of its receiver's business.
    pub(crate) fn is_fatal(&self) -> bool {
        self.severity == Severity::Error
            && self.group() != "HS"
            && self.checks.iter().any(|check| match check {
                Check::Header(_)
                | Check::Frame(_)
                | Check::Fragment(_)
                | Check::Late(_)
                | Check::Fragmented(_)
                | Check::Content(_)
                | Check::Compressed(_)
                | Check::InvalidUtf8(_)
                | Check::NotAFrame(_) => true,
                Check::Close(_)
                | Check::Request(_)
                | Check::Response(_)
                | Check::Incident(_)
                | Check::End(_)
                | Check::Capture(_) => false,
            })
    }

    /// Whether this is to be told rather than `other` where only one can be: the worse one, and of rules
    /// about a handshake that are equally bad the one that says why it failed (HS-40 and higher).
    pub fn outranks(&self, other: &Self) -> bool {
        let explains = |rule: &Self| rule.group() == "HS" && rule.id >= "HS-40";
        let is_about_handshake = other.group() == "HS" && !explains(other);
        self.severity > other.severity
            || (self.severity == other.severity && explains(self) && is_about_handshake)
    }

    /// The group of a rule: its id without the number, for example `WS-F`.
    pub fn group(&self) -> &'static str {
        self.id.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches('-')
    }
}

#[cfg(test)]
mod tests {
    use crate::findings::rules::rule;

    #[test]
    fn what_explains_a_failed_handshake_is_told_first() {
        #[rustfmt::skip]
        let rows = [
            ("HS-49",  "HS-24",  true),
            ("HS-24",  "HS-49",  false),
            ("HS-49",  "HS-44",  false),
            ("HS-12",  "HS-22",  true),
            ("HS-22",  "HS-12",  false),
            ("HS-51",  "HS-24",  false),
            ("HS-49",  "WS-F01", false),
            ("NET-07", "WS-F01", false),
        ];
        for (one, other, expected) in rows {
            let (first, second) = (rule(one).unwrap(), rule(other).unwrap());
            assert_eq!(first.outranks(second), expected, "{one} and {other}");
        }
    }
}
