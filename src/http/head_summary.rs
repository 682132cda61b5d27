//! What must be known of every head, read in one pass and without keeping anything.

use memchr::memmem;

use super::browser::Browser;
use super::head::Head;
use super::line::{HeadView, Start, trim};

/// How much of a WebSocket a request or response is.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Traces {
    /// Nothing of it.
    #[default]
    None,
    /// An Upgrade to something other than `h2c`, a Sec-WebSocket-* field, or an address of
    /// engine.io; perhaps a WebSocket request that was damaged on its way.
    Partial,
    /// Upgrade contains `websocket`.
    UpgradeRequested,
}

impl Head {
    /// How much of a WebSocket it is.
    pub fn traces(&self) -> Traces {
        HeadSummary::of(&HeadView::new(&self.raw)).traces()
    }
}

/// The few facts of a head that decide what follows it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct HeadSummary {
    /// Upgrade (RFC 9110 §7.8).
    pub(super) upgrade: Upgrade,
    /// Content-Length (RFC 9112 §6.2).
    pub(super) length: Length,
    /// Transfer-Encoding (RFC 9112 §6.1).
    pub(super) coding: Coding,
    /// Fields called Sec-WebSocket-*.
    pub(super) own: WebSocketFields,
    /// The browser that User-Agent names.
    pub(super) browser: Option<Browser>,
    place: Place,
}

/// The protocols that Upgrade names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Upgrade {
    #[default]
    Absent,
    /// `h2c` and nothing else: plain HTTP/2 (RFC 7540 §3.2).
    Http2,
    Other,
    /// `websocket`, perhaps beside others.
    WebSocket,
}

/// The length that Content-Length gives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Length {
    #[default]
    Absent,
    Bytes(u64),
    /// No number, or different numbers.
    Bad,
}

/// The final transfer coding.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Coding {
    #[default]
    Absent,
    Chunked,
    Other,
}

/// The fields of WebSocket itself.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum WebSocketFields {
    #[default]
    Absent,
    /// Some, without Sec-WebSocket-Accept.
    Some,
    /// Sec-WebSocket-Accept among them.
    Accept,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Response,
    Request,
    EngineIo,
}

impl HeadSummary {
    pub(super) fn of(head: &HeadView<'_>) -> Self {
        let place = match head.start {
            Start::Request { target, .. } if is_engine_io(target) => Place::EngineIo,
            Start::Request { .. } => Place::Request,
            Start::Response { .. } => Place::Response,
        };
        let mut summary = Self { place, ..Self::default() };
        for field in head.fields() {
            if let Some(name) = field.name {
                summary.add(name, field.value);
            }
        }
        summary
    }

    /// Servers offer upgrades to HTTP/2 in any response, so there only WebSocket's own are evidence.
    pub(super) fn traces(&self) -> Traces {
        match (self.upgrade, self.own, self.place) {
            (Upgrade::WebSocket, _, _) => Traces::UpgradeRequested,
            (_, WebSocketFields::Some | WebSocketFields::Accept, _)
            | (_, _, Place::EngineIo)
            | (Upgrade::Other, _, Place::Request) => Traces::Partial,
            (Upgrade::Absent | Upgrade::Http2 | Upgrade::Other, WebSocketFields::Absent, _) => {
                Traces::None
            }
        }
    }

    fn add(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"Upgrade") {
            members(value).for_each(|member| self.upgrade.add(member));
        } else if name.eq_ignore_ascii_case(b"Content-Length") {
            value.split(|byte| *byte == b',').for_each(|number| self.length.add(trim(number)));
        } else if name.eq_ignore_ascii_case(b"Transfer-Encoding") {
            members(value).for_each(|member| self.coding.add(member));
        } else if name.eq_ignore_ascii_case(b"Sec-WebSocket-Accept") {
            self.own = WebSocketFields::Accept;
        } else if starts_with_ignore_case(name, b"Sec-WebSocket-") {
            self.own = self.own.max(WebSocketFields::Some);
        } else if name.eq_ignore_ascii_case(b"User-Agent") {
            self.browser = Browser::of(value);
        }
    }
}

impl Upgrade {
    fn add(&mut self, protocol: &[u8]) {
        *self = match self {
            _ if protocol.eq_ignore_ascii_case(b"websocket") => Self::WebSocket,
            Self::Absent | Self::Http2 if protocol.eq_ignore_ascii_case(b"h2c") => Self::Http2,
            Self::Absent | Self::Http2 | Self::Other => Self::Other,
            Self::WebSocket => Self::WebSocket,
        };
    }
}

impl Length {
    /// Equal repetitions are one (RFC 9112 §6.3 item 5).
    fn add(&mut self, number: &[u8]) {
        let digits = number.iter().all(u8::is_ascii_digit);
        let text = if digits { str::from_utf8(number).ok() } else { None };
        let Some(bytes) = text.and_then(|text| text.parse().ok()) else {
            *self = Self::Bad;
            return;
        };
        *self = match *self {
            Self::Absent => Self::Bytes(bytes),
            Self::Bytes(before) if before == bytes => Self::Bytes(bytes),
            Self::Bytes(_) | Self::Bad => Self::Bad,
        };
    }
}

impl Coding {
    fn add(&mut self, coding: &[u8]) {
        let name = coding.split(|byte| *byte == b';').next().map(trim).unwrap_or_default();
        *self = if name.eq_ignore_ascii_case(b"chunked") { Self::Chunked } else { Self::Other };
    }
}

fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

fn starts_with_ignore_case(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Paths and query of engine.io and what is built on it.
fn is_engine_io(target: &[u8]) -> bool {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    ENGINE_IO_PATHS.iter().any(|wanted| memmem::find(path, wanted).is_some())
        || names_engine_io(target)
}

/// Whether the query of a target has the version of Engine.IO, as that of each of its clients has.
pub fn names_engine_io(target: &[u8]) -> bool {
    let query = target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    query.split(|byte| *byte == b'&').any(|part| part.starts_with(ENGINE_IO_PARAMETER))
}

const ENGINE_IO_PATHS: [&[u8]; 2] = [b"/engine.io/", b"/socket.io/"];

/// Version of the engine.io protocol.
const ENGINE_IO_PARAMETER: &[u8] = b"EIO=";

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(raw: &str) -> HeadSummary {
        HeadSummary::of(&HeadView::new(raw.as_bytes()))
    }

    #[test]
    fn traces_of_websocket_in_requests_and_responses() {
        use Traces::{None, Partial as Some, UpgradeRequested as Asked};
        #[rustfmt::skip]
        let rows: &[(&str, &str, Traces)] = &[
            ("page",               "GET / HTTP/1.1\r\nHost: a\r\n\r\n",                     None),
            ("asked",              "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",          Asked),
            ("any letter case",    "GET / HTTP/1.1\r\nupgrade:WebSocket\r\n\r\n",           Asked),
            ("asked beside h2c",   "GET / HTTP/1.1\r\nUpgrade: h2c, websocket\r\n\r\n",     Asked),
            ("over two lines",     "GET / HTTP/1.1\r\nUpgrade: a\r\nUpgrade: websocket\r\n\r\n", Asked),
            ("other protocol",     "GET / HTTP/1.1\r\nUpgrade: irc/6.9\r\n\r\n",            Some),
            ("h2c",                "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",                None),
            ("empty Upgrade",      "GET / HTTP/1.1\r\nUpgrade:\r\n\r\n",                    None),
            ("Upgrade was cut off", "GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n",       Some),
            ("socket.io",          "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n", Some),
            ("engine.io below",    "POST /a/engine.io/ HTTP/1.1\r\n\r\n",                   Some),
            ("engine.io elsewhere", "GET /x?a=1&EIO=3 HTTP/1.1\r\n\r\n",                    Some),
            ("EIO in a value",     "GET /x?a=EIO=3 HTTP/1.1\r\n\r\n",                       None),
            ("accepted",           "HTTP/1.1 101\r\nUpgrade: websocket\r\n\r\n",            Asked),
            ("accept alone",       "HTTP/1.1 101\r\nSec-WebSocket-Accept: x\r\n\r\n",       Some),
            ("HTTP/2 offered",     "HTTP/1.1 200 OK\r\nUpgrade: h2,h2c\r\n\r\n",            None),
        ];
        for (name, raw, expected) in rows {
            assert_eq!(summary(raw).traces(), *expected, "{name}");
        }
    }

    #[test]
    fn framing_fields_are_read_over_all_lines() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, Length, Coding)] = &[
            ("none",            "A: b\r\n",                                        Length::Absent,    Coding::Absent),
            ("length",          "content-length: 12\r\n",                          Length::Bytes(12), Coding::Absent),
            ("repeated",        "Content-Length: 12\r\nContent-Length: 12\r\n",    Length::Bytes(12), Coding::Absent),
            ("list",            "Content-Length: 12, 12\r\n",                      Length::Bytes(12), Coding::Absent),
            ("different",       "Content-Length: 12\r\nContent-Length: 13\r\n",    Length::Bad,       Coding::Absent),
            ("negative",        "Content-Length: -1\r\n",                          Length::Bad,       Coding::Absent),
            ("signed",          "Content-Length: +1\r\n",                          Length::Bad,       Coding::Absent),
            ("empty",           "Content-Length:\r\n",                             Length::Bad,       Coding::Absent),
            ("over 64 bits",    "Content-Length: 99999999999999999999\r\n",        Length::Bad,       Coding::Absent),
            ("chunked",         "Transfer-Encoding: Chunked\r\n",                  Length::Absent,    Coding::Chunked),
            ("chunked last",    "Transfer-Encoding: gzip, chunked\r\n",            Length::Absent,    Coding::Chunked),
            ("over two lines",  "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Length::Absent, Coding::Chunked),
            ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n",           Length::Absent,    Coding::Other),
            ("both",            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Length::Bytes(5), Coding::Chunked),
        ];
        for (name, fields, length, coding) in rows {
            let seen = summary(&format!("POST / HTTP/1.1\r\n{fields}\r\n"));
            assert_eq!((seen.length, seen.coding), (*length, *coding), "{name}");
        }
    }
}
