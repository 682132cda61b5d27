//! The read model: what screens and reports ask for, in the shape they need.

pub mod filter;
pub mod stats;
