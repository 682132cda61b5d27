//! wslens reads network captures, rebuilds TCP streams, decodes WebSocket, and says what is wrong.

pub mod analysis;
pub mod capture;
pub mod cli;
pub mod decode;
pub mod describe;
pub mod findings;
pub mod http;
pub mod journal;
pub mod pipeline;
pub mod proxy;
pub mod report;
pub mod stream;
pub mod tcp;
#[cfg(test)]
mod testkit;
pub mod text;
pub mod timeline;
pub mod tls;
pub mod tui;
pub mod websocket;
