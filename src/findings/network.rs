//! Rules about connections that TCP ended (NET).

use crate::analysis::event::{Nature, TcpState};
use crate::findings::fault::Side;
use crate::findings::rule::{Bound, Check, Example, Rule, Severity};
use crate::findings::words::duration;
use crate::stream::Span;

/// NET, by number.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "NET-07",
    severity: Severity::Error,
    bound: Bound::Nobody,
    title: "connection reset in the middle of a message or without Close",
    section: "RFC 6455 §7.1.5; RFC 9293 §3.5.2",
    explanation: "One side sent RST and no Close had been sent. Data on the way is thrown away, \
        and applications see 1006, or an error such as ECONNRESET. A system sends RST where a \
        process ends or closes a socket with unread data, where a packet comes for a connection \
        that it does not know, or where a firewall gives up an idle connection.",
    remedy: "Look at the side that reset: did its process crash, get killed or time out? If \
        neither side did it, a device between them did: look for idle timeouts of firewalls, NAT \
        and load balancers, and send Pings more often.",
    example: Example::Text("server: RST, and no Close before it"),
    checks: &[Check::End(|scene, faults| {
        let TcpState::Reset(by) = scene.connection.state else { return };
        let sides = &scene.facts.sides;
        let has_close = sides.client.close.is_some() || sides.server.close.is_some();
        let is_cut = sides.client.unfinished.is_some() || sides.server.unfinished.is_some();
        if scene.connection.nature != Nature::WebSocket || (has_close && !is_cut) {
            return;
        }
        let Some((_, at)) = scene.facts.ended else { return };
        let side = Side::sender(by);
        let latest = [sides.client.latest, sides.server.latest].into_iter().flatten().max();
        let silence = latest.map_or_else(
            || "before any frame".to_owned(),
            |latest| format!("{} after the last frame", duration(at.time.since(latest.time))),
        );
        let how = if is_cut { "in the middle of a frame" } else { "without a Close" };
        let offset = *scene.connection.bytes.get(by);
        faults
            .add(format!("the {} sent RST {how}, {silence}", side.name()))
            .direction(by)
            .side(side)
            .span(Span { start: offset, end: offset, first: at, last: at });
    })],
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{Case, check, masked, plain};

    #[rustfmt::skip]
    const CASES: &[Case] = &[
        Case { name: "reset without a Close", near: &[], fires: &["NET-07 server"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).reset(Side::Server);
        }},
        Case { name: "reset within a frame", near: &[], fires: &["WS-F15 client", "NET-07 client"], play: |s| {
            s.upgraded().client(b"\x82\xfe\x10\x00abcdxyz").reset(Side::Client);
        }},
        Case { name: "reset after both Closes", near: &["NET-07"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).reset(Side::Client);
        }},
        Case { name: "reset of what never was a WebSocket", near: &["NET-07"], fires: &[], play: |s| {
            s.open().reset(Side::Client);
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
