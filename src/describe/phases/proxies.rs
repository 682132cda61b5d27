//! Phases of proxies on the way, and stray bytes.

use super::{Phase, PhaseLabel};
use crate::analysis::event::{Connection, Intermediary, IntermediaryKind, StrayPlace};
use crate::describe::proxy::{self, ProxyWords};
use crate::stream::Span;
use crate::text::escape::escape;

/// PROXY headers, and what SOCKS proxies did; a tunnel by CONNECT has a phase of its own.
pub(super) fn intermediaries(connection: &Connection) -> impl Iterator<Item = Phase> {
    let shown = |it: &&Intermediary| !matches!(it.kind, IntermediaryKind::Connect { .. });
    connection
        .intermediaries
        .iter()
        .filter(shown)
        .map(|it| phase(PhaseLabel::Proxy, it.span, &proxy::intermediary(it)))
}

/// Bytes that belong to no protocol that is read, before the request or after it.
pub(super) fn stray_bytes(connection: &Connection, time: StrayTime) -> impl Iterator<Item = Phase> {
    let stray = connection.stray.iter().filter(move |stray| StrayTime::of(stray.place) == time);
    stray.map(|it| phase(PhaseLabel::Stray, it.span, &proxy::stray_bytes(it)))
}

/// When stray bytes came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StrayTime {
    BeforeRequest,
    AfterRequest,
}

impl StrayTime {
    fn of(place: StrayPlace) -> Self {
        match place {
            StrayPlace::Greeting
            | StrayPlace::BeforeRequest
            | StrayPlace::InsteadOfRequest
            | StrayPlace::UnfinishedProxyHeader => Self::BeforeRequest,
            StrayPlace::BeforeResponse
            | StrayPlace::InsteadOfResponse
            | StrayPlace::BeforeFrames
            | StrayPlace::UnfinishedResponse => Self::AfterRequest,
        }
    }
}

fn phase(label: PhaseLabel, span: Span, words: &ProxyWords) -> Phase {
    let mut text = words.name.clone();
    escape(&words.details, LONGEST_DETAILS, &mut text);
    let packets = Some((span.first.packet.0, span.last.packet.0));
    Phase { time: span.first.time, label, text, packets, took: None }
}

/// Columns of text from the network at most.
const LONGEST_DETAILS: usize = 100;
