//! What a rule is: an entry in the table of its group.

use crate::findings::engine::broken_rule::BrokenRule;
use crate::findings::engine::cause::{Cause, Explains};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::stream::PerDirection;

/// One requirement, what breaking it means, and how it is noticed.
#[derive(Debug)]
pub struct Rule {
    /// Permanent: printed, filtered on, looked up; never used again for another rule.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// Who must follow it.
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
    /// What its findings explain about the outcome of their connection, beyond being a broken rule.
    pub explains: Option<Cause>,
    /// How it is noticed.
    pub(crate) checks: &'static [Check],
}

/// Who must follow a rule.
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

impl Rule {
    /// What its findings explain about their connection.
    pub fn explains(&self) -> Explains {
        match (self.explains, self.severity) {
            (Some(cause), _) => cause.explains,
            (None, Severity::Error) => Explains::BrokenRule,
            (None, Severity::Warning | Severity::Note) => Explains::Nothing,
        }
    }

    /// What is remembered of it when it was broken.
    pub(crate) fn broken(&self) -> BrokenRule {
        let has = |wanted: fn(Check) -> bool| self.checks.iter().any(|check| wanted(*check));
        BrokenRule {
            id: self.id,
            title: self.title,
            blames: self.applies_to != AppliesTo::Nobody && self.severity != Severity::Note,
            // What is wrong with a frame only because of the handshake does not concern its receiver.
            is_fatal: self.severity == Severity::Error
                && self.group() != "HS"
                && has(Check::is_fatal),
            is_about_heads: PerDirection {
                client: has(|check| matches!(check, Check::Request(_) | Check::CompareRequest(_))),
                server: has(|check| {
                    matches!(check, Check::Response(_) | Check::CompareResponse(_))
                }),
            },
        }
    }

    /// Whether this is to be reported rather than `other` if only one can be and their findings are equally
    /// bad: of rules about a handshake the one that says why it failed (HS-40 to HS-54).
    pub fn outranks(&self, other: &Self) -> bool {
        let explains = |rule: &Self| ("HS-40".."HS-55").contains(&rule.id);
        let is_about_handshake = other.group() == "HS" && !explains(other);
        explains(self) && is_about_handshake
    }

    /// Whether its findings matter only on connections that have to do with WebSocket: those about the
    /// network, TLS and handshakes that failed.
    pub(crate) fn is_about_any_connection(&self) -> bool {
        matches!(self.group(), "NET" | "TLS")
            || ("HS-40".."HS-55").contains(&self.id)
            || self.is_cause()
    }

    /// Whether it is a cause, the conclusion from what was found, rather than a violation.
    pub fn is_cause(&self) -> bool {
        self.group() == "WHY"
    }

    /// Whether findings of this rule are consequences of a cause.
    pub fn follows_from(&self, cause: &Self) -> bool {
        let consequences = cause.explains.map_or(&[][..], |it| it.consequences);
        let is_named = consequences.iter().any(|start| self.id.starts_with(start));
        cause.is_cause() && !self.is_cause() && is_named
    }

    /// The rules that are consequences of it if it is a cause, `WS-C12, all of WS-F`; empty if there are none.
    pub fn consequences_in_words(&self) -> String {
        let starts =
            self.explains.filter(|_| self.is_cause()).map_or(&[][..], |it| it.consequences);
        let is_whole_id = |start: &str| {
            start
                .rsplit('-')
                .next()
                .is_some_and(|end| end.ends_with(|it: char| it.is_ascii_digit()))
        };
        let named = starts.iter().map(|start| {
            if is_whole_id(start) {
                (*start).to_owned()
            } else {
                format!("all of {}", start.trim_end_matches('-'))
            }
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Its place among what explains a connection; the lower explains more.
    pub fn rank(&self) -> u16 {
        self.explains.map_or(Cause::BROKEN_RULE, |cause| cause.rank)
    }

    /// Whether it is a cause that the bytes of one direction show by themselves.
    pub fn is_of_stream(&self) -> bool {
        self.explains.is_some_and(|cause| cause.is_of_stream)
    }

    /// Whether it is a cause that several connections show together: its findings have the same words on all
    /// of them.
    pub fn is_about_several(&self) -> bool {
        self.is_cause() && self.checks.iter().any(|check| matches!(check, Check::Group(_)))
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
    fn what_explains_a_failed_handshake_comes_first() {
        #[rustfmt::skip]
        let rows = [
            ("HS-49",  "HS-24",  true),
            ("HS-24",  "HS-49",  false),
            ("HS-49",  "HS-44",  false),
            ("HS-12",  "HS-22",  false),
            ("HS-51",  "HS-24",  true),
            ("HS-52",  "HS-22",  true),
            ("HS-55",  "HS-22",  false),
            ("HS-49",  "WS-F01", false),
            ("NET-07", "WS-F01", false),
        ];
        for (one, other, expected) in rows {
            let (first, second) = (rule(one).unwrap(), rule(other).unwrap());
            assert_eq!(first.outranks(second), expected, "{one} and {other}");
        }
    }
}
