//! Recognising a protocol by its bytes where the beginning of a connection was not captured.

use super::http::Http;
use super::next::{Next, NextLayer, Roles, StackStart, Successor, ignore};
use super::tls::Tls;
use super::websocket::{UNNEGOTIATED, WebSocket};
use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, Nature, Recognition};
use crate::analysis::sink::Sink;
use crate::http::{Match, looks_like_request, looks_like_response};
use crate::stream::{Buffer, Chunk, Direction, PerDirection};
use crate::tls::begins_record;
use crate::websocket::Start;
use crate::websocket::sync::{Expectation, Masked, Rsv1, Run, RunEnd, run_of_frames};

/// Looks at segments until they show what the connection carries.
///
/// Keeps the chunks since the first that looks like frames, so that nothing recognised is lost.
#[derive(Debug, Default)]
pub(super) struct Probe {
    kept: Vec<(Direction, Buffer)>,
    kept_bytes: usize,
    /// Memory taken by the chunks, as the budget knows it.
    accounted: usize,
    evidence: PerDirection<Evidence>,
    chunks: u32,
}

/// What speaks for WebSocket in one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    points: u32,
    masked: Option<Masked>,
}

/// What the segments so far show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ProbeVerdict {
    /// Nothing yet.
    Unsure,
    /// An HTTP request, in the direction of the chunk just given.
    Request,
    /// An HTTP response, in the direction of the chunk just given.
    Response,
    /// TLS records.
    Tls,
    /// WebSocket frames; [`Probe::client_by_masks`] says whose.
    Frames,
    /// Enough was seen, and it is nothing of these.
    Other,
}

impl Probe {
    /// Takes the next bytes of a direction; goes over to another layer once it is clear which.
    pub(super) fn read<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let verdict = self.push(direction, chunk);
        self.account(context);
        let sender = match verdict {
            ProbeVerdict::Unsure => return Next::Stay,
            ProbeVerdict::Tls => {
                return Tls::start(direction, chunk.bytes, start.roles, connection);
            }
            ProbeVerdict::Other => return ignore(connection, Nature::Other),
            ProbeVerdict::Frames => {
                let frames = self.frames(Recognition::Likely, start, connection, context);
                // The chunk is among those that were kept.
                return Successor { consumed: chunk.bytes.len(), ..frames }.into();
            }
            ProbeVerdict::Request => Direction::ClientToServer,
            ProbeVerdict::Response => Direction::ServerToClient,
        };
        // HTTP was found by its content: its sender's role is known now.
        let swaps_roles = direction != sender;
        if swaps_roles && start.roles == Roles::Known {
            return Next::Stay;
        }
        Successor { swaps_roles, ..Successor::new(Http::start(connection)) }.into()
    }

    /// Drops the chunks, to save memory: the search starts over.
    pub(super) fn evict<S>(&mut self, context: &mut Context<'_, S>) {
        self.kept = Vec::new();
        self.kept_bytes = 0;
        self.evidence = PerDirection::default();
        self.account(context);
    }

    /// Memory taken by the chunks, in bytes, as the budget knows it.
    pub(super) fn kept(&self) -> usize {
        self.accounted
    }

    /// Tells the budget what is kept now.
    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.kept.iter().map(|(_, buffer)| buffer.memory()).sum();
        if kept != self.accounted {
            context.budget().change(self.accounted, kept);
            self.accounted = kept;
        }
    }

    /// Ends the stream: what may be frames is read as frames.
    pub(super) fn finish<S: Sink>(
        &mut self,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Option<Successor> {
        self.is_possible().then(|| self.frames(Recognition::Possible, start, connection, context))
    }

    fn frames<S: Sink>(
        &mut self,
        recognition: Recognition,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Successor {
        if start.roles == Roles::Guessed
            && self.client_by_masks() == Some(Direction::ServerToClient)
        {
            connection.swap_roles();
            for (direction, _) in &mut self.kept {
                *direction = direction.reverse();
            }
        }
        let frames = WebSocket::open(UNNEGOTIATED, Start::Anywhere, connection);
        context.emit(connection, ConnectionEvent::Recognized(recognition));
        let held = std::mem::take(&mut self.kept);
        Successor { held, ..Successor::new(NextLayer::WebSocket(frames)) }
    }

    /// Takes one chunk, which is the payload of one segment.
    fn push(&mut self, direction: Direction, chunk: Chunk<'_>) -> ProbeVerdict {
        self.chunks = self.chunks.saturating_add(1);
        if looks_like_request(chunk.bytes) == Match::Yes {
            return ProbeVerdict::Request;
        }
        if looks_like_response(chunk.bytes) == Match::Yes {
            return ProbeVerdict::Response;
        }
        if begins_record(chunk.bytes) {
            return ProbeVerdict::Tls;
        }
        let known = self.evidence.get(direction).masked;
        let expectation = Expectation { masked: known, rsv1: Rsv1::Allowed };
        if let Some(run) = run_of_frames(chunk.bytes, expectation)
            && run.is_convincing(chunk.bytes)
        {
            let evidence = self.evidence.get_mut(direction);
            evidence.points = evidence.points.saturating_add(points(run));
            evidence.masked = Some(run.masked);
        }
        if self.evidence.client.points > 0 || self.evidence.server.points > 0 {
            self.keep(direction, chunk);
        }
        let (client, server) = (self.evidence.client, self.evidence.server);
        let opposite = client.masked.zip(server.masked).is_some_and(|(a, b)| a != b);
        let points = client.points.saturating_add(server.points);
        if opposite || (points >= CONVINCING && client.masked.xor(server.masked).is_some()) {
            return ProbeVerdict::Frames;
        }
        if self.chunks >= MAX_CHUNKS || self.kept_bytes >= MAX_KEPT {
            return ProbeVerdict::Other;
        }
        ProbeVerdict::Unsure
    }

    /// Whether something speaks for WebSocket, though not enough to be sure.
    fn is_possible(&self) -> bool {
        self.evidence.client.points > 0 || self.evidence.server.points > 0
    }

    /// The direction of the client, inferred from masking (RFC 6455 §5.1).
    fn client_by_masks(&self) -> Option<Direction> {
        match (self.evidence.client.masked, self.evidence.server.masked) {
            (Some(Masked::Yes), None | Some(Masked::No)) | (None, Some(Masked::No)) => {
                Some(Direction::ClientToServer)
            }
            (Some(Masked::No), None | Some(Masked::Yes)) | (None, Some(Masked::Yes)) => {
                Some(Direction::ServerToClient)
            }
            (None, None)
            | (Some(Masked::Yes), Some(Masked::Yes))
            | (Some(Masked::No), Some(Masked::No)) => None,
        }
    }

    fn keep(&mut self, direction: Direction, chunk: Chunk<'_>) {
        self.kept_bytes = self.kept_bytes.saturating_add(chunk.bytes.len());
        match self.kept.last_mut() {
            Some((last, buffer)) if *last == direction => buffer.push(chunk),
            Some(_) | None => {
                let mut buffer = Buffer::default();
                buffer.push(chunk);
                self.kept.push((direction, buffer));
            }
        }
    }
}

fn points(run: Run) -> u32 {
    match run.end {
        RunEnd::Exact => 2 + run.frames.min(2),
        RunEnd::Open => run.frames.min(3),
    }
}

/// Points at which frames in one direction are taken for WebSocket: two segments that fit, or one
/// with two frames that end where it ends.
const CONVINCING: u32 = 4;

/// Chunks looked at before the connection is passed over.
const MAX_CHUNKS: u32 = 256;

/// Bytes kept until then.
const MAX_KEPT: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Origin;
    use Direction::{ClientToServer as C, ServerToClient as S};

    const MASKED: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    const PLAIN: &[u8] = b"\x81\x05Hello";

    type ProbeCase = (&'static str, &'static [(Direction, &'static [u8])], ProbeVerdict);

    #[rustfmt::skip]
    const CASES: &[ProbeCase] = &[
        ("nothing", &[], ProbeVerdict::Unsure),
        ("one frame is not enough", &[(C, MASKED)], ProbeVerdict::Unsure),
        ("two frames of one side", &[(C, MASKED), (C, MASKED)], ProbeVerdict::Frames),
        ("masked from what was taken for the server", &[(S, MASKED), (S, MASKED)], ProbeVerdict::Frames),
        ("both sides, one masked", &[(C, PLAIN), (S, MASKED)], ProbeVerdict::Frames),
        ("a request", &[(C, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")], ProbeVerdict::Request),
        ("a response", &[(C, b"HTTP/1.1 200 OK\r\n\r\n")], ProbeVerdict::Response),
        ("TLS application data", &[(S, b"\x17\x03\x03\x00\x20 and so on")], ProbeVerdict::Tls),
        ("a line of text", &[(S, b"220 mail.example.org ESMTP\r\n"), (C, b"HELO a\r\n")], ProbeVerdict::Unsure),
    ];

    #[test]
    fn segments_tell_the_protocol() {
        for (name, chunks, expected) in CASES {
            let mut probe = Probe::default();
            let mut verdict = ProbeVerdict::Unsure;
            for (direction, bytes) in *chunks {
                let chunk = Chunk { offset: 0, bytes, origin: Origin::default() };
                verdict = probe.push(*direction, chunk);
            }
            assert_eq!(verdict, *expected, "{name}");
        }
    }

    #[test]
    fn other_protocols_are_given_up() {
        let mut probe = Probe::default();
        let chunk = Chunk { offset: 0, bytes: b"\x00\x01\x02\x03", origin: Origin::default() };
        let verdicts: Vec<_> = (0..MAX_CHUNKS).map(|_| probe.push(C, chunk)).collect();
        assert_eq!(verdicts.last(), Some(&ProbeVerdict::Other));
        assert!(probe.kept.is_empty(), "and nothing of them is kept");
    }
}
