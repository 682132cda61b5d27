//! What a connection's bytes are read as, and when that changes.

mod probe;
pub(super) mod tls;

use crate::analysis::Sink;
use crate::analysis::connection::{Flow, Work};
use crate::analysis::event::{
    Connection, ConnectionEvent, Event, EventKind, Limit, Nature, Recognition, Refusal, StartedBy,
    Transport,
};
use crate::analysis::layers::probe::{Probe, Verdict, is_http2_preface};
use crate::http::{
    self, Handshake, Held, Http1Decoder, Match, Progress, looks_like_request, looks_like_response,
};
use crate::stream::{Chunk, Direction, Gap, GapCause, Origin, PerDirection};
use crate::tls::{Session, begins_record};
use crate::websocket::extension::{self, DeflateParams};
use crate::websocket::sync::{Expectation, Masked, Rsv1, run_of_frames};
use crate::websocket::{Compression, Decoder, Observation, Opcode, Start};

/// What a connection's bytes are read as.
#[derive(Debug)]
pub(in crate::analysis) enum Layer {
    /// No payload yet.
    Start,
    /// The beginning is missing: looking for something known.
    Probe(Box<Probe>),
    /// Requests and responses.
    Http(Box<Http1Decoder>),
    /// Records of TLS.
    Tls(Box<Session>),
    /// Frames.
    WebSocket(PerDirection<Decoder>),
    /// Nobody is interested in its content.
    Ignored,
}

impl Flow {
    /// Hands the next bytes of a direction to the layer that reads them.
    pub(in crate::analysis) fn read<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        if chunk.bytes.is_empty() {
            return;
        }
        match &mut self.layer {
            Layer::Ignored => {}
            Layer::WebSocket(decoders) => {
                let Work { shared, sink, .. } = work;
                decoders.get_mut(direction).push(chunk, shared, &mut |seen| {
                    frame_event(&mut self.about, direction, chunk.origin, seen, *sink);
                });
            }
            Layer::Http(_) => self.read_http(direction, chunk, work),
            Layer::Tls(_) => self.read_tls(direction, chunk, work),
            Layer::Probe(_) => self.read_probe(direction, chunk, work),
            Layer::Start => {
                let direction = self.choose_layer(direction, chunk, work);
                self.read(direction, chunk, work);
            }
        }
    }

    /// Tells the layer that bytes are missing.
    pub(in crate::analysis) fn read_gap<S: Sink>(
        &mut self,
        direction: Direction,
        gap: Gap,
        work: &mut Work<'_, S>,
    ) {
        match &mut self.layer {
            Layer::WebSocket(decoders) => {
                let Work { shared, sink, .. } = work;
                decoders.get_mut(direction).gap(gap, shared, &mut |seen| {
                    frame_event(&mut self.about, direction, gap.origin, seen, *sink);
                });
            }
            Layer::Http(decoder) => {
                if decoder.gap(direction, gap) == Progress::Lost
                    && decoder.awaiting_response().is_none()
                {
                    // A head was lost: what follows may be anything, frames included.
                    self.layer = Layer::Probe(Box::default());
                }
            }
            Layer::Tls(_) => self.read_tls_gap(direction, gap, work),
            // The first bytes are missing: a capture that begins later, in effect.
            Layer::Start => self.layer = Layer::Probe(Box::default()),
            Layer::Probe(_) | Layer::Ignored => {}
        }
    }

    /// Ends the layer.
    pub(in crate::analysis) fn end_layer<S: Sink>(&mut self, work: &mut Work<'_, S>) {
        if let Layer::Probe(probe) = &self.layer
            && probe.is_possible()
        {
            self.recognize_frames(Recognition::Possible, work);
        }
        match std::mem::replace(&mut self.layer, Layer::Ignored) {
            Layer::Http(mut decoder) => self.finish_http(&mut decoder, work),
            Layer::WebSocket(mut decoders) => {
                for direction in Direction::BOTH {
                    let decoder = decoders.get_mut(direction);
                    decoder.finish(work.shared, &mut |seen| {
                        frame_event(&mut self.about, direction, work.now, seen, work.sink);
                    });
                    if let Some((bytes, span)) = decoder.partial_header() {
                        let event = ConnectionEvent::HeaderUnfinished(direction, bytes, span);
                        self.emit(work, event);
                    }
                }
            }
            Layer::Probe(_) if self.about.nature == Nature::Unknown => {
                self.about.nature = Nature::Other;
            }
            Layer::Probe(_) | Layer::Start | Layer::Tls(_) | Layer::Ignored => {}
        }
        self.look_up_secrets(work);
    }

    /// Decides what the first bytes of a connection are to be read as. Gives their direction, now that the
    /// client may be known.
    fn choose_layer<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) -> Direction {
        if begins_record(chunk.bytes) {
            return self.start_tls(direction, chunk);
        } else if is_http2_preface(chunk.bytes) {
            self.ignore(Nature::Unreadable, Transport::H2);
        } else if self.about.started_by == StartedBy::Syn {
            self.start_http();
        } else if self.forced && !is_http(chunk.bytes) {
            self.open_decoders(UNNEGOTIATED, Start::Anywhere);
            self.emit(work, ConnectionEvent::Recognized(Recognition::Forced));
        } else {
            self.layer = Layer::Probe(Box::default());
        }
        direction
    }

    fn start_http(&mut self) {
        if self.about.nature == Nature::Unknown {
            self.about.nature = Nature::Http;
        }
        self.layer = Layer::Http(Box::default());
    }

    fn read_http<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        let Layer::Http(decoder) = &mut self.layer else { return };
        let awaits_response = decoder.awaiting_response().is_some();
        if awaits_response
            && direction == Direction::ClientToServer
            && !self.tcp.is_seen(Direction::ServerToClient)
        {
            // The other direction is not in the capture: behind the request, there must be frames.
            self.take_for_frames(Recognition::Likely, work);
            return self.read(direction, chunk, work);
        }
        let (about, rejected, now) = (&mut self.about, &mut self.rejected, chunk.origin);
        let progress = decoder.push(direction, chunk, &mut |seen| {
            http_event(about, rejected, now, seen, work.sink);
        });
        if direction == Direction::ServerToClient
            && let Some(refusal) = &mut self.about.refusal
        {
            refusal.add(chunk);
        }
        match progress {
            Progress::Continue => {}
            Progress::Lost => {
                let are_frames = is_convincing(direction, chunk.bytes);
                if !awaits_response {
                    // Only frames are worth a second look: HTTP was looked for just now.
                    self.layer = Layer::Probe(Box::default());
                } else if are_frames && direction == Direction::ServerToClient {
                    // The response was lost in a gap, and frames follow it.
                    self.take_for_frames(Recognition::Likely, work);
                }
                if are_frames && !matches!(self.layer, Layer::Http(_)) {
                    self.read(direction, chunk, work);
                }
            }
            Progress::Upgraded { consumed } => {
                let handshake = decoder.take_handshake();
                let held = decoder.take_held(Direction::ClientToServer);
                self.open_decoders(negotiated(handshake.as_ref()), Start::Boundary);
                self.read_held(Direction::ClientToServer, &held, work);
                self.read(direction, chunk.skip(consumed), work);
            }
            Progress::Tunnel { consumed } => {
                let handshake = decoder.take_handshake().unwrap_or_default();
                let held = decoder.take_held(Direction::ClientToServer);
                self.layer = Layer::Start;
                self.about.nature = Nature::Unknown;
                self.emit(work, ConnectionEvent::TunnelOpened(&handshake));
                self.read_held(Direction::ClientToServer, &held, work);
                self.read(direction, chunk.skip(consumed), work);
            }
            Progress::SwitchedOther { .. } => {
                self.ignore(Nature::Other, Transport::Tcp);
            }
            Progress::NotHttp => self.leave_http(direction, chunk, work),
        }
    }

    /// The connection does not begin with HTTP, or stopped being HTTP.
    fn leave_http<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        let Layer::Http(mut decoder) = std::mem::replace(&mut self.layer, Layer::Ignored) else {
            return;
        };
        let held = Direction::BOTH.map(|direction| (direction, decoder.take_held(direction)));
        let mut beginning = held
            .iter()
            .find(|(other, _)| *other == direction)
            .map(|(_, held)| held.bytes().to_vec())
            .unwrap_or_default();
        beginning.extend_from_slice(chunk.bytes);
        if direction == Direction::ServerToClient {
            // Known before the handshake is told to have failed: it is why.
            self.note_answer_in_tls(&beginning, chunk, work);
        }
        self.finish_http(&mut decoder, work);
        if self.forced {
            self.open_decoders(UNNEGOTIATED, Start::Boundary);
            self.emit(work, ConnectionEvent::Recognized(Recognition::Forced));
            for (direction, held) in &held {
                self.read_held(*direction, held, work);
            }
            return self.read(direction, chunk, work);
        }
        if begins_record(&beginning) && direction == Direction::ClientToServer {
            self.start_tls(direction, Chunk { bytes: &beginning, ..chunk });
            for (direction, held) in &held {
                self.read_held(*direction, held, work);
            }
            self.read(direction, chunk, work);
        } else {
            // An answer that is no HTTP refuses a handshake as well as any status.
            self.rejected |= self.about.nature == Nature::UpgradeRequested;
            self.ignore(Nature::Other, Transport::Tcp);
        }
    }

    /// Reads on as frames though the response was not captured.
    fn take_for_frames<S: Sink>(&mut self, recognition: Recognition, work: &mut Work<'_, S>) {
        let Layer::Http(mut decoder) = std::mem::replace(&mut self.layer, Layer::Start) else {
            return;
        };
        self.finish_http(&mut decoder, work);
        let held = decoder.take_held(Direction::ClientToServer);
        self.open_decoders(UNNEGOTIATED, Start::Boundary);
        if let Layer::WebSocket(decoders) = &mut self.layer {
            decoders.server = Decoder::new(Compression::Unknown, Start::Anywhere);
        }
        self.emit(work, ConnectionEvent::Recognized(recognition));
        self.read_held(Direction::ClientToServer, &held, work);
    }

    fn finish_http<S: Sink>(&mut self, decoder: &mut Http1Decoder, work: &mut Work<'_, S>) {
        let (about, rejected, now) = (&mut self.about, &mut self.rejected, work.now);
        decoder.finish(&mut |seen| http_event(about, rejected, now, seen, work.sink));
    }

    fn read_probe<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        let Layer::Probe(probe) = &mut self.layer else { return };
        match probe.push(direction, chunk) {
            Verdict::Unsure => {}
            Verdict::Tls => {
                let direction = self.start_tls(direction, chunk);
                self.read(direction, chunk, work);
            }
            Verdict::Other => self.ignore(Nature::Other, Transport::Tcp),
            Verdict::Frames => self.recognize_frames(Recognition::Likely, work),
            Verdict::Request => self.probe_http(direction, Direction::ClientToServer, chunk, work),
            Verdict::Response => self.probe_http(direction, Direction::ServerToClient, chunk, work),
        }
    }

    /// HTTP was found by its content: its sender's role is known now.
    fn probe_http<S: Sink>(
        &mut self,
        direction: Direction,
        role: Direction,
        chunk: Chunk<'_>,
        work: &mut Work<'_, S>,
    ) {
        if direction != role {
            if self.about.started_by == StartedBy::Syn {
                return;
            }
            self.swap_roles();
        }
        self.start_http();
        self.read(role, chunk, work);
    }

    fn recognize_frames<S: Sink>(&mut self, recognition: Recognition, work: &mut Work<'_, S>) {
        let Layer::Probe(mut probe) = std::mem::replace(&mut self.layer, Layer::Start) else {
            return;
        };
        let swapped = self.about.started_by == StartedBy::Midstream
            && probe.client_by_masks() == Some(Direction::ServerToClient);
        if swapped {
            self.swap_roles();
        }
        self.open_decoders(UNNEGOTIATED, Start::Anywhere);
        self.emit(work, ConnectionEvent::Recognized(recognition));
        for kept in probe.take() {
            let direction = if swapped { kept.direction.reverse() } else { kept.direction };
            self.read(direction, kept.chunk(), work);
        }
    }

    fn open_decoders(&mut self, compression: PerDirection<Compression>, start: Start) {
        self.about.nature = Nature::WebSocket;
        self.about.compression = compression;
        self.layer = Layer::WebSocket(PerDirection {
            client: Decoder::new(compression.client, start),
            server: Decoder::new(compression.server, start),
        });
    }

    fn read_held<S: Sink>(&mut self, direction: Direction, held: &Held, work: &mut Work<'_, S>) {
        for chunk in held.chunks() {
            self.read(direction, chunk, work);
        }
        if held.dropped() > 0 {
            let (offset, length) = (held.span().end, held.dropped());
            let gap = Gap { offset, length, cause: GapCause::Limit, origin: work.now };
            self.emit(work, ConnectionEvent::Gap(direction, gap));
            self.read_gap(direction, gap, work);
        }
    }

    pub(in crate::analysis) fn ignore(&mut self, nature: Nature, transport: Transport) {
        if self.about.nature != Nature::UpgradeRequested {
            self.about.nature = nature;
        }
        self.about.transport = transport;
        self.layer = Layer::Ignored;
        self.tcp.ignore();
    }
}

/// What was negotiated, by whose side; unknown where the handshake was not seen.
fn negotiated(handshake: Option<&Handshake>) -> PerDirection<Compression> {
    let Some(handshake) = handshake else {
        return UNNEGOTIATED;
    };
    let accepted = handshake.extensions_accepted().unwrap_or_default();
    match DeflateParams::from_accepted(&extension::parse(&accepted)) {
        None => PerDirection { client: Compression::None, server: Compression::None },
        Some(params) => PerDirection {
            client: Compression::Deflate(params.client),
            server: Compression::Deflate(params.server),
        },
    }
}

/// Whether a chunk is made of frames as their sender must send them.
fn is_convincing(direction: Direction, bytes: &[u8]) -> bool {
    let masked = match direction {
        Direction::ClientToServer => Masked::Yes,
        Direction::ServerToClient => Masked::No,
    };
    let expectation = Expectation { masked: Some(masked), rsv1: Rsv1::Allowed };
    run_of_frames(bytes, expectation).is_some_and(|run| run.is_convincing(bytes))
}

fn is_http(bytes: &[u8]) -> bool {
    looks_like_request(bytes) == Match::Yes || looks_like_response(bytes) == Match::Yes
}

/// Hands on what the HTTP layer observed.
fn http_event<S: Sink>(
    about: &mut Connection,
    rejected: &mut bool,
    now: Origin,
    seen: http::Observation<'_>,
    sink: &mut S,
) {
    let event = match seen {
        http::Observation::UpgradeRequested(handshake) => {
            about.nature = Nature::UpgradeRequested;
            ConnectionEvent::UpgradeRequested(handshake)
        }
        http::Observation::HandshakeEnded(handshake) => {
            about.nature = Nature::UpgradeRequested;
            *rejected = handshake.status().is_some_and(|status| status != SWITCHING_PROTOCOLS);
            about.refusal = handshake
                .response
                .as_ref()
                .filter(|_| *rejected)
                .map(|head| Box::new(Refusal { offset: head.span.end, ..Refusal::default() }));
            ConnectionEvent::HandshakeEnded(handshake)
        }
        http::Observation::TunnelRefused(handshake) => {
            about.nature = Nature::UpgradeRequested;
            *rejected = handshake.status().is_some();
            ConnectionEvent::TunnelRefused(handshake)
        }
        http::Observation::HeadTooLarge(_) => ConnectionEvent::Limit(Limit::HeadBytes),
    };
    sink.event(&Event { origin: now, kind: EventKind::Connection(about, event) });
}

/// Counts and hands on what a decoder observed.
fn frame_event<S: Sink>(
    about: &mut Connection,
    direction: Direction,
    now: Origin,
    seen: Observation<'_>,
    sink: &mut S,
) {
    match seen {
        Observation::FrameStarted(_) => {
            let count = about.frames.get_mut(direction);
            *count = count.saturating_add(1);
        }
        Observation::Message(message) => {
            let count = about.messages.get_mut(direction);
            *count = count.saturating_add(1);
            *about.closes.get_mut(direction) |= message.opcode == Opcode::Close;
        }
        Observation::FrameEnded(_)
        | Observation::InvalidUtf8 { .. }
        | Observation::SyncLost(_)
        | Observation::SyncFound(_)
        | Observation::NotAFrame(..) => {}
    }
    let event = ConnectionEvent::of_frames(direction, seen);
    sink.event(&Event { origin: now, kind: EventKind::Connection(about, event) });
}

/// The status that agrees to an upgrade (RFC 9110 §15.2.2).
const SWITCHING_PROTOCOLS: u16 = 101;

/// Compression where the handshake was not seen.
const UNNEGOTIATED: PerDirection<Compression> =
    PerDirection { client: Compression::Unknown, server: Compression::Unknown };
