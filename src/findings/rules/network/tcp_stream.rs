//! What happens to the packets of a connection that is open.

use crate::analysis::event::{Connection, Ending, Nature, TcpState, Unanswered};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::close::end_advice::after_reset;
use crate::findings::words::{around_last_frame, counted, duration, share};
use crate::stream::{Direction, Origin, Side, Span};

/// NET-07 to NET-09, NET-13.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NET-07",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "connection reset in the middle of a message or without Close",
        section: "RFC 6455 §7.1.5; RFC 9293 §3.5.2",
        explanation: "One side sent RST, and no Close had been sent. Data in transit is \
        discarded, and applications see 1006, or an error such as ECONNRESET. A system sends RST \
        if a process ends or closes a socket with unread data, or if a packet arrives for a \
        connection that it does not know; a firewall may send it when it drops an idle \
        connection.",
        remedy: "Look at the side that reset: did its process crash, get killed or time out? If \
        neither side did it, a device between them did: look for idle timeouts of firewalls, NAT \
        and load balancers, and send Pings more often.",
        example: Example::Text("server: RST, and no Close before it"),
        explains: Some(Cause::dropped(650, "connection reset").unless(&["TLS-0", "NET-13"])),
        checks: &[Check::End(|context, violations| {
            let TcpState::Reset(by) = context.connection.state else { return };
            let sides = &context.state.sides;
            let has_close = sides.client.close.is_some() || sides.server.close.is_some();
            let is_cut = sides.client.unfinished.is_some() || sides.server.unfinished.is_some();
            if context.connection.nature != Nature::WebSocket || (has_close && !is_cut) {
                return;
            }
            // Who had sent FIN, and does not read what comes after it, has ended the connection
            // by that FIN.
            if context.connection.network.fins.get(by).is_some() {
                return;
            }
            // A peer that gave up because nothing was acknowledged any more: NET-13 reports that.
            if dead_direction(context).is_some_and(|(direction, _)| direction == by) {
                return;
            }
            let Some((_, at)) = context.state.ended else { return };
            let side = Side::sender(by);
            let latest = [sides.client.latest, sides.server.latest].into_iter().flatten().max();
            let silence = latest.map_or_else(
                || "before any frame".to_owned(),
                |latest| around_last_frame(at, latest),
            );
            let how = if is_cut { "in the middle of a frame" } else { "without a Close" };
            let offset = *context.connection.bytes.get(by);
            violations
                .add(format!("the {} sent RST {how}, {silence}", side.name()))
                .direction(by)
                .side(side)
                .span(Span { start: offset, end: offset, first: at, last: at })
                .remedy = if is_cut { None } else { after_reset(context, side, at) };
        })],
    },
    Rule {
        id: "NET-08",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "receiver stopped reading: zero window",
        section: "RFC 9293 §3.8.6",
        explanation: "One side announced that its receive buffer was full: its application did \
            not read. Meanwhile the other side could not send, so its messages piled up and \
            arrived late. A slow consumer or a blocked event loop causes this.",
        remedy: "Look at the side that stopped reading: long computations or synchronous calls in \
            the message handler, a paused stream (pause() without resume()), a debugger at a \
            breakpoint. On the other side watch the send buffer (bufferedAmount, \
            ws.bufferedAmount, write_limit), and drop or merge messages for slow consumers.",
        example: Example::Text("client: window 0, and no other window for 3 s"),
        explains: Some(Cause::trouble(700, "receiver stopped reading")),
        checks: &[Check::End(|context, violations| {
            for direction in Direction::BOTH {
                let stalls = context.connection.network.stalls.get(direction);
                let (longest, start) = stalls.longest_until(context.connection.last);
                if longest < LONG_STALL {
                    continue;
                }
                let side = Side::sender(direction);
                let more = match stalls.count {
                    0 | 1 => String::new(),
                    count => format!(
                        "; {count} times in all, {} together",
                        duration(stalls.total.max(longest))
                    ),
                };
                let until = match stalls.open {
                    Some(open) if open == start => ", until the end",
                    Some(_) | None => "",
                };
                violations
                    .add(format!(
                        "the {} read nothing for {}{until}{more}",
                        side.name(),
                        duration(longest)
                    ))
                    .direction(direction)
                    .side(side)
                    .packets(start, start);
            }
        })],
    },
    Rule {
        id: "NET-09",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "heavy retransmission or loss",
        section: "RFC 9293 §3.8.1",
        explanation: "A large part of the data had to be sent again, because packets were lost on \
            the path or arrived too late. Each loss delays all later messages by at least a round \
            trip: latency jumps, and throughput falls.",
        remedy: "Find out where packets are lost: wireless links, overloaded or duplex-mismatched \
            network ports (`ip -s link`, `ethtool -S`), traffic shaping, a tunnel whose MTU is \
            too large. `mtr` shows loss along the path.",
        example: Example::Text("40 of 900 segments came again"),
        explains: Some(Cause::trouble(710, "heavy packet loss")),
        checks: &[Check::End(|context, violations| {
            for direction in Direction::BOTH {
                let Some((packets, bytes)) = heavy_loss(context.connection, direction) else {
                    continue;
                };
                let sent = context.connection.bytes.get(direction).saturating_add(bytes);
                let resent = context.connection.network.resent.get(direction);
                let first = resent.first.unwrap_or(context.connection.first);
                violations
                    .add(format!(
                        "{} of the {} were sent again ({}, {})",
                        share(bytes, sent),
                        match direction {
                            Direction::ClientToServer => "client's bytes",
                            Direction::ServerToClient => "server's bytes",
                        },
                        counted(packets, "packet"),
                        counted(bytes, "byte"),
                    ))
                    .direction(direction)
                    .side(None)
                    .packets(first, first);
            }
        })],
    },
    Rule {
        id: "NET-13",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "path went dead: retransmissions unanswered until the end of the capture",
        section: "RFC 9293 §3.8.3",
        explanation: "Data was sent again and again, and nothing was acknowledged any more: the \
            other machine is gone or asleep, or something in between forgot the connection (NAT, \
            a firewall's state table, a VPN that reconnected). Neither application notices until \
            TCP gives up, which takes about 15 minutes.",
        remedy: "Send Pings, close the connection if the Pong does not arrive in time, and \
            reconnect. If the path dies after an idle time, send Pings more often than the NAT or \
            firewall forgets. TCP_USER_TIMEOUT makes the system give up sooner.",
        example: Example::Text("client: the same segment 4 times in 3 s, and no ACK"),
        explains: Some(Cause::dropped(640, "path went dead")),
        checks: &[Check::End(|context, violations| {
            if let Some((direction, silent)) = dead_direction(context) {
                let side = Side::sender(direction);
                let icmp = context.connection.network.unreachable.map_or_else(String::new, |it| {
                    format!(
                        "; {} said {} (ICMP, packet {})",
                        it.reporter,
                        it.kind.name(),
                        it.origin.packet
                    )
                });
                let shown = duration(silent.latest.time.waited_since(silent.first.time));
                let again = counted(silent.packets, "retransmission");
                violations
                    .add(format!(
                        "{again} by the {} within {shown}, none acknowledged{icmp}",
                        side.name()
                    ))
                    .direction(direction)
                    .side(None)
                    .packets(silent.first, silent.latest);
            } else if let Some((first, count)) = half_open(context.connection) {
                let again = counted(count, "SYN-ACK");
                violations
                    .add(format!("{again} of the server, and none was acknowledged: half-open"))
                    .direction(Direction::ServerToClient)
                    .side(None)
                    .packets(first, context.connection.last);
            }
        })],
    },
];

/// The direction whose data was not acknowledged any more, and what was sent again in vain.
fn dead_direction(context: &RuleContext<'_, Ending>) -> Option<(Direction, Unanswered)> {
    let connection = context.connection;
    let in_vain = |direction: Direction| {
        let network = &connection.network;
        let answerer = direction.reverse();
        // A receiver of which nothing was captured, or which is full, is not dead.
        let is_seen = *connection.packets.get(answerer) > 0;
        let is_full = network.stalls.get(answerer).open.is_some();
        let found = connection.unanswered(direction)?;
        (found.packets >= IN_VAIN && is_seen && !is_full).then_some((direction, found))
    };
    let both = [in_vain(Direction::ClientToServer), in_vain(Direction::ServerToClient)];
    both.into_iter().flatten().max_by_key(|(_, found)| found.packets)
}

/// The first SYN-ACK and their number, where the client never acknowledged one.
fn half_open(connection: &Connection) -> Option<(Origin, u64)> {
    let opening = &connection.network.opening;
    let is_open = opening.first_ack.is_some() || connection.state != TcpState::Established;
    let first = opening.syn_ack.filter(|_| opening.syn_acks > IN_VAIN && !is_open)?;
    Some((first, opening.syn_acks))
}

/// Packets and bytes that a direction sent again, if they are many. Those that were in vain until the
/// end are reported by NET-13.
fn heavy_loss(connection: &Connection, direction: Direction) -> Option<(u64, u64)> {
    let resent = connection.network.resent.get(direction);
    let unanswered = connection.unanswered(direction);
    let in_vain = unanswered.map_or(0, |found| found.packets);
    let packets = resent.packets.saturating_sub(in_vain);
    let sent = connection.bytes.get(direction).saturating_add(resent.bytes);
    let is_heavy = resent.bytes.saturating_mul(100) >= sent.saturating_mul(HEAVY_PERCENT);
    let is_enough =
        *connection.packets.get(direction) >= ENOUGH_PACKETS && packets >= HEAVY_PACKETS;
    // Nothing loses nearly every packet: these were captured at two places.
    let is_copy = resent.bytes.saturating_mul(100)
        >= connection.bytes.get(direction).saturating_mul(COPY_PERCENT);
    (is_heavy && is_enough && !is_copy).then_some((packets, resent.bytes))
}

/// Nanoseconds without window that applications feel.
const LONG_STALL: u64 = 1_000_000_000;

/// Retransmissions in a row that nothing answered: after the third, with doubled timeouts, seven times the
/// round trip and more have passed (RFC 6298 §5.5).
const IN_VAIN: u64 = 3;

/// Percent of a direction's bytes from which on loss is heavy: TCP's throughput falls with the square root
/// of the loss, and at 3 % it is some ten segments per round trip.
const HEAVY_PERCENT: u64 = 3;

/// Percent of a direction's bytes that come again where a capture was merged from two: all but the first few.
const COPY_PERCENT: u64 = 80;

/// Packets of a direction without which a rate says nothing ...
const ENOUGH_PACKETS: u64 = 20;

/// ... and of those that were sent again.
const HEAVY_PACKETS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check, masked, plain};
    use crate::stream::Direction::{ClientToServer, ServerToClient};
    use crate::testkit::packet::{ACK, FIN};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "reset without a Close", near: &["NET-08", "NET-09", "NET-13"], fires: &["NET-07 server"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).reset(Side::Server);
        }},
        RuleCase { name: "reset within a frame", near: &[], fires: &["WS-F15 client", "NET-07 client"], play: |s| {
            s.upgraded().client(b"\x82\xfe\x10\x00abcdxyz").reset(Side::Client);
        }},
        RuleCase { name: "reset after both Closes", near: &["NET-07"], fires: &[], play: |s| {
            s.upgraded().client(&masked(0x88, b"\x03\xe8")).server(&plain(0x88, b"\x03\xe8")).reset(Side::Client);
        }},
        RuleCase { name: "reset of what comes after the own FIN", near: &["NET-07"], fires: &["WS-C12"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).flagged(ClientToServer, FIN | ACK).unacknowledged(ServerToClient, &plain(0x81, b"y")).reset(Side::Client);
        }},
        RuleCase { name: "reset by the other side after a FIN", near: &[], fires: &["NET-07 server"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).flagged(ClientToServer, FIN | ACK).reset(Side::Server);
        }},
        RuleCase { name: "the client reads nothing for three seconds", near: &["NET-13", "NET-09"], fires: &["NET-08 client"], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).announce(Side::Client, 0).wait(3_000).announce(Side::Client, 1_000).close();
        }},
        RuleCase { name: "the server reads nothing any more", near: &["NET-13"], fires: &["NET-08 server"], play: |s| {
            s.upgraded().client(&masked(0x81, b"x")).announce(Side::Server, 0).wait(2_000).announce(Side::Server, 0);
        }},
        RuleCase { name: "a full window for a moment", near: &["NET-08"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).announce(Side::Client, 0).wait(900).announce(Side::Client, 1_000).close();
        }},
        RuleCase { name: "each fourth segment is sent again", near: &["NET-13"], fires: &["NET-09"], play: |s| {
            s.upgraded();
            for number in 0..40_u8 {
                s.unacknowledged(ServerToClient, &plain(0x82, &[number; 100]));
                if number % 4 == 0 { s.resend(Side::Server, 200); }
                s.acknowledge(ClientToServer);
            }
            s.close();
        }},
        RuleCase { name: "each segment was captured at two places", near: &["NET-09", "NET-13"], fires: &[], play: |s| {
            s.upgraded();
            for number in 0..40_u8 {
                s.unacknowledged(ServerToClient, &plain(0x82, &[number; 100])).resend(Side::Server, 20).acknowledge(ClientToServer);
            }
            s.close();
        }},
        RuleCase { name: "segments that were lost before they were captured", near: &["CAP-01"], fires: &["NET-09"], play: |s| {
            s.upgraded();
            for number in 0..40_u8 {
                let frames = [plain(0x82, &[number; 100]), plain(0x82, &[number; 50])];
                s.overtaken(ServerToClient, [&frames[0], &frames[1]], 200);
            }
            s.close();
        }},
        RuleCase { name: "segments that overtook one another", near: &["NET-09"], fires: &[], play: |s| {
            s.upgraded();
            for number in 0..40_u8 {
                let frames = [plain(0x82, &[number; 100]), plain(0x82, &[number; 50])];
                s.overtaken(ServerToClient, [&frames[0], &frames[1]], 1);
            }
            s.close();
        }},
        RuleCase { name: "one segment of many is sent again", near: &["NET-09", "NET-13"], fires: &[], play: |s| {
            s.upgraded();
            for number in 0..40_u8 { s.server(&plain(0x82, &[number; 100])); }
            s.resend(Side::Server, 200).acknowledge(ClientToServer).close();
        }},
        RuleCase { name: "keep-alives", near: &["NET-09", "NET-13"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"x"));
            for _ in 0..20 { s.wait(1_000).keep_alive(Side::Server); }
            s.close();
        }},
        RuleCase { name: "nothing is acknowledged any more", near: &["NET-09", "NET-07", "WS-C12"], fires: &["NET-13"], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).unacknowledged(ClientToServer, &masked(0x81, b"y"));
            s.resend(Side::Client, 200).resend(Side::Client, 400).resend(Side::Client, 800);
        }},
        RuleCase { name: "nothing is acknowledged, and the sender gives up", near: &["NET-07"], fires: &["NET-13"], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).unacknowledged(ClientToServer, &masked(0x81, b"y"));
            s.resend(Side::Client, 200).resend(Side::Client, 400).resend(Side::Client, 800).reset(Side::Client);
        }},
        RuleCase { name: "acknowledged at last", near: &["NET-13"], fires: &[], play: |s| {
            s.upgraded().server(&plain(0x81, b"x")).unacknowledged(ClientToServer, &masked(0x81, b"y"));
            s.resend(Side::Client, 200).resend(Side::Client, 400).resend(Side::Client, 800).acknowledge(ServerToClient).close();
        }},
        RuleCase { name: "the answers to the SYN do not arrive", near: &["NET-02", "NET-10"], fires: &["NET-13"], play: |s| {
            s.dial().answer().wait(1_000).answer().wait(2_000).answer().wait(4_000).answer();
        }},
    ];

    #[test]
    fn each_offence_is_found_once_and_nothing_else() {
        check(&[RULES], CASES);
    }
}
