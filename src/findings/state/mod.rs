//! What is remembered of one connection.

pub(crate) mod app_heartbeat;
pub(crate) mod attempt_outcome;
pub(crate) mod capture;
pub(crate) mod compressibility;
pub(crate) mod connection;
pub(crate) mod handshake;
pub(crate) mod health;
pub(crate) mod masking_keys;
pub(crate) mod past_findings;
pub(crate) mod recent_messages;
pub(crate) mod response_times;
pub(crate) mod silent_period;
pub(crate) mod stream_window;
pub(crate) mod unused;
