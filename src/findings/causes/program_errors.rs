//! Errors of the protocols on top of WebSocket, as their messages report them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::findings::rules::handshake::fields_read::{contains, shown};
use crate::findings::rules::handshake::refused_request::words_of;
use crate::findings::state::recent_messages::RecentMessage;
use crate::websocket::Opcode;

/// An error that a message reports.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ProgramError {
    /// What the message is: `an ERROR of STOMP`.
    pub(super) what: &'static str,
    /// What it says, quoted.
    pub(super) words: String,
    pub(super) form: ErrorForm,
    /// What to do.
    pub(super) remedy: &'static str,
}

/// How certain it is that a message reports an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ErrorForm {
    /// Its protocol defines it as one that ends the connection.
    Protocol,
    /// It is JSON whose fields are those of an error.
    Json,
    /// It is a text that sounds like one.
    Text,
}

impl ProgramError {
    /// The error that a message reports, if it reports one.
    pub(super) fn of(message: &RecentMessage) -> Option<Self> {
        let content = message.content.as_slice();
        let content = content.strip_suffix(b"\x1e").unwrap_or(content);
        if message.opcode == Opcode::Binary {
            return mqtt(content).or_else(|| kubernetes(content));
        }
        if !may_be_error(content) {
            return None;
        }
        let json = compact(content);
        if let Some((what, words, remedy)) = of_protocol(content, &json) {
            return Some(Self { what, words, form: ErrorForm::Protocol, remedy });
        }
        if matches!(content.first(), Some(b'{' | b'[')) {
            return is_error(&json).then(|| {
                let (what, form) = ("an error in JSON", ErrorForm::Json);
                Self { what, words: said_in(content), form, remedy: FIX }
            });
        }
        let is_error = message.text().is_some() && WORDS.iter().any(|word| contains(content, word));
        let form = ErrorForm::Text;
        is_error.then(|| Self { what: "a text", words: shown(content), form, remedy: FIX })
    }
}

/// A text that reports an error in its protocol's own form; `json` is the same, compact.
fn of_protocol(content: &[u8], json: &str) -> Option<(&'static str, String, &'static str)> {
    if content.starts_with(b"ERROR\n") || content.starts_with(b"ERROR\r\n") {
        return Some(("an ERROR of STOMP", stomp(content), STOMP));
    }
    if content.starts_with(b"a[\"ERROR\\n") {
        return Some(("an ERROR of STOMP in SockJS", shown(content), STOMP));
    }
    if let Some(close) = content.strip_prefix(b"c[").filter(|rest| rest.ends_with(b"]")) {
        // The client or the server ends a session with 3000 if all is well (SockJS protocol, "Close frame").
        let is_normal = close.starts_with(b"3000") || close.starts_with(b"1000");
        return (!is_normal).then(|| ("a close frame of SockJS", shown(content), FIX));
    }
    if let Some(error) = content.strip_prefix(b"44") {
        let is_error = matches!(error.first(), Some(b'{' | b'"' | b'/'));
        let json = error.iter().position(|byte| *byte == b'{').and_then(|at| error.get(at..));
        return is_error
            .then(|| ("a CONNECT_ERROR of Socket.IO", said_in(json.unwrap_or(error)), SOCKET_IO));
    }
    if content.starts_with(b"<stream:error") {
        return Some(("a stream error of XMPP", shown(content), FIX));
    }
    let begins = |start: &str| json.starts_with(start);
    if begins("{\"type\":7") && json.contains("\"error\":\"") {
        return Some(("a Close message of SignalR", said_in(content), SIGNALR));
    }
    if begins("{\"error\":\"handshake") {
        return Some(("an error of SignalR's handshake", said_in(content), SIGNALR_HANDSHAKE));
    }
    if json.contains("\"type\":\"connection_error\"") {
        return Some(("a connection_error of GraphQL", said_in(content), FIX));
    }
    if begins("{\"type\":\"disconnect\"") && json.contains("\"reason\":\"") {
        return Some(("a disconnect of Action Cable", said_in(content), FIX));
    }
    if begins("[3,{") && json.contains("wamp.") && !json.contains("wamp.close.") {
        return Some(("an ABORT of WAMP", shown(content), FIX));
    }
    if json.contains("\"phx_error\"") && json.starts_with(['[', '{']) {
        return Some(("a phx_error of Phoenix", shown(content), PHOENIX));
    }
    if begins("[4,\"") && json.ends_with(']') {
        return Some(("a CALLERROR of OCPP", shown(content), OCPP));
    }
    None
}

/// A packet of MQTT that refuses or ends a connection (MQTT 3.1.1 §3.2.2.3, MQTT 5.0 §3.2.2.2, §3.14.2.1).
fn mqtt(content: &[u8]) -> Option<ProgramError> {
    let (what, code) = match content {
        [0x20, 2, _, code @ 1..=u8::MAX] | [0x20, 3..=0x7f, _, code @ 0x80..=u8::MAX, ..] => {
            ("a CONNACK of MQTT", *code)
        }
        [0xe0, 1..=0x7f, code @ 0x80..=u8::MAX, ..] => ("a DISCONNECT of MQTT", *code),
        _ => return None,
    };
    let known = MQTT_CODES.iter().find(|(codes, _)| codes.contains(&code));
    let meaning = known.map(|(_, meaning)| format!(", {meaning}")).unwrap_or_default();
    let words = format!("{code:#04x}{meaning}");
    Some(ProgramError { what, words, form: ErrorForm::Protocol, remedy: MQTT })
}

/// The status with which Kubernetes ends exec, attach and portforward, on channel 3, unless it is that of the command
/// itself (`remotecommand`, v4.channel.k8s.io).
fn kubernetes(content: &[u8]) -> Option<ProgramError> {
    let status = content.strip_prefix(&[3]).filter(|rest| rest.starts_with(b"{"))?;
    let json = compact(status);
    let is_error = json.contains("\"status\":\"failure\"") && !json.contains("nonzeroexitcode");
    let (what, form) = ("a status of Kubernetes (channel 3)", ErrorForm::Protocol);
    is_error.then(|| ProgramError { what, words: said_in(status), form, remedy: KUBERNETES })
}

/// The message and the body of an ERROR frame (STOMP 1.2, "ERROR").
fn stomp(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = head.lines().find_map(|line| line.strip_prefix("message:"));
    let body = body.trim_end_matches(['\0', '\n']).trim();
    let parts: Vec<&str> =
        message.into_iter().chain(Some(body)).filter(|it| !it.is_empty()).collect();
    if parts.is_empty() { shown(content) } else { shown(parts.join(": ").as_bytes()) }
}

/// What a text says: the fields of an error if it is JSON, all of it otherwise.
pub(super) fn said_in(content: &[u8]) -> String {
    // The separator of SignalR.
    let content = content.strip_suffix(b"\x1e").unwrap_or(content);
    words_of(content).map_or_else(|| shown(content), |words| shown(words.as_bytes()))
}

/// A text in lower case and without spaces.
fn compact(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content).to_ascii_lowercase();
    text.chars().filter(|it| !it.is_whitespace()).collect()
}

/// Whether JSON, as [`compact`] returns it, has a field of an error.
fn is_error(json: &str) -> bool {
    let has_error = ["\"error\":", "\"errors\":"].iter().any(|name| {
        let value = json.split_once(name).map(|(_, value)| value);
        value.is_some_and(|value| !NO_ERROR.iter().any(|none| value.starts_with(none)))
    });
    let is_of_kind = KINDS.iter().any(|name| {
        let value = json.split_once(name).and_then(|(_, rest)| rest.split('"').next());
        value.is_some_and(|value| FAILURES.iter().any(|word| value.contains(word)))
    });
    let has_failed = ["\"success\":false", "\"ok\":false"].iter().any(|it| json.contains(it));
    has_error || is_of_kind || has_failed
}

/// Whether a text has anything of what those have that report an error in one of the forms known here: asked
/// first, since nearly all texts have none of it.
fn may_be_error(content: &[u8]) -> bool {
    let begins = content.starts_with(b"c[")
        || content.starts_with(b"44")
        || content.trim_ascii_start().starts_with(b"[");
    begins || SIGNS.as_ref().is_none_or(|signs| signs.is_match(content))
}

static SIGNS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = ["wamp.", "\"disconnect", "false"].iter().chain(FAILURES).chain(WORDS);
    // Building one that searches faster would take longer than all searches of a usual capture.
    let kind = Some(AhoCorasickKind::NoncontiguousNFA);
    AhoCorasick::builder()
        .kind(kind)
        .prefilter(false)
        .ascii_case_insensitive(true)
        .build(words)
        .ok()
});

/// Values of a field for errors if there is none.
const NO_ERROR: &[&str] = &["null", "false", "0", "\"\"", "[]", "{}"];

/// Fields that say what kind of message it is, as [`compact`] returns them.
const KINDS: &[&str] = &[
    "\"type\":\"",
    "\"event\":\"",
    "\"op\":\"",
    "\"action\":\"",
    "\"kind\":\"",
    "\"status\":\"",
    "\"cmd\":\"",
    "\"method\":\"",
    "\"messagetype\":\"",
    "\"msg_type\":\"",
];

/// Parts of the values that mean an error.
const FAILURES: &[&str] =
    &["error", "fail", "fatal", "unauthori", "forbidden", "denied", "reject", "exception"];

/// Words of texts that report an error.
const WORDS: &[&str] = &[
    "error",
    "unauthori",
    "forbidden",
    "denied",
    "invalid",
    "expired",
    "rejected",
    "not allowed",
    "failed",
    "exceeded",
    "too many",
    "kicked",
    "banned",
];

const MQTT_CODES: &[(&[u8], &str)] = &[
    (&[0x01, 0x84], "unsupported protocol version"),
    (&[0x02, 0x85], "client identifier not accepted"),
    (&[0x03, 0x88], "server unavailable"),
    (&[0x04, 0x86], "bad user name or password"),
    (&[0x05, 0x87], "not authorized"),
    (&[0x81], "malformed packet"),
    (&[0x82], "protocol error"),
    (&[0x89], "server busy"),
    (&[0x8b], "server shutting down"),
    (&[0x8d], "keep alive timeout"),
    (&[0x8e], "session taken over"),
    (&[0x93], "receive maximum exceeded"),
    (&[0x95], "packet too large"),
    (&[0x97], "quota exceeded"),
];

const FIX: &str = "Follow what the message says, and look for it in the log of the side that sent \
    it: the connection ended on purpose, and neither the network nor a proxy is why.";

const STOMP: &str = "Correct the frame that the ERROR refers to: credentials (login, passcode) and \
    host of CONNECT, versions in accept-version, destinations of SUBSCRIBE and SEND. The server \
    must end the connection after an ERROR (STOMP 1.2); its log has the details.";

const SOCKET_IO: &str = "Correct what the error refers to: the `auth` of the client, the namespace \
    (\"Invalid namespace\": the server has no `io.of(\"/name\")`), or a middleware of the server.";

const SIGNALR: &str = "Look at the log of the hub: an exception in a hub method or in \
    OnConnectedAsync ends the connection. During development, EnableDetailedErrors = true sends \
    its text to the client.";

const SIGNALR_HANDSHAKE: &str = "Send {\"protocol\":\"json\",\"version\":1} and the separator, \
    the byte 0x1e, as the first message, and end each message with that byte; a protocol and \
    version must be those of the hub. The client libraries of SignalR do this; a bare WebSocket \
    does not.";

const MQTT: &str = "Follow the code: user name, password and client identifier of CONNECT, its \
    protocol version, and the permissions in the broker's configuration; its log names the client.";

const PHOENIX: &str = "Look at the server's log: the process of the channel crashed. Its exception is \
    logged there, with the topic that the message names.";

const KUBERNETES: &str = "Follow what the status says: pod, container, namespace and command of the \
    request, or the runtime of the node; kubectl exec with -v=8 shows the same status.";

const OCPP: &str = "Correct the call that the CALLERROR answers: its unique id is the second \
    element. Look at both logs for why the connection was ended after it.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::state::recent_messages::RecentMessage;

    #[test]
    fn errors_are_told_from_other_messages() {
        #[rustfmt::skip]
        let rows: &[(&str, Option<ErrorForm>, &str)] = &[
            ("ERROR\nmessage:Bad CONNECT\n\nno guests\0",  Some(ErrorForm::Protocol), "Bad CONNECT: no guests"),
            ("{\"type\":7,\"error\":\"it broke\"}\x1e",    Some(ErrorForm::Protocol), "it broke"),
            ("{\"error\":\"Handshake was canceled.\"}\x1e", Some(ErrorForm::Protocol), "Handshake was canceled."),
            ("44{\"message\":\"invalid token\"}",          Some(ErrorForm::Protocol), "invalid token"),
            ("c[3500,\"no session\"]",                     Some(ErrorForm::Protocol), "no session"),
            ("{ \"event\": \"error\", \"msg\": \"late\" }", Some(ErrorForm::Json),    "late"),
            ("{\"status\":\"failed\"}",                    Some(ErrorForm::Json),     "failed"),
            ("Unauthorized: no token",                     Some(ErrorForm::Text),     "no token"),
            ("{\"error\":null,\"result\":1}",              None,                      ""),
            ("{\"type\":\"chat\",\"text\":\"an error\"}",  None,                      ""),
            ("c[3000,\"Go away!\"]",                       None,                      ""),
            ("44",                                         None,                      ""),
            ("hello",                                      None,                      ""),
        ];
        for (text, form, words) in rows {
            let error = ProgramError::of(&RecentMessage::of_test(Opcode::Text, text.as_bytes()));
            assert_eq!(error.as_ref().map(|it| it.form), *form, "{text}");
            assert!(error.is_none_or(|it| it.words.contains(words)), "{text}");
        }
    }

    #[test]
    fn codes_of_binary_packets_are_named() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"\x20\x02\x00\x05",     Some("0x05, not authorized")),
            (b"\x20\x03\x00\x87\x00", Some("0x87, not authorized")),
            (b"\xe0\x02\x8d\x00",     Some("0x8d, keep alive timeout")),
            (b"\x20\x02\x00\x00",     None),
            (b"\xe0\x00",             None),
            (b"\x03{\"status\":\"Failure\",\"message\":\"no such pod\"}", Some("\"no such pod\"")),
            (b"\x03{\"status\":\"Success\"}", None),
            (b"\x03{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\"}", None),
        ];
        for (packet, words) in rows {
            let error = ProgramError::of(&RecentMessage::of_test(Opcode::Binary, packet));
            assert_eq!(error.as_ref().map(|it| it.words.as_str()), *words, "{packet:x?}");
        }
    }
}
