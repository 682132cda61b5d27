//! How numbers, times and bytes from the network are put into words for people, and what the
//! parts of a text are; no colors.

pub mod amount;
pub mod clock;
pub mod escape;
pub mod page;
pub mod role;
pub mod shell;
pub mod words;
