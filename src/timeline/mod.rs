//! The read model: what screens and reports ask for, in the shape they need.

mod again;
mod collect;
mod connection;
mod course;
mod density;
mod events;
pub mod export;
pub mod filter;
mod judged;
mod kept;
mod milestones;
mod open;
mod opener;
mod packed;
mod packets;
mod pairs;
mod record;
mod row;
mod rows;
mod spots;
pub mod stats;
mod wire;

pub use connection::{ConnectionRow, RoundTrips, Saved};
pub use course::Course;
pub use density::Bucket;
pub use milestones::Milestones;
pub use open::{MessageFacts, OpenError, OpenLimits, Opened, OpenedFrame, Piece, open};
pub use opener::Opener;
pub use record::{Counts, FindingRow, Folded, Timeline};
pub use row::{Row, RowId, RowKind, Scope};
pub use spots::Spots;
