//! What is remembered of several connections.

pub(crate) mod attempts;
pub(crate) mod dns_names;
pub(crate) mod handshake_keys;
pub(crate) mod proxied_requests;
pub(crate) mod server_restarts;
pub(crate) mod tls_ports;
