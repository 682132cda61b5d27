//! Segments to in-order bytes per direction.

pub mod assembler;
pub mod connection;
pub mod seq;
pub mod table;

pub use connection::{Arrival, ArrivalKind, Connection, Piece, Pressure, TcpState};
pub use table::{FlowKey, FlowTable};
