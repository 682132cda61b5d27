//! What a hypothesis that holds yields.

use super::stream::DerailedStream;
use crate::findings::decoded_again::DecodedAgain;
use crate::websocket::Opcode;

/// What went wrong with a stream, shown by its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Explained {
    /// Stream offset at which it begins.
    pub(crate) start: u64,
    /// Stream offset after the last byte that it explains.
    pub(crate) end: u64,
    /// What the bytes show.
    pub(crate) evidence: String,
    /// What its sender meant to send.
    pub(crate) decoded_again: Vec<DecodedAgain>,
    /// What to do, if it is more specific than what the table of causes says.
    pub(crate) remedy: Option<&'static str>,
}

impl DerailedStream<'_> {
    /// A message that its sender meant, decoded from bytes of the stream: the offset of the first one, and that
    /// after the last one.
    pub(crate) fn decoded_again(
        &self,
        opcode: Opcode,
        content: impl Into<Vec<u8>>,
        offsets: [u64; 2],
    ) -> DecodedAgain {
        DecodedAgain::new(self.direction, opcode, content, offsets)
    }
}
