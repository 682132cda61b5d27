//! Bytes that belong to no layer: reported, and passed over.

use crate::analysis::context::Context;
use crate::analysis::event::{Connection, ConnectionEvent, StrayBytes, StrayPlace};
use crate::analysis::sink::Sink;
use crate::http::OtherProtocol;
use crate::stream::{Buffer, Direction};
use crate::tls::begins_record;

/// Reports stray bytes, and remembers the first of them.
pub(super) fn report<S: Sink>(
    direction: Direction,
    place: StrayPlace,
    bytes: &Buffer,
    connection: &mut Connection,
    context: &mut Context<'_, S>,
) {
    if bytes.is_empty() {
        return;
    }
    let first = bytes.bytes();
    let protocol =
        if begins_record(first) { Some(OtherProtocol::Tls) } else { OtherProtocol::of(first) };
    let stray = StrayBytes {
        direction,
        place,
        bytes: first.get(..place.most()).unwrap_or(first).to_vec(),
        span: bytes.span(),
        protocol,
    };
    let kept = &mut connection.carrier.stray;
    if kept.len() < StrayBytes::MOST_KEPT {
        kept.push(stray.clone());
    }
    context.emit_at(stray.span.last, connection, ConnectionEvent::StrayBytes(&stray));
}
