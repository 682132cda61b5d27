//! Captures made in memory, and what the analyzer sees of them.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::decimal_bitwise_operands,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests make their bytes themselves and may panic"
)]

use wslens::stream;

pub(crate) mod conversation;
pub(crate) mod layout;
pub(crate) mod loaded;
pub(crate) mod program;
pub(crate) mod reopened;
pub(crate) mod seen;
#[path = "../../src/testkit/mod.rs"]
pub(crate) mod testkit;
pub(crate) mod watch;
