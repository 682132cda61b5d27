//! The read model: what screens and reports ask for, in the shape they need.

mod carried;
mod causes;
mod collect;
mod connection;
mod course;
mod density;
mod entries;
pub mod filter;
mod found;
mod index;
mod open;
mod opener;
mod packed;
mod packets;
mod proxies;
mod record;
mod reread;
mod resume_points;
mod row;
mod rows;
mod story;
mod tls;

pub use carried::{CarriedRecord, CarriedRecords};
pub use connection::{ConnectionRow, RoundTrips, Saved};
pub use course::Course;
pub use density::Bucket;
pub use open::{MessageFacts, OpenError, OpenLimits, Opened, OpenedFrame, WirePiece};
pub use opener::{Opener, open};
pub use record::{Counts, FindingRow, Folded, Timeline};
pub use resume_points::ResumePoints;
pub use row::{Row, RowId, RowKind, RowScope};
pub use story::ConnectionStory;
pub use tls::{TlsSeen, TlsStep};
