//! How numbers, times and bytes from the network are put into words for people; no layout, no colors.

pub mod amount;
pub mod clock;
pub mod escape;
pub mod words;
