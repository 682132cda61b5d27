//! wslens reads network captures, rebuilds TCP streams, decodes WebSocket, and says what is wrong.

pub mod capture;
pub mod decode;
pub mod http;
pub mod stream;
pub mod websocket;
