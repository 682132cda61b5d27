//! Verdicts in words.

use std::fmt::Write;

use super::cause;
use super::story::{Story, Verdict};
use crate::analysis::event::{Nature, Outcome, TcpState, Transport};
use crate::describe::outcome::{ConnectionEnd, is_failure};
use crate::describe::sockets;
use crate::findings::{Explains, Finding, rule};
use crate::journal::history::{CloseSeen, ConnectionHistory, LONG_SILENCE};
use crate::stream::{Direction, Side};
use crate::text::amount::{counted, duration, size};
use crate::text::escape::escape;
use crate::text::words::sentence;
use crate::tls::Facts;
use crate::websocket::CloseCode;

/// What a connection comes to, without the verdict's own name.
pub(super) fn verdict(
    story: &Story,
    history: &ConnectionHistory,
    verdict: Verdict,
    causes: &[&Finding],
) -> String {
    match verdict {
        Verdict::Fine => fine(story, history),
        Verdict::Other if history.upgrade.is_some() => "HTTP without an upgrade request".to_owned(),
        Verdict::Other => match aside(story) {
            Some(finding) => cause::words(finding.rule).to_owned(),
            None if is_failure(story.ending.outcome) => outcome(story, history),
            None if story.connection.transport == Transport::H2 => unknown(story),
            None => "other traffic".to_owned(),
        },
        Verdict::Unknown => match causes.first().filter(|first| first.rule.is_cause()) {
            Some(cause) => because(cause, history),
            None => unknown(story),
        },
        Verdict::Failed | Verdict::Dropped | Verdict::Trouble => match causes.first() {
            Some(finding) => match (finding.rule.id, elsewhere(story)) {
                (REFUSED, Some(where_it_is)) => {
                    format!("{}, {where_it_is}", cause::words(finding.rule))
                }
                _ => because(finding, history),
            },
            None => outcome(story, history),
        },
    }
}

/// Where the port of the server is open instead, if that is known.
fn elsewhere(story: &Story) -> Option<String> {
    let connection = &story.connection;
    sockets::open_elsewhere(connection.sockets.as_deref()?, connection.server)
}

/// Who listens where on the machine of the server, if that refused the connection and is this one.
fn listening(finding: &Finding, story: &Story) -> Option<String> {
    let connection = &story.connection;
    let known = connection.sockets.as_deref().filter(|_| finding.rule.id == REFUSED)?;
    sockets::listening(known, connection.server)
}

/// Who owns the sockets of a connection and, if nobody answered, who listens; `None` if nothing is known.
pub(super) fn who(story: &Story) -> Option<String> {
    let connection = &story.connection;
    let known = connection.sockets.as_deref()?;
    let listening = match connection.state {
        TcpState::SynSent => sockets::listening(known, connection.server),
        TcpState::Refused
        | TcpState::Established
        | TcpState::HalfClosed(_)
        | TcpState::Closed(_)
        | TcpState::Reset(_) => None,
    };
    let parts = [sockets::processes(known), listening];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What would explain a failure, if the connection had to do with WebSocket.
fn aside(story: &Story) -> Option<&Finding> {
    story
        .findings
        .iter()
        .find(|it| it.rule.explains() != Explains::Nothing && it.explains() == Explains::Nothing)
}

/// How a cause is put where something is known of this very connection.
fn because(finding: &Finding, history: &ConnectionHistory) -> String {
    match finding.rule.id {
        "WS-C17" => closed_by(history),
        "WS-C12" => ended_by(history),
        "NET-07" => match history.reset.or(history.ended) {
            Some(end) => format!("reset by the {}", peer(end.by)),
            None => cause::words(finding.rule).to_owned(),
        },
        "HS-48" | "HS-45" | "HS-46" | "HS-47" => {
            let words = cause::words(finding.rule);
            match history.upgrade.as_ref().and_then(|upgrade| upgrade.status) {
                Some(status) => format!("answered {status}: {words}"),
                None => words.to_owned(),
            }
        }
        _ => cause::words(finding.rule).to_owned(),
    }
}

/// What became of a connection without findings.
fn outcome(story: &Story, history: &ConnectionHistory) -> String {
    if story.ending.outcome == Outcome::Aborted
        && let TcpState::Reset(by) = story.connection.state
    {
        return format!("reset by the {}", peer(by));
    }
    let status = history.upgrade.as_ref().and_then(|upgrade| upgrade.status);
    if story.connection.is_rejected && status.is_none() && history.upgrade.is_some() {
        return "the answer is not an HTTP response".to_owned();
    }
    ConnectionEnd::of(&story.connection, story.ending.outcome).phrase().to_owned()
}

/// `TLS 1.3 for example.org, 5.2 kB encrypted`
fn unknown(story: &Story) -> String {
    let connection = &story.connection;
    if story.ending.outcome == Outcome::Timeout {
        return "the capture ends before the answer".to_owned();
    }
    match connection.transport {
        Transport::H2 => return "HTTP/2, which is not decoded".to_owned(),
        Transport::Tcp => return "a protocol that is not decoded".to_owned(),
        Transport::Tls => {}
    }
    let tls = connection.tls.as_deref();
    let mut out = tls
        .and_then(Facts::version)
        .map_or_else(|| "TLS".to_owned(), |version| version.to_string());
    if let Some(name) = tls.and_then(Facts::server_name) {
        out.push_str(" for ");
        escape(name, LONGEST_NAME, &mut out);
    }
    if story.ending.outcome == Outcome::Aborted {
        out.push_str(match tls.and_then(|tls| tls.established) {
            Some(_) => ", left by the client without a request",
            None => ", left by the client during the handshake",
        });
        return out;
    }
    let bytes = connection.bytes.client.saturating_add(connection.bytes.server);
    out.push_str(", ");
    size(&mut out, bytes);
    out.push_str(" encrypted");
    out
}

/// `12 messages in 2m11s, closed 1000`
fn fine(story: &Story, history: &ConnectionHistory) -> String {
    if story.connection.is_undecided && story.connection.nature == Nature::Unknown {
        return "too little of each packet was recorded to see what it is (CAP-02)".to_owned();
    }
    if !history.is_accepted() {
        return match (story.ending.outcome, &history.tunnel) {
            (Outcome::Open, None) => "open, and nothing was sent on it".to_owned(),
            (Outcome::Closed | Outcome::Aborted, None) => {
                "opened and closed, and nothing was sent on it".to_owned()
            }
            _ => outcome(story, history),
        };
    }
    let messages = history.data.client.messages.saturating_add(history.data.server.messages);
    let mut out = String::new();
    if messages == 0 {
        out.push_str("no messages");
    } else {
        counted(&mut out, messages, "message");
    }
    let (first, last) = (story.connection.first, story.connection.last);
    if let Some(passed) = last.time.measured_since(first.time) {
        out.push_str(" in ");
        duration(&mut out, passed);
    }
    out.push_str(", ");
    match history.first_close() {
        Some((_, close)) => out.push_str(&code(close)),
        None if history.ended.is_some() => out.push_str("ended"),
        None => out.push_str("still open"),
    }
    out
}

/// `closed 1000`
fn code(close: &CloseSeen) -> String {
    close.code.map_or_else(|| "closed without a code".to_owned(), |code| format!("closed {code}"))
}

/// `the server closed with 1009 (message too big)`
fn closed_by(history: &ConnectionHistory) -> String {
    let Some((direction, close)) = history.first_close() else {
        return "closed by the peer with an error code".to_owned();
    };
    let peer = peer(direction);
    match close.code {
        Some(code) => format!("the {peer} closed with {code} ({})", CloseCode::of(code).name),
        None => format!("the {peer} closed"),
    }
}

/// `the server closed TCP without a Close, after 60.0 s of silence`
fn ended_by(history: &ConnectionHistory) -> String {
    let Some(end) = history.ended else { return "ended without a Close".to_owned() };
    let mut out = format!("the {} closed TCP without a Close", peer(end.by));
    if let Some(silence) = history.silence(end.at).filter(|silence| *silence >= LONG_SILENCE) {
        out.push_str(", after ");
        duration(&mut out, silence);
        out.push_str(" of silence");
    }
    out
}

/// What a cause means: who listens instead, if that is known; for a Close, the meaning of its code; otherwise
/// the explanation of its rule.
pub(super) fn meaning(finding: &Finding, story: Option<&Story>) -> String {
    if let Some(listening) = story.and_then(|story| listening(finding, story)) {
        return sentence(&listening);
    }
    match failing_close(finding, story.and_then(|story| story.history.as_deref())) {
        Some(code) => format!("{} {}", code.meaning, code.cause),
        None => finding.rule.explanation.to_owned(),
    }
}

/// What to do about a cause.
pub(super) fn remedy<'f>(finding: &'f Finding, story: Option<&Story>) -> &'f str {
    let history = story.and_then(|story| story.history.as_deref());
    match failing_close(finding, history) {
        Some(code) => code.remedy,
        None => match story.filter(|story| listening(finding, story).is_some()) {
            Some(story) if elsewhere(story).is_some() => {
                rule(ONE_SIDED).map_or(finding.remedy, |rule| rule.remedy)
            }
            Some(_) => "Start the server on this port, or put a port that is open into the URL.",
            None => finding.remedy,
        },
    }
}

/// What is known of the code with which a peer failed the connection.
fn failing_close(
    finding: &Finding,
    history: Option<&ConnectionHistory>,
) -> Option<&'static CloseCode> {
    if finding.rule.id != "WS-C17" {
        return None;
    }
    let closes = &history?.closes;
    let close = finding.direction.and_then(|side| closes.get(side).as_ref());
    let (_, first) = history?.first_close()?;
    Some(CloseCode::of(close.unwrap_or(first).code?))
}

/// Who sends in a direction.
pub(super) fn peer(direction: Direction) -> &'static str {
    Side::sender(direction).name()
}

/// `packets 5-6`
pub(super) fn packets(first: u64, last: u64) -> String {
    let mut out = String::new();
    if first == last {
        write!(out, "packet {first}").ok();
    } else {
        write!(out, "packets {first}-{last}").ok();
    }
    out
}

/// The rule about refused connections.
const REFUSED: &str = "NET-01";

/// The rule about servers that listen on one address family only.
const ONE_SIDED: &str = "NET-04";

/// Columns of a name at most.
const LONGEST_NAME: usize = 60;
