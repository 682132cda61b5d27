//! One entry for each thing that happened, with everything that was found about it.
//!
//! A [`Builder`] turns events and findings into [`Entry`] values and gives them to a [`Journal`]: a
//! report, a filter in front of a report, or the store of the screen. All of them see the same
//! entries, in the same order and with the same numbers.

mod build;
mod entry;
mod event;
mod explained;
#[cfg(test)]
pub(crate) mod fixture;
mod found_on;
mod held;
mod hindsight;
pub mod history;
mod pairs;
mod sessions;
mod severities;
mod statistics;
mod summary;
mod unanswered;

pub use self::build::{Assembly, Builder};
pub use self::entry::{
    Entry, EntryId, EntryKind, FoldedFindings, Found, Journal, Partner, TunnelAnswer,
};
pub use self::explained::{ExplainedCounts, consequence_rules};
pub use self::hindsight::{FinalState, Hindsight};
pub use self::sessions::SessionChange;
pub use self::severities::Severities;
pub use self::statistics::{Largest, NATURES, OUTCOMES, Statistics, Traffic};
pub use self::summary::{Matched, Note, Summary};
