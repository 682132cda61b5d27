//! What happened, in words: said once, for printed output and for the screen.

pub mod decoded_again;
pub mod frame;
pub mod header_field;
pub mod incident;
pub mod outcome;
pub mod phases;
pub mod proxy;
pub mod sockets;
pub mod tls;
