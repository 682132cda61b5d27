//! The rules, and what breaks them: events in, findings out.
//!
//! - `rules/`: the rules, one table in each file. A rule is asked when something happens that it may be
//!   about, and reports the violations that it sees.
//! - `causes/`: what explains the findings of a connection, one file for each cause.
//! - `engine/`: what a rule is, and how it is evaluated.
//! - `state/`: what is remembered of one connection.
//! - `across/`: what is remembered of several.

mod across;
mod causes;
mod decoded_again;
mod engine;
mod finding;
#[cfg(test)]
mod fixture;
mod known_proxies;
mod known_timeouts;
mod named;
mod rules;
mod settings;
mod state;
mod words;

pub use self::across::related::RelatedConnections;
pub use self::decoded_again::DecodedAgain;
pub use self::engine::cause::{Cause, Explains};
pub use self::engine::checker::Checker;
pub use self::engine::rule::{AppliesTo, Example, Rule};
pub use self::engine::rule_name::{RuleName, UnknownName};
pub use self::engine::severity::Severity;
pub use self::engine::snippet::{JudgedFrames, explain_frames, judge_frames, sender_by_mask};
pub use self::engine::violation::Bits;
pub(crate) use self::finding::rank_of;
pub use self::finding::{
    ExcludedCause, Finding, Findings, Peers, Revision, WithdrawnCause, first_cause,
};
pub use self::named::{ConnectionName, NamedConnections};
pub use self::rules::{GROUPS, Group, rule, rules};
pub use self::settings::{GroupReports, Reading, Settings};
pub use self::state::capture::CaptureMemory;
