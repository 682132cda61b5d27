//! Other protocols that are met where HTTP is expected, known by their first bytes.

use memchr::memmem;

use super::probe::Match;

/// Another protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OtherProtocol {
    /// HTTP/2 in the clear (RFC 9113).
    Http2,
    /// SSH (RFC 4253 §4.2).
    Ssh,
    /// SMTP (RFC 5321 §4.2).
    Smtp,
    /// FTP (RFC 959 §4.2).
    Ftp,
    /// POP3 (RFC 1939).
    Pop3,
    /// IMAP (RFC 9051).
    Imap,
    /// MQTT (OASIS MQTT 3.1.1 and 5.0).
    Mqtt,
    /// AMQP (0-9-1 and 1.0).
    Amqp,
    /// `MySQL` and `MariaDB`.
    MySql,
    /// Redis (RESP).
    Redis,
    /// VNC (RFC 6143 §7.1.1).
    Vnc,
    /// Telnet (RFC 854).
    Telnet,
    /// SIP (RFC 3261).
    Sip,
    /// RTSP (RFC 7826), of cameras.
    Rtsp,
    /// XMPP over TCP (RFC 6120).
    Xmpp,
    /// STOMP over TCP (STOMP 1.2).
    Stomp,
    /// `OpenWire`, of `ActiveMQ`.
    OpenWire,
    /// NATS.
    Nats,
    /// memcached.
    Memcached,
    /// The Asterisk Manager Interface.
    Asterisk,
    /// SOCKS (RFC 1928).
    Socks,
    /// TLS.
    Tls,
}

impl OtherProtocol {
    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http2 => "HTTP/2",
            Self::Ssh => "SSH",
            Self::Smtp => "SMTP",
            Self::Ftp => "FTP",
            Self::Pop3 => "POP3",
            Self::Imap => "IMAP",
            Self::Mqtt => "MQTT",
            Self::Amqp => "AMQP",
            Self::MySql => "MySQL",
            Self::Redis => "Redis",
            Self::Vnc => "VNC",
            Self::Telnet => "Telnet",
            Self::Sip => "SIP",
            Self::Rtsp => "RTSP",
            Self::Xmpp => "XMPP",
            Self::Stomp => "STOMP",
            Self::OpenWire => "OpenWire",
            Self::Nats => "NATS",
            Self::Memcached => "memcached",
            Self::Asterisk => "the Asterisk Manager Interface",
            Self::Socks => "SOCKS",
            Self::Tls => "TLS",
        }
    }

    /// The protocol whose first bytes a peer sent, if it is one of these.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if begins_http2(bytes) == Match::Yes {
            return Some(Self::Http2);
        }
        let text = |starts: &[&[u8]]| starts.iter().any(|start| bytes.starts_with(start));
        if text(&[b"220 ", b"220-"]) {
            let has = |word: &[u8]| memmem::find(bytes, word).is_some();
            return if has(b"SMTP") { Some(Self::Smtp) } else { has(b"FTP").then_some(Self::Ftp) };
        }
        let table: &[(&[&[u8]], Self)] = &[
            (&[b"SSH-"], Self::Ssh),
            (&[b"EHLO ", b"HELO "], Self::Smtp),
            (&[b"+OK "], Self::Pop3),
            (&[b"* OK", b"* PREAUTH", b"* BYE"], Self::Imap),
            (
                &[b"AMQP\x00\x00\x09\x01", b"AMQP\x00\x01\x00\x00", b"AMQP\x03\x01\x00\x00"],
                Self::Amqp,
            ),
            (&[b"INFO {\"server_id\":", b"-ERR 'Unknown Protocol"], Self::Nats),
            (&[b"-ERR ", b"-NOAUTH", b"-DENIED", b"-MISCONF"], Self::Redis),
            (&[b"RFB 003.", b"RFB 004."], Self::Vnc),
            (&[b"\xff\xfb", b"\xff\xfd"], Self::Telnet),
            (&[b"SIP/2.0 "], Self::Sip),
            (&[b"RTSP/1.0 ", b"RTSP/2.0 "], Self::Rtsp),
            (&[b"<stream:stream", b"<stream:error"], Self::Xmpp),
            (&[b"ERROR\nmessage:", b"ERROR\ncontent-type:", b"ERROR\nversion:"], Self::Stomp),
            (&[b"ERROR\r\n"], Self::Memcached),
            (&[b"Asterisk Call Manager/"], Self::Asterisk),
        ];
        if let Some((_, protocol)) = table.iter().find(|(starts, _)| text(starts)) {
            return Some(*protocol);
        }
        // Its first packet is WIREFORMAT_INFO: a length, type 1, and a magic.
        if bytes.get(4..13) == Some(b"\x01ActiveMQ") {
            return Some(Self::OpenWire);
        }
        if bytes.starts_with(b"<?xml") && memmem::find(bytes, b"<stream:").is_some() {
            return Some(Self::Xmpp);
        }
        if is_mqtt(bytes) {
            return Some(Self::Mqtt);
        }
        is_mysql(bytes).then_some(Self::MySql)
    }
}

/// Whether bytes begin with the client's connection preface of HTTP/2, or with a frame that a server sends
/// first: SETTINGS, or GOAWAY (RFC 9113 §3.4, §4.1).
pub fn begins_http2(bytes: &[u8]) -> Match {
    let agrees = bytes.iter().zip(HTTP2_PREFACE).all(|(seen, wanted)| seen == wanted);
    if agrees {
        return if bytes.len() >= HTTP2_PREFACE.len() { Match::Yes } else { Match::NeedMore };
    }
    let Some([high, middle, low, rest @ ..]) = bytes.first_chunk::<9>() else {
        // Lengths of these frames are small.
        let is_short = bytes.iter().take(2).all(|byte| *byte == 0);
        return if is_short && bytes.get(3).is_none_or(|kind| is_first_frame(*kind)) {
            Match::NeedMore
        } else {
            Match::No
        };
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]);
    let [kind, flags, stream @ ..] = *rest;
    let fits = match (kind, flags) {
        (SETTINGS, 0) => length.is_multiple_of(6),
        (SETTINGS, ACK) => length == 0,
        (GOAWAY, 0) => length >= 8,
        _ => false,
    };
    if fits && length <= MOST_FIRST_FRAME && stream == [0; 4] { Match::Yes } else { Match::No }
}

/// How many whole frames of HTTP/2 bytes begin with, if they are nothing but frames, of which the last
/// may be cut (RFC 9113 §4.1, §6); otherwise 0.
pub fn http2_frames(bytes: &[u8]) -> u32 {
    let (mut rest, mut count) = (bytes, 0_u32);
    while let Some(([high, middle, low, kind, flags, stream @ ..], body)) =
        rest.split_first_chunk::<HTTP2_HEADER>()
    {
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        if !is_http2_frame(length, (*kind, *flags), u32::from_be_bytes(*stream)) {
            return 0;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((_, next)) = body.split_at_checked(length) else { break };
        (rest, count) = (next, count.saturating_add(1));
    }
    count
}

/// Whether a frame of HTTP/2 may have this header. Extensions and large frames, which a peer must agree
/// to, are not expected.
fn is_http2_frame(length: u32, (kind, flags): (u8, u8), stream: u32) -> bool {
    let (is_length, known_flags, has_stream) = match kind {
        DATA => (true, 0x09, true),
        HEADERS => (length > 0, 0x2d, true),
        PRIORITY => (length == 5, 0, true),
        RST_STREAM => (length == 4, 0, true),
        SETTINGS => (length.is_multiple_of(6), ACK, false),
        PUSH_PROMISE => (length > 4, 0x0c, true),
        PING => (length == 8, ACK, false),
        GOAWAY => (length >= 8, 0, false),
        WINDOW_UPDATE => (length == 4, 0, stream != 0),
        CONTINUATION => (length > 0, 0x04, true),
        _ => return false,
    };
    is_length
        && length <= MOST_HTTP2_FRAME
        && flags & !known_flags == 0
        && stream <= MOST_HTTP2_STREAM
        && has_stream == (stream != 0)
}

fn is_first_frame(kind: u8) -> bool {
    matches!(kind, SETTINGS | GOAWAY)
}

/// A CONNECT with the name of the protocol, or a CONNACK (MQTT 3.1.1 §3.1, §3.2).
fn is_mqtt(bytes: &[u8]) -> bool {
    match bytes {
        [0x10, rest @ ..] => {
            let names: [&[u8]; 2] = [b"\x00\x04MQTT", b"\x00\x06MQIsdp"];
            // One to four bytes of length come before it.
            (1..=4)
                .any(|at| rest.get(at..).is_some_and(|it| names.iter().any(|n| it.starts_with(n))))
        }
        [0x20, 2, 0 | 1, 0..=5] => true,
        _ => false,
    }
}

/// The first packet of a server: a length, number 0, and the version of its protocol, or an error.
fn is_mysql(bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, 0, 0, 10, b'3'..=b'9', ..] | [_, _, 0, 0, 0xff, _, _, ..])
}

/// The client's connection preface (RFC 9113 §3.4), up to the end of its first line.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// Types of frames (RFC 9113 §6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Bytes of a frame's header (RFC 9113 §4.1).
const HTTP2_HEADER: usize = 9;

/// The longest frame that needs no agreement, in bytes (RFC 9113 §4.2).
const MOST_HTTP2_FRAME: u32 = 1 << 14;

/// The highest number of a stream that is expected: of half a million requests.
const MOST_HTTP2_STREAM: u32 = 1 << 20;

/// The flag of a SETTINGS frame that acknowledges one.
const ACK: u8 = 1;

/// Bytes of a first frame at most: no server has more settings, or explains itself at greater length.
const MOST_FIRST_FRAME: u32 = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_name_their_protocol() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<OtherProtocol>)] = &[
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(OtherProtocol::Ssh)),
            (b"220 mail.example.org ESMTP\r\n", Some(OtherProtocol::Smtp)),
            (b"220-FTP server ready\r\n", Some(OtherProtocol::Ftp)),
            (b"220 ready\r\n", None),
            (b"+OK POP3 ready\r\n", Some(OtherProtocol::Pop3)),
            (b"* OK IMAP4rev1\r\n", Some(OtherProtocol::Imap)),
            (b"AMQP\x00\x00\x09\x01", Some(OtherProtocol::Amqp)),
            (b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd", Some(OtherProtocol::Mqtt)),
            (b"\x20\x02\x00\x01", Some(OtherProtocol::Mqtt)),
            (b"\x4a\x00\x00\x00\x0a8.0.36\x00", Some(OtherProtocol::MySql)),
            (b"-ERR unknown command 'GET'\r\n", Some(OtherProtocol::Redis)),
            (b"RFB 003.008\n", Some(OtherProtocol::Vnc)),
            (b"\xff\xfd\x18", Some(OtherProtocol::Telnet)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(OtherProtocol::Http2)),
            (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", Some(OtherProtocol::Http2)),
            (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", Some(OtherProtocol::Http2)),
            (b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00", Some(OtherProtocol::Http2)),
            (b"HTTP/1.1 400 Bad Request\r\n", None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(OtherProtocol::of(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn frames_of_http_2_are_counted_from_the_start_of_a_segment() {
        let headers = b"\x00\x00\x02\x01\x05\x00\x00\x00\x0d\x82\x84";
        let data = b"\x00\x00\x03\x00\x01\x00\x00\x00\x0dabc";
        let update = b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x10\x00";
        let ping = b"\x00\x00\x08\x06\x01\x00\x00\x00\x0012345678";
        let rows: &[(&str, Vec<u8>, u32)] = &[
            ("a request", [&headers[..], data].concat(), 2),
            ("after it", [&update[..], ping, headers].concat(), 3),
            ("the last one is cut", [&headers[..], &data[..11]].concat(), 1),
            ("in its header", [&ping[..], &data[..5]].concat(), 1),
            ("nothing", Vec::new(), 0),
            ("other bytes after it", [&ping[..], b"GET / HTTP/1.1"].concat(), 0),
            ("zeros", vec![0; 90], 0),
            ("data of no stream", b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x".to_vec(), 0),
            ("a ping of a stream", b"\x00\x00\x08\x06\x00\x00\x00\x00\x0112345678".to_vec(), 0),
            ("a length before a message", b"\x00\x00\x00\x12\x00\x03\x00\x00\x00\x00".to_vec(), 0),
            ("WebSocket", b"\x81\x05Hello\x81\x05Hello".to_vec(), 0),
        ];
        for (name, bytes, expected) in rows {
            assert_eq!(http2_frames(bytes), *expected, "{name}");
        }
    }

    #[test]
    fn http_2_is_never_ruled_out_too_early() {
        let rows: &[&[u8]] = &[
            b"PRI * HTTP/2.0\r\n",
            b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
            b"\x00\x00\x08\x07\x00\x00\x00\x00\x00",
        ];
        for bytes in rows {
            for cut in 0..bytes.len() {
                assert_eq!(begins_http2(&bytes[..cut]), Match::NeedMore, "{bytes:?} at {cut}");
            }
            assert_eq!(begins_http2(bytes), Match::Yes);
        }
        let others: &[&[u8]] = &[
            b"PRI",
            b"\x00\x00\x05\x04\x00\x00\x00\x00\x00",
            b"\x00\x00\x00\x04\x00\x00\x00\x00\x01",
            b"\x00\x00\x00\x00",
            b"\x81\x05Hello",
        ];
        for bytes in &others[1..] {
            assert_eq!(begins_http2(bytes), Match::No, "{bytes:?}");
        }
    }
}
