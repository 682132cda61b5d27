//! What the rules remember of a connection's health: silences, heartbeats, round trips, its pace.

use std::collections::VecDeque;

use crate::findings::rules::handshake::fields_read::contains;
use crate::findings::state::compressibility::squeezed;
use crate::findings::state::response_times::ResponseTimes;
use crate::findings::state::silent_period::SilentPeriod;
use crate::http::Handshake;
use crate::stream::{Direction, Origin, PerDirection, Timestamp, length_u64};
use crate::websocket::extension::{self, PERMESSAGE_DEFLATE};
use crate::websocket::{Frame, Message, Opcode};

/// What the rules remember of a connection's health.
#[derive(Debug, Default)]
pub(crate) struct HealthState {
    /// The latest packet of a frame; before the first one, that of the 101.
    pub(crate) heard: Option<Origin>,
    /// The longest time between frames.
    pub(crate) longest: SilentPeriod,
    /// The latest time between frames that was longer than a second.
    pub(crate) latest: SilentPeriod,
    /// The longest time between frames that did not end with a Close, in nanoseconds; 0 if all were shorter
    /// than a second.
    pub(crate) survived: u64,
    /// The longest time between data messages, in nanoseconds.
    pub(crate) survived_data: u64,
    /// The end of the latest data message.
    heard_data: Option<Timestamp>,
    /// Pings and Pongs, and messages that look like a heartbeat of the application.
    pub(crate) beats: u64,
    /// Whether the message that is being sent may be a heartbeat, for it came in a pause, or after one.
    may_beat: bool,
    /// Whether bytes are missing, and with them perhaps Pings.
    pub(crate) has_gap: bool,
    /// How long Pongs took, by the direction of the Pongs.
    pub(crate) round_trips: PerDirection<PongTimes>,
    /// How fast the client asks and the server answers.
    pub(crate) response_times: ResponseTimes,
    /// What was sent, and how well it would deflate.
    pub(crate) content: ContentSample,
}

/// How long it took until Pings were answered.
#[derive(Debug, Default)]
pub(crate) struct PongTimes {
    /// The latest ones, in nanoseconds.
    latest: VecDeque<u64>,
    /// How many there were.
    pub(crate) count: u64,
    /// How many took at least [`SLOW_PONG`].
    pub(crate) slow: u64,
    /// The slowest: from the Ping to its Pong.
    pub(crate) slowest: SilentPeriod,
}

/// What was sent, and how well it would deflate.
#[derive(Debug, Default)]
pub(crate) struct ContentSample {
    pub(crate) deflate: DeflateUse,
    /// Bytes of text.
    pub(crate) text: u64,
    /// Bytes of binary messages.
    pub(crate) binary: u64,
    /// Bytes of text that were looked at.
    pub(crate) sampled: u64,
    /// How many would have been left of these.
    pub(crate) squeezed: u64,
}

/// What became of permessage-deflate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum DeflateUse {
    /// The handshake was not seen, or it was agreed on.
    #[default]
    AgreedOrUnknown,
    /// The client did not offer it.
    NotOffered,
    /// The server did not take the offer.
    Refused,
}

impl HealthState {
    /// Remembers a handshake that was accepted.
    pub(crate) fn accepted(&mut self, handshake: &Handshake) {
        self.heard = handshake.response.as_ref().map(|head| head.span.last);
        let names = |list: Option<Vec<u8>>| {
            let list = extension::parse(&list.unwrap_or_default());
            list.extensions.iter().any(|it| it.name.eq_ignore_ascii_case(PERMESSAGE_DEFLATE))
        };
        self.content.deflate =
            if handshake.request.is_none() || names(handshake.extensions_accepted()) {
                DeflateUse::AgreedOrUnknown
            } else if names(handshake.extensions_offered()) {
                DeflateUse::Refused
            } else {
                DeflateUse::NotOffered
            };
    }

    /// Remembers that a frame began.
    pub(crate) fn frame(&mut self, frame: &Frame) {
        let now = frame.span.first;
        if let Some(before) = self.heard {
            let length = now.time.waited_since(before.time);
            if length >= PAUSE {
                self.may_beat = true;
            }
            if length >= REMARKABLE {
                self.latest = SilentPeriod { length, after: before, until: now };
                if length > self.longest.length {
                    self.longest = self.latest;
                }
                if length > self.survived
                    && Opcode::from_wire(frame.header.opcode) != Some(Opcode::Close)
                {
                    self.survived = length;
                }
            }
        }
        self.hears(frame.span.last);
    }

    /// Remembers a message.
    pub(crate) fn message(&mut self, direction: Direction, message: &Message<'_>) {
        self.hears(message.span.last);
        match message.opcode {
            Opcode::Ping | Opcode::Pong => self.beats = self.beats.saturating_add(1),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                if self.may_beat && is_heartbeat(message) {
                    self.beats = self.beats.saturating_add(1);
                } else {
                    self.may_beat = false;
                    self.response_times.message(direction, message.span);
                }
                self.hears_data(message);
                self.content.add(message);
            }
            Opcode::Close => {}
        }
    }

    /// Remembers that a Ping was answered. `corrected` is how long that took, from how long it took by
    /// the clocks.
    pub(crate) fn answered(
        &mut self,
        pongs: Direction,
        (ping, pong): (Origin, Origin),
        corrected: impl FnOnce(u64) -> u64,
    ) {
        if let Some(length) = pong.time.measured_since(ping.time) {
            self.round_trips.get_mut(pongs).add(ping, pong, corrected(length));
        }
    }

    fn hears(&mut self, origin: Origin) {
        self.heard = self.heard.max(Some(origin));
    }

    fn hears_data(&mut self, message: &Message<'_>) {
        if let Some(before) = self.heard_data {
            self.survived_data = self.survived_data.max(message.span.first.time.since(before));
        }
        self.heard_data = Some(message.span.last.time);
    }

    /// The longest silence, also counting that until the end.
    pub(crate) fn longest_until(&self, end: Timestamp) -> SilentPeriod {
        let Some(heard) = self.heard else { return self.longest };
        let length = end.waited_since(heard.time);
        if length > self.longest.length {
            SilentPeriod { length, after: heard, until: heard }
        } else {
            self.longest
        }
    }
}

impl PongTimes {
    fn add(&mut self, ping: Origin, pong: Origin, length: u64) {
        self.count = self.count.saturating_add(1);
        if length >= SLOW_PONG {
            self.slow = self.slow.saturating_add(1);
        }
        if length > self.slowest.length {
            self.slowest = SilentPeriod { length, after: ping, until: pong };
        }
        if self.latest.len() >= MOST_ROUND_TRIPS {
            self.latest.pop_front();
        }
        self.latest.push_back(length);
    }

    /// The time, in nanoseconds, within which so many of a hundred of the latest Pongs came.
    pub(crate) fn percentile(&self, percent: usize) -> u64 {
        let mut sorted: Vec<u64> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let at = sorted.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl ContentSample {
    fn add(&mut self, message: &Message<'_>) {
        match message.opcode {
            Opcode::Text => self.text = self.text.saturating_add(message.length),
            Opcode::Binary => self.binary = self.binary.saturating_add(message.length),
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => return,
        }
        let wants = match self.deflate {
            DeflateUse::AgreedOrUnknown => false,
            DeflateUse::NotOffered | DeflateUse::Refused => self.sampled < SAMPLE,
        };
        // What is short in total is not worth the work.
        if wants && message.opcode == Opcode::Text && self.text >= SAMPLE_FROM {
            let content = message.content.get(..LONGEST_SAMPLE).unwrap_or(message.content);
            self.sampled = self.sampled.saturating_add(length_u64(content.len()));
            self.squeezed = self.squeezed.saturating_add(squeezed(content));
        }
    }
}

/// Whether a message looks like a heartbeat that an application made itself: the word in a short text,
/// a packet of Engine.IO (`2`, `3`) or `SockJS` (`h`), PINGREQ or PINGRESP of MQTT, a line end of STOMP.
fn is_heartbeat(message: &Message<'_>) -> bool {
    if message.length > LONGEST_BEAT {
        return false;
    }
    match message.content {
        b"2" | b"3" | b"h" | b"\n" | b"\r\n" | b"\xc0\x00" | b"\xd0\x00" => true,
        content => BEATS.iter().any(|word| contains(content, word)),
    }
}

/// Words of heartbeats.
const BEATS: &[&str] = &["ping", "pong", "heartbeat", "keepalive", "keep-alive"];

/// A heartbeat has no more bytes.
const LONGEST_BEAT: u64 = 80;

/// Nanoseconds from which on a time without frames is remembered.
const REMARKABLE: u64 = 1_000_000_000;

/// Nanoseconds from which on a Pong is slow (OPS-03).
pub(crate) const SLOW_PONG: u64 = 1_000_000_000;

/// Round trips that are remembered one by one, of each side.
const MOST_ROUND_TRIPS: usize = 128;

/// Bytes of text after which it is worth looking how well they deflate.
const SAMPLE_FROM: u64 = 32 << 10;

/// Bytes of text that are looked at.
const SAMPLE: u64 = 2 << 10;

/// Bytes of one message that are looked at.
const LONGEST_SAMPLE: usize = 4 << 10;

/// A heartbeat comes in a pause: nanoseconds without a frame before it, or before the one that it answers. What
/// comes more often leaves no silence that a rule is about.
const PAUSE: u64 = 5_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::PacketId;

    #[test]
    fn percentiles_are_those_of_the_latest_round_trips() {
        let mut trips = PongTimes::default();
        let at = |time| Origin { packet: PacketId(time), time: Timestamp(time) };
        for length in 1..=200 {
            trips.add(at(1_000), at(1_000 + length), length);
        }
        // The latest are 73 to 200.
        assert_eq!((trips.percentile(50), trips.percentile(100)), (136, 200));
        assert_eq!((trips.count, trips.slow, trips.slowest.length), (200, 0, 200));
        assert_eq!(PongTimes::default().percentile(50), 0);
    }
}
