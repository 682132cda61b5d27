//! The beginning of the frames after a handshake: bytes that a peer sent by mistake may precede them.

use super::next::{Next, NextLayer, Successor};
use super::stray;
use super::websocket::WebSocket;
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, StrayPlace};
use crate::analysis::sink::Sink;
use crate::http::{Match, looks_like_response, stray_length as strays};
use crate::stream::{Buffer, Chunk, Direction, Gap, PerDirection, length_usize};
use crate::websocket::Opcode;
use crate::websocket::frame::{MAX_CONTROL_PAYLOAD, RSV1, frame_header};

/// Frames of which one direction or both have not begun.
///
/// Line ends, blanks, NULs and byte order marks cannot be the beginning of a first frame: their first byte
/// has reserved bits or opcodes, or continues a message that never began. They are passed over if a frame,
/// or another response, follows them.
#[derive(Debug)]
pub(super) struct FirstFrames {
    /// Absent once the next layer has it.
    frames: Option<WebSocket>,
    beginnings: PerDirection<FirstBytes>,
    /// Memory taken by what is held back, as the budget knows it.
    kept: usize,
}

/// The first bytes of a direction.
#[derive(Debug, Default)]
struct FirstBytes {
    held: Buffer,
    has_begun: bool,
}

impl FirstFrames {
    pub(super) fn new(frames: WebSocket) -> Self {
        Self { frames: Some(frames), beginnings: PerDirection::default(), kept: 0 }
    }

    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let Some(frames) = &mut self.frames else { return Next::Stay };
        let first = self.beginnings.get_mut(direction);
        let is_stray = |first: &FirstBytes| !first.held.is_empty() || stray_length(chunk.bytes) > 0;
        if !first.has_begun && is_stray(first) {
            first.held.push(chunk);
            let Some(length) = strays_before_frames(direction, first.held.bytes()) else {
                self.account(context);
                return Next::Stay;
            };
            first.has_begun = true;
            let mut strays = std::mem::take(&mut first.held);
            let rest = strays.split_off(length);
            stray::report(direction, StrayPlace::BeforeFrames, &strays, connection, context);
            for chunk in rest.chunks() {
                frames.push(direction, chunk, connection, context);
            }
        } else {
            first.has_begun = true;
            frames.push(direction, chunk, connection, context);
        }
        self.account(context);
        if !self.beginnings.client.has_begun || !self.beginnings.server.has_begun {
            return Next::Stay;
        }
        let Some(frames) = self.frames.take() else { return Next::Stay };
        let layer = NextLayer::WebSocket(frames);
        Successor { consumed: chunk.bytes.len(), ..Successor::new(layer) }.into()
    }

    pub(super) fn gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        self.give_up(direction, connection, context);
        if let Some(frames) = &mut self.frames {
            frames.gap(direction, gap, connection, context);
        }
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        for direction in Direction::BOTH {
            let held = std::mem::take(&mut self.beginnings.get_mut(direction).held);
            let length = stray_length(held.bytes());
            // One byte may as well be the beginning of a header.
            if length == held.bytes().len() && length > 1 {
                stray::report(direction, StrayPlace::BeforeFrames, &held, connection, context);
            } else {
                self.read(direction, &held, connection, context);
            }
        }
        self.account(context);
        if let Some(frames) = &mut self.frames {
            frames.finish(connection, context);
        }
    }

    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        if let Some(frames) = &mut self.frames {
            frames.evict(context);
        }
    }

    /// Memory taken by what is kept, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.frames.as_ref().map_or(0, WebSocket::kept).saturating_add(self.kept)
    }

    /// Reads what was held back as frames.
    fn give_up<S: Sink>(
        &mut self,
        direction: Direction,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let first = self.beginnings.get_mut(direction);
        first.has_begun = true;
        let held = std::mem::take(&mut first.held);
        self.read(direction, &held, connection, context);
        self.account(context);
    }

    fn read<S: Sink>(
        &mut self,
        direction: Direction,
        held: &Buffer,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        let Some(frames) = &mut self.frames else { return };
        for chunk in held.chunks() {
            frames.push(direction, chunk, connection, context);
        }
    }

    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let client = self.beginnings.client.held.memory();
        let kept = client.saturating_add(self.beginnings.server.held.memory());
        context.budget().account(&mut self.kept, kept);
    }
}

/// How many stray bytes precede the first frame of a direction: none if it is not clear that they are
/// stray; `None` if more bytes are needed.
fn strays_before_frames(direction: Direction, bytes: &[u8]) -> Option<usize> {
    let length = stray_length(bytes);
    if length > MOST_STRAYS {
        return Some(0);
    }
    let rest = bytes.get(length..).unwrap_or_default();
    match may_be_frames(direction, bytes) {
        Match::Yes => return Some(0),
        Match::NeedMore => return None,
        Match::No => {}
    }
    if looks_like_response(rest) == Match::Yes || rest.starts_with(b"HTTP/") {
        return Some(length);
    }
    match frame_header(rest) {
        Ok((_, header)) => {
            let opcode = Opcode::from_wire(header.opcode).filter(|it| *it != Opcode::Continuation);
            let is_masked = direction == Direction::ClientToServer;
            let is_legal = opcode.is_some()
                && matches!(header.rsv, 0 | RSV1)
                && header.mask.is_some() == is_masked
                && header.is_length_minimal()
                && header.is_control_legal();
            Some(if is_legal { length } else { 0 })
        }
        Err(error) => (!error.is_incomplete()).then_some(0),
    }
}

/// Whether bytes are whole frames of defined opcodes to their end, though the first one is not legal.
fn may_be_frames(direction: Direction, mut bytes: &[u8]) -> Match {
    let is_masked = direction == Direction::ClientToServer;
    let mut is_any = false;
    if bytes.get(1).is_some_and(|byte| (byte & MASK != 0) != is_masked) {
        return Match::No;
    }
    loop {
        let (rest, header) = match frame_header(bytes) {
            Ok(read) => read,
            Err(_) if bytes.is_empty() && is_any => return Match::Yes,
            Err(_) => return if is_any { Match::No } else { Match::NeedMore },
        };
        let is_small = header.payload_length <= MAX_CONTROL_PAYLOAD;
        let is_known = header.rsv == 0
            && match Opcode::from_wire(header.opcode) {
                // Two NULs are not a frame.
                Some(Opcode::Continuation) => header.payload_length > 0,
                Some(_) => true,
                None => false,
            };
        if header.mask.is_some() != is_masked || !is_known || !is_small {
            return Match::No;
        }
        match rest.get(length_usize(header.payload_length)..) {
            Some(after) => bytes = after,
            None => return if is_any { Match::No } else { Match::NeedMore },
        }
        is_any = true;
    }
}

/// How many bytes at the beginning may be stray.
fn stray_length(bytes: &[u8]) -> usize {
    // A tab would be a Ping that is fragmented, which is more likely.
    bytes.iter().position(|byte| *byte == b'\t').unwrap_or(usize::MAX).min(strays(bytes))
}

/// The bit that announces a masking key, in the second byte of a header (RFC 6455 §5.2).
const MASK: u8 = 0x80;

/// Stray bytes before a first frame at most.
const MOST_STRAYS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{ClientToServer as C, ServerToClient as S};

    #[test]
    fn strays_are_such_only_if_a_frame_follows() {
        #[rustfmt::skip]
        let rows: &[(&str, Direction, &[u8], Option<usize>)] = &[
            ("a line end", S, b"\r\n\x81\x05Hello", Some(2)),
            ("a NUL", S, b"\0\x82\x01x", Some(1)),
            ("a byte order mark", S, b"\xef\xbb\xbf\x81\x05Hello", Some(3)),
            ("NULs", S, b"\0\0\x81\x05Hello", Some(2)),
            ("blanks", S, b"   \x89\x00", Some(3)),
            ("a masked frame of the client", C, b"\r\n\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", Some(2)),
            ("a frame that is not masked as it must be", C, b"\r\n\x81\x05Hello", Some(0)),
            ("another response", S, b"\r\nHTTP/1.1 400 Bad Request\r\n", Some(2)),
            ("nothing yet", S, b"\r\n", None),
            ("the beginning of a header", S, b"\r\n\x81", None),
            ("a line end before the beginning of a frame", S, b"\r\n\x81\x7e\x01\x00abc", Some(2)),
            ("something else", S, b"\r\nhello", Some(0)),
            ("a continuation of nothing", S, b"\0\x03abc", Some(0)),
            ("a fragmented Pong", S, b"\x0a\x02ab", Some(0)),
            ("the beginning of a fragmented Pong", S, b"\x0a\x02a", None),
            ("a line feed", S, b"\x0a\x81\x05Hello", Some(1)),
            ("a fragmented Ping", C, b"\x09\x81\x37\xfa\x21\x3d\x7f", Some(0)),
            ("a fragmented Pong of the client", C, b"\x0a\x81\xb7\xfa\x21\x3d\x7f", Some(0)),
        ];
        for (name, direction, bytes, expected) in rows {
            assert_eq!(strays_before_frames(*direction, bytes), *expected, "{name}");
        }
    }
}
