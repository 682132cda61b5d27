//! TLS as a phase of a connection.

use std::fmt::Write as _;

use super::{Phase, PhaseLabel, peer};
use crate::analysis::event::Connection;
use crate::stream::{Direction, Origin};
use crate::text::amount::{counted, duration};
use crate::text::escape::escape;
use crate::tls::{Alert, Facts, Seen};

/// `ClientHello for example.org → TLS 1.3, http/1.1, established in 3.1 ms`, or how far that went.
pub(super) fn phase(connection: &Connection) -> Option<Phase> {
    let tls = connection.tls.as_deref()?;
    let mut text = String::new();
    let mut seen = TlsExtent::default();
    if let Some(hello) = &tls.client_hello {
        seen.add(hello.span.first, hello.span.last);
        text.push_str("ClientHello");
        if let Some(name) = tls.server_name() {
            text.push_str(" for ");
            escape(name, LONGEST_NAME, &mut text);
        }
        write!(text, ", up to {}", hello.what.highest_version()).ok();
    }
    answer(tls, &mut text, &mut seen);
    for (direction, alert) in alerts(tls, AlertPlace::Handshake) {
        said(alert, direction, &mut text);
        seen.add(alert.span.first, alert.span.last);
    }
    if let Some(foreign) = &tls.foreign {
        write!(text, " → no TLS from the {}, but ", peer(foreign.direction)).ok();
        escape(foreign.bytes.get(..FOREIGN).unwrap_or(&foreign.bytes), FOREIGN, &mut text);
        seen.add(foreign.span.first, foreign.span.last);
    }
    let took = tls.established.and_then(|span| {
        seen.add(span.first, span.last);
        span.last.time.measured_since(seen.first.map_or(span.first.time, |first| first.time))
    });
    if let Some(took) = took {
        text.push_str(", established in ");
        duration(&mut text, took);
        let data = &tls.sides;
        let records = data.client.data.saturating_add(data.server.data);
        if tls.renegotiations > 0 {
            text.push_str(", renegotiated");
        }
        if let Some(source) = &tls.key_source {
            text.push_str(", decrypted with ");
            escape(source.name().as_bytes(), LONGEST_NAME, &mut text);
        } else if records > 0 {
            text.push_str(", then encrypted data");
        }
        // It came in a later phase.
        for (direction, alert) in alerts(tls, AlertPlace::Later) {
            said(alert, direction, &mut text);
        }
    } else if !tls.has_answer() && tls.client_hello.is_some() && tls.foreign.is_none() {
        text.push_str(" → no answer");
    }
    let (first, last) = (seen.first?, seen.last?);
    let packets = Some((first.packet.0, last.packet.0));
    let text = text.trim_start_matches([' ', '→', ',']).to_owned();
    Some(Phase { time: first.time, label: PhaseLabel::Tls, text, packets, took })
}

/// What the server chose, and its certificate.
fn answer(tls: &Facts, text: &mut String, seen: &mut TlsExtent) {
    if let Some(hello) = &tls.server_hello {
        seen.add(hello.span.first, hello.span.last);
        write!(text, " → {}", hello.what.version).ok();
        if let Some(suite) = tls.suite() {
            write!(text, ", {suite}").ok();
        }
        if let Some(protocol) = &hello.what.protocol {
            text.push_str(", ");
            escape(protocol, LONGEST_NAME, text);
        }
    }
    if let Some(certificate) = &tls.certificate {
        seen.add(certificate.span.first, certificate.span.last);
        let what = &certificate.what;
        text.push_str(", certificate ");
        escape(what.subject.as_bytes(), LONGEST_NAME, text);
        if what.is_self_signed {
            text.push_str(" (self-signed)");
        } else {
            text.push_str(" issued by ");
            escape(what.issuer.as_bytes(), LONGEST_NAME, text);
        }
        if what.chain > 1 {
            text.push_str(", chain of ");
            counted(text, u64::try_from(what.chain).unwrap_or(u64::MAX), "certificate");
        }
    }
}

/// When an alert was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AlertPlace {
    /// Before the handshake was over, if it ever was.
    Handshake,
    /// After it was over.
    Later,
}

fn alerts(tls: &Facts, place: AlertPlace) -> impl Iterator<Item = (Direction, &Seen<Alert>)> {
    Direction::BOTH.into_iter().filter_map(move |direction| {
        let alert = tls.alerts.get(direction).as_ref()?;
        let is_later = tls.established.is_some_and(|end| alert.span.first > end.last);
        (is_later == (place == AlertPlace::Later)).then_some((direction, alert))
    })
}

/// `→ fatal alert of the server: protocol version`
fn said(alert: &Seen<Alert>, direction: Direction, text: &mut String) {
    write!(text, " → {} of the {}", alert.what, peer(direction)).ok();
}

/// The packets that a phase was seen in.
#[derive(Debug, Default)]
struct TlsExtent {
    first: Option<Origin>,
    last: Option<Origin>,
}

impl TlsExtent {
    fn add(&mut self, first: Origin, last: Origin) {
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
    }
}

/// Columns of a name at most.
const LONGEST_NAME: usize = 60;

/// How many bytes are shown of what is not TLS.
const FOREIGN: usize = 40;
