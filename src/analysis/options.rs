//! What the user chose for the analysis.

use crate::analysis::limits::Limits;
use crate::tls::KeyLog;

/// What the user chose.
#[derive(Clone, Debug, Default)]
pub struct AnalyzerOptions {
    /// How many bytes of each message's content are kept for [`Message::content`](crate::websocket::Message).
    pub keep: usize,
    /// Whether longer messages get a SHA-256.
    pub digest: bool,
    /// Ports whose connections are WebSocket even where no handshake was captured.
    pub decode_as: Vec<u16>,
    /// Secrets of TLS connections.
    pub keylog: KeyLog,
    /// How much memory and work the capture may cost.
    pub limits: Limits,
}

impl AnalyzerOptions {
    /// Those with which all rules and causes can be evaluated: some look at contents.
    pub fn for_rules() -> Self {
        Self { keep: JUDGED, ..Self::default() }
    }
}

/// Bytes kept of each message: enough for a rule to parse a text as its subprotocol.
const JUDGED: usize = 64 << 10;
