//! Where findings are, in words.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::fold::{Consequence, Occurrence, SharedFindings};
use crate::findings::Finding;
use crate::stream::PacketId;
use crate::text::amount::{counted, grouped};

/// `packet 10`, or `packet 10, the first of 5`
pub(super) fn consequence_place(consequence: &Consequence<'_>) -> String {
    let mut out = consequence.findings.first().and_then(|it| packets(it)).unwrap_or_default();
    let count = consequence.count();
    match (out.is_empty(), count) {
        (_, 1) => {}
        (true, _) => counted(&mut out, count, "time"),
        (false, _) => {
            out.push_str(", the first of ");
            grouped(&mut out, count);
        }
    }
    out
}

/// `31 findings on 28 connections, client`
pub(super) fn shared_count(shared: &SharedFindings<'_>) -> String {
    let mut out = String::new();
    if !shared.is_cause() {
        counted(&mut out, shared.count(), "finding");
        out.push(' ');
    }
    out.push_str("on ");
    let connections = u64::try_from(shared.by_connection().count()).unwrap_or(u64::MAX);
    counted(&mut out, connections, "connection");
    if let Some(side) = shared.first().and_then(Occurrence::side) {
        out.push_str(", ");
        out.push_str(side.name());
    }
    out
}

/// `10.0.0.7 → 10.0.0.1:80: connections 3 (packet 10), 4 (packets 12-13), 9 (packet 31) and 28 more`
pub(super) fn shared_places(shared: &SharedFindings<'_>) -> String {
    let mut out = named(&shared.clients(), "hosts");
    out.push_str(" → ");
    out.push_str(&named(&shared.servers(), "servers"));
    out.push_str(": connections ");
    for (number, of) in shared.by_connection().take(MOST_PLACES).enumerate() {
        let Some(first) = of.first() else { continue };
        if number > 0 {
            out.push_str(", ");
        }
        write!(out, "{}", first.of.id.0).ok();
        let Some(packets) = first.finding.and_then(packets) else { continue };
        write!(out, " ({packets}").ok();
        let count = of.iter().map(Occurrence::count).fold(0, u64::saturating_add);
        if count > 1 {
            out.push_str(", the first of ");
            grouped(&mut out, count);
        }
        out.push(')');
    }
    let hidden = shared.by_connection().skip(MOST_PLACES).count();
    if hidden > 0 {
        out.push_str(" and ");
        grouped(&mut out, u64::try_from(hidden).unwrap_or(u64::MAX));
        out.push_str(" more");
    }
    out
}

/// One or two, or how many there are.
fn named<T: Ord + ToString>(all: &BTreeSet<T>, noun: &str) -> String {
    if all.len() > MOST_NAMED {
        return format!("{} {noun}", all.len());
    }
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// `packet 10` or `packets 10-12`, if it is about any.
fn packets(finding: &Finding) -> Option<String> {
    let (first, last) = (finding.first.packet, finding.last.packet);
    match (first, first == last) {
        (PacketId(0), _) => None,
        (_, true) => Some(format!("packet {first}")),
        (_, false) => Some(format!("packets {first}-{last}")),
    }
}

/// Packets, stream offset and side, as far as there are any.
pub(super) fn place(finding: &Finding) -> String {
    let mut parts: Vec<String> = packets(finding).into_iter().collect();
    parts.extend(finding.offset.map(|offset| format!("offset {offset}")));
    parts.extend(finding.side.map(|side| side.name().to_owned()));
    parts.join(", ")
}

/// Connections of similar findings that are named.
const MOST_PLACES: usize = 3;

/// Hosts or servers that are named.
const MOST_NAMED: usize = 2;
