//! Segments to in-order bytes per direction.

pub mod assembler;
pub mod connection;
#[cfg(test)]
pub(crate) mod fixture;
mod half;
mod numbering;
pub mod seq;
pub mod table;
mod unread;

pub use connection::{Arrival, ArrivalKind, Connection, Piece, Pressure, TcpState};
pub use table::{FlowKey, FlowTable, RecentSlots};
pub use unread::Watch;
