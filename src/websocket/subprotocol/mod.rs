//! Subprotocols (RFC 6455 §1.9): whether messages are what the negotiated name promises.
//!
//! Only the form is examined, never the meaning. One file for each kind of payload; names that
//! [`REGISTRY`] lacks are not examined.

mod json;
mod mqtt;
mod stomp;

pub use self::json::is_json_value;

use crate::stream::length_u64;
use crate::websocket::frame::Opcode;

/// A subprotocol whose messages can be read.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in Sec-WebSocket-Protocol, in exactly this letter case.
    pub name: &'static str,
    /// What its messages are made of.
    pub payload: Payload,
    /// Where its payload is specified.
    pub source: &'static str,
}

/// What the messages of a subprotocol are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// Each message is a text: one JSON value (RFC 8259).
    Json,
    /// Binary messages are a stream of MQTT control packets.
    Mqtt,
    /// The same, of MQTT 3.1, whose header flags mean less.
    Mqtt31,
    /// Messages are STOMP frames and heart-beats.
    Stomp,
}

/// Every subprotocol that is read.
#[rustfmt::skip]
pub const REGISTRY: &[Entry] = &[
    // Registered with IANA ("WebSocket Subprotocol Name Registry").
    Entry { name: "jmap",       payload: Payload::Json,   source: "RFC 8887 §4.1" },
    Entry { name: "mqtt",       payload: Payload::Mqtt,   source: "MQTT 3.1.1 §6, MQTT 5.0 §6" },
    Entry { name: "ocpp1.2",    payload: Payload::Json,   source: "OCPP-J" },
    Entry { name: "ocpp1.5",    payload: Payload::Json,   source: "OCPP-J" },
    Entry { name: "ocpp1.6",    payload: Payload::Json,   source: "OCPP-J 1.6 §4" },
    Entry { name: "ocpp2.0",    payload: Payload::Json,   source: "OCPP 2.0 part 4" },
    Entry { name: "ocpp2.0.1",  payload: Payload::Json,   source: "OCPP 2.0.1 part 4" },
    Entry { name: "ocpp2.1",    payload: Payload::Json,   source: "OCPP 2.1 part 4" },
    Entry { name: "v10.stomp",  payload: Payload::Stomp,  source: "STOMP 1.0" },
    Entry { name: "v11.stomp",  payload: Payload::Stomp,  source: "STOMP 1.1" },
    Entry { name: "v12.stomp",  payload: Payload::Stomp,  source: "STOMP 1.2" },
    Entry { name: "wamp.2.json", payload: Payload::Json,  source: "WAMP 2, WebSocket transport" },
    // Common practice.
    Entry { name: "actioncable-v1-json",  payload: Payload::Json,   source: "Action Cable" },
    Entry { name: "graphql-transport-ws", payload: Payload::Json,   source: "GraphQL over WebSocket" },
    Entry { name: "graphql-ws",           payload: Payload::Json,   source: "subscriptions-transport-ws" },
    Entry { name: "json.reliable.webpubsub.azure.v1", payload: Payload::Json, source: "Azure Web PubSub" },
    Entry { name: "json.webpubsub.azure.v1", payload: Payload::Json, source: "Azure Web PubSub" },
    Entry { name: "mqttv3.1",             payload: Payload::Mqtt31, source: "MQTT 3.1" },
];

/// Reads the messages of one direction, in order.
///
/// Its memory is a few bytes. How messages are fragmented or compressed does not matter: it is given
/// contents.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    state: State,
}

/// What has to be remembered between messages.
#[derive(Clone, Copy, Debug)]
enum State {
    Json,
    Mqtt(mqtt::Packets),
    Stomp(stomp::Frames),
}

/// What does not fit the subprotocol in a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Misfit {
    /// Offset in the content, in bytes; its length if something is missing at the end.
    pub offset: u64,
    /// What it is.
    pub reason: Reason,
}

/// Why a message does not parse as its subprotocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// A binary message in a text protocol.
    BinaryMessage,
    /// A text message in a binary protocol.
    TextMessage,
    /// This byte is not allowed here in JSON.
    JsonSyntax,
    /// The JSON value is incomplete.
    JsonEnd,
    /// Something follows the JSON value.
    JsonMore,
    /// MQTT packet type 0, or 15 before MQTT 5.0.
    MqttType,
    /// The flags of the packet type are others.
    MqttFlags,
    /// The remaining length takes more than four bytes.
    MqttLength,
    /// No STOMP command.
    StompCommand,
    /// A header line without a colon.
    StompHeader,
    /// A NUL before the empty line that ends the headers.
    StompHeaders,
    /// A content-length that is not a number.
    StompLength,
    /// The body is longer than content-length.
    StompBody,
    /// The frame does not end with a NUL.
    StompNul,
}

impl Reader {
    /// Makes the reader for one direction of a connection with the subprotocol `name`; `None` if
    /// [`REGISTRY`] has no such name.
    pub fn for_name(name: &str) -> Option<Self> {
        let entry = REGISTRY.iter().find(|entry| entry.name == name)?;
        let state = match entry.payload {
            Payload::Json => State::Json,
            Payload::Mqtt => State::Mqtt(mqtt::Packets::new(mqtt::Flags::Fixed)),
            Payload::Mqtt31 => State::Mqtt(mqtt::Packets::new(mqtt::Flags::Free)),
            Payload::Stomp => State::Stomp(stomp::Frames::default()),
        };
        Some(Self { state })
    }

    /// Reads the next message; returns the first thing in it that does not fit.
    ///
    /// `content` is the start of a content of `length` bytes. Where it is less than all, JSON and
    /// STOMP are not checked. Control frames are skipped. A message that is incomplete, or lost,
    /// must not be passed here, but to [`Reader::lose`].
    pub fn read(&mut self, opcode: Opcode, content: &[u8], length: u64) -> Option<Misfit> {
        match opcode {
            Opcode::Text | Opcode::Binary => {}
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => return None,
        }
        let unseen = length.saturating_sub(length_u64(content.len()));
        match &mut self.state {
            State::Json => json::judge(opcode, content, unseen),
            State::Mqtt(packets) => packets.read(opcode, content, unseen),
            State::Stomp(frames) => frames.read(content, unseen),
        }
    }

    /// Says that messages are missing, wholly or in part.
    ///
    /// The boundaries of MQTT packets are lost, so nothing more is reported about them.
    pub fn lose(&mut self) {
        match &mut self.state {
            State::Json => {}
            State::Mqtt(packets) => packets.lose(),
            State::Stomp(frames) => frames.lose(),
        }
    }
}

impl Misfit {
    fn at(offset: usize, reason: Reason) -> Self {
        Self { offset: length_u64(offset), reason }
    }
}

impl Reason {
    /// The reason in plain words: a clause without a full stop.
    pub fn text(self) -> &'static str {
        match self {
            Self::BinaryMessage => "a binary message, but each message must be text",
            Self::TextMessage => "a text message, but each message must be binary",
            Self::JsonSyntax => "not JSON from this byte on",
            Self::JsonEnd => "the JSON value is cut short",
            Self::JsonMore => "something follows the JSON value",
            Self::MqttType => "no MQTT packet has this type",
            Self::MqttFlags => "an MQTT packet of this type has other flags",
            Self::MqttLength => "the MQTT remaining length takes more than four bytes",
            Self::StompCommand => "no STOMP command",
            Self::StompHeader => "a STOMP header without a colon",
            Self::StompHeaders => "no empty line ends the STOMP headers",
            Self::StompLength => "the STOMP content-length is not a number",
            Self::StompBody => "the STOMP body is longer than its content-length",
            Self::StompNul => "no NUL ends the STOMP frame",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_unique_token_with_a_reader() {
        for entry in REGISTRY {
            assert!(entry.name.bytes().all(|byte| byte.is_ascii_graphic()), "{}", entry.name);
            assert!(!entry.name.contains([',', ';', '"', '/', '=']), "{}", entry.name);
            let same = REGISTRY.iter().filter(|other| other.name == entry.name);
            assert_eq!(same.count(), 1, "{}", entry.name);
            assert!(Reader::for_name(entry.name).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn unknown_names_have_no_reader() {
        for name in ["", "MQTT", "Graphql-ws", "mqtt ", "chat", "wamp.2.msgpack", "v13.stomp"] {
            assert!(Reader::for_name(name).is_none(), "{name}");
        }
    }

    #[test]
    fn messages_that_fit_and_that_do_not() {
        use Opcode::{Binary, Ping, Text};
        // One of each kind; the files of the kinds have more.
        #[rustfmt::skip]
        let rows: &[(&str, Opcode, &[u8], Option<Misfit>)] = &[
            ("graphql-transport-ws", Text,   br#"{"type":"connection_init"}"#,             None),
            ("graphql-transport-ws", Text,   b"connection_init",                           Some(Misfit::at(0, Reason::JsonSyntax))),
            ("graphql-transport-ws", Binary, br#"{"type":"connection_init"}"#,             Some(Misfit::at(0, Reason::BinaryMessage))),
            ("graphql-transport-ws", Ping,   b"not JSON",                                  None),
            ("ocpp1.6",              Text,   br#"[2,"19223201","Heartbeat",{}]"#,          None),
            ("mqtt",                 Binary, b"\xc0\x00",                                  None),
            ("mqtt",                 Text,   b"\xc0\x00",                                  Some(Misfit::at(0, Reason::TextMessage))),
            ("mqtt",                 Binary, b"\x60\x02\x00\x01",                          Some(Misfit::at(0, Reason::MqttFlags))),
            ("mqttv3.1",             Binary, b"\x60\x02\x00\x01",                          None),
            ("mqtt",                 Ping,   b"\x00",                                      None),
            ("v12.stomp",            Text,   b"SEND\ndestination:/queue/a\n\nhello\0",     None),
            ("v12.stomp",            Binary, b"SEND\ndestination:/queue/a\n\nhello\0",     None),
            ("v12.stomp",            Text,   b"SEND\ndestination:/queue/a\n\nhello",       Some(Misfit::at(32, Reason::StompNul))),
        ];
        for (name, opcode, content, expected) in rows {
            let mut reader = Reader::for_name(name).unwrap();
            let misfit = reader.read(*opcode, content, length_u64(content.len()));
            assert_eq!(misfit, *expected, "{name}: {}", content.escape_ascii());
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        // A generator of the textbook kind; the seed is part of the test.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        for entry in REGISTRY {
            let mut reader = Reader::for_name(entry.name).unwrap();
            for _ in 0..300 {
                let mut content: Vec<u8> = (0..next() % 40).map(|_| next()).collect();
                if next() % 2 == 0 {
                    content.splice(0..0, *b"SEND\ncontent-length:18446744073709551615\n\n");
                }
                let length = length_u64(content.len()) + u64::from(next() % 3);
                let misfit = reader.read(Opcode::Binary, &content, length);
                assert!(misfit.is_none_or(|misfit| misfit.offset <= length), "{misfit:?}");
                if next() < 10 {
                    reader = Reader::for_name(entry.name).unwrap();
                }
            }
            assert_eq!(
                reader.read(Opcode::Binary, b"", u64::MAX),
                match entry.payload {
                    Payload::Json => Some(Misfit::at(0, Reason::BinaryMessage)),
                    Payload::Mqtt | Payload::Mqtt31 | Payload::Stomp => None,
                }
            );
        }
    }
}
