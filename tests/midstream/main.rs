//! Connections of which the capture lacks the beginning: every WebSocket is recognized, nothing else is.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests make or read their own input and may panic"
)]

use wslens::stream;

mod cuts;
mod families;
mod foreign;
mod observed;
#[path = "../../src/testkit/mod.rs"]
mod testkit;
