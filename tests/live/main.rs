//! Live capture of real programs: servers and clients talk in a network namespace of their own, the real
//! binary captures them there, and every message that it prints is compared with what they say they sent.
//!
//! Needs root and Linux, and node with ws where node's programs talk; each test says aloud what it lacks
//! when it is skipped. Everything happens on the namespace's loopback interface.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these tests wait for programs that run beside them, and may panic"
)]

mod capturing;
mod conversations;
mod diagnosing;
mod load;
mod namespace;
mod privileges;
mod running;
mod told;
mod tools;
mod writing;
