//! Why a connection did not open, or opened late.

use crate::analysis::event::{Ending, Nature, Outcome, TcpState};
use crate::decode::IcmpMeaning;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::RuleContext;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::words::{after, counted, duration};
use crate::stream::{Direction, Side};

/// NET-01 to NET-03, NET-06, NET-10.
pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "NET-01",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "connection refused: RST answered the SYN",
        section: "RFC 9293 §3.5.2",
        explanation: "The machine is reachable, but nothing listens on that address and port: the \
            server is not running, listens on another port or address, or a firewall rejects the \
            connection with RST. Applications see ECONNREFUSED, browsers 1006.",
        remedy: "Check whether the server runs and where it listens: `ss -ltnp` (Linux), `lsof \
            -iTCP -sTCP:LISTEN -n -P` (macOS), `netstat -ano` (Windows). Compare port and address \
            with the URL; a server that listens only on 127.0.0.1 cannot be reached at any other \
            address. In a container, publish the port and listen on 0.0.0.0.",
        example: Example::Text("client: SYN to port 8080\nserver: RST, ACK"),
        explains: Some(Cause::failure(90, "connection refused")),
        checks: &[Check::End(|context, violations| {
            let network = &context.connection.network;
            if context.connection.state != TcpState::Refused {
                return;
            }
            let Some((syn, reset)) = network.opening.first_syn.zip(network.reset) else { return };
            let waited = after(reset.origin.time.waited_since(syn.time));
            let server = context.connection.server;
            violations
                .add(format!("{server} answered the SYN with RST {waited}"))
                .packets(syn, reset.origin);
        })],
    },
    Rule {
        id: "NET-02",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "no answer to SYN",
        section: "RFC 9293 §3.8.1",
        explanation: "The client sent a SYN and nothing came back, neither an acceptance nor a \
            refusal. A firewall or security group drops the packets, the address is wrong or \
            unused, or the machine is down. Clients wait for a minute or more before they give \
            up.",
        remedy: "Check the address first (does the name resolve to the right machine?), then the \
            firewalls on the path: security groups, `nft list ruleset` or `iptables -L -n`, the \
            Windows firewall. Record on the server, too: if the SYN arrives there, its own \
            firewall drops it, or the answer takes another path back.",
        example: Example::Text(
            "client: SYN\nclient: SYN again after 1 s\nclient: SYN again after 3 s",
        ),
        explains: Some(Cause::failure(100, "no answer to SYN")),
        checks: &[Check::End(|context, violations| {
            let network = &context.connection.network;
            let (opening, unreachable) = (&network.opening, network.unreachable);
            let is_explained =
                unreachable.is_some_and(|it| it.kind.meaning() != IcmpMeaning::TooBig);
            let Some((first, latest)) = opening.first_syn.zip(opening.latest_syn) else { return };
            if context.connection.packets.server > 0 || opening.syn_ack.is_some() || is_explained {
                return;
            }
            let gave_up = match context.connection.state {
                TcpState::SynSent => false,
                TcpState::Reset(Direction::ClientToServer) => true,
                TcpState::Refused
                | TcpState::Established
                | TcpState::HalfClosed(_)
                | TcpState::Closed(_)
                | TcpState::Reset(Direction::ServerToClient) => return,
            };
            let watched = context.subject.watched_until.waited_since(first.time);
            if opening.syns < TELLING_SYNS && watched < TELLING_SILENCE && !gave_up {
                return;
            }
            let again = counted(opening.syns.saturating_sub(1), "retransmission");
            let server = context.connection.server;
            let words = format!("no answer from {server} within {}; {again}", duration(watched));
            violations.add(words).packets(first, latest);
        })],
    },
    Rule {
        id: "NET-03",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "ICMP unreachable or administratively prohibited",
        section: "RFC 1122 §4.2.3.9, RFC 1812 §5.2.7.1, RFC 4443 §3.1",
        explanation: "A router, a firewall or the host itself answered the SYN with an ICMP \
            error. \"Administratively prohibited\" means a firewall that rejects; \"host \
            unreachable\", a machine that does not answer in its network; \"no route\", a missing \
            route; \"port unreachable\", a firewall that rejects as if nothing were listening.",
        remedy: "The evidence names the sender of the error. If it is the server, change its \
            firewall (a REJECT rule for this port); if it is a router, its filters or routes; if \
            it is your own machine, its routes (`ip route get ADDRESS`).",
        example: Example::Text(
            "client: SYN\nserver: ICMP destination unreachable, communication administratively \
             prohibited (3/13)",
        ),
        explains: Some(Cause::failure(80, "rejected by ICMP")),
        checks: &[Check::End(|context, violations| {
            let network = &context.connection.network;
            let Some(error) = network.unreachable else { return };
            if network.opening.syn_ack.is_some()
                || context.connection.state == TcpState::Refused
                || error.quoted != Direction::ClientToServer
                || error.kind.meaning() == IcmpMeaning::TooBig
            {
                return;
            }
            let first = network.opening.first_syn.unwrap_or(error.origin);
            let (kind, reporter) = (error.kind, error.reporter);
            let words = format!(
                "{reporter} answered the SYN to {}: {} (ICMP type {}, code {})",
                context.connection.server,
                kind.name(),
                kind.number,
                kind.code
            );
            violations.add(words).packets(first.min(error.origin), error.origin);
        })],
    },
    Rule {
        id: "NET-06",
        severity: Severity::Error,
        applies_to: AppliesTo::Nobody,
        title: "reset before the handshake was complete",
        section: "RFC 9293 §3.5.2; RFC 6455 §4.1",
        explanation: "TCP was open, and one side sent RST before the upgrade was answered. A \
            server sends RST if its process ends or crashes on the request, if it has reached its \
            connection limit, or if it closes a socket without having read the request; so does a \
            firewall or load balancer without a healthy server.",
        remedy: "Look at the log of the server, or of the load balancer in front of it, at that \
            moment: crashes, limits (file descriptors, connections), TLS or another protocol \
            expected on this port.",
        example: Example::Text("client: GET /chat HTTP/1.1 ...\nserver: RST"),
        explains: Some(
            Cause::failure(620, "reset before the handshake was complete").unless(&["TLS-0"]),
        ),
        checks: &[Check::End(|context, violations| {
            let connection = context.connection;
            let (network, bytes) = (&connection.network, connection.bytes);
            let Some(reset) = network.reset.filter(|_| is_reset_early(context)) else { return };
            let side = Side::sender(reset.by);
            let stage = match (bytes.client, bytes.server) {
                (0, 0) => "before a request was sent",
                (_, 0) => "and had not answered the request",
                (_, _) => "in the middle of the response",
            };
            let start = network.opening.first_ack.unwrap_or(connection.first);
            let open = duration(reset.origin.time.waited_since(start.time));
            violations
                .add(format!("the {} sent RST {open} after TCP was open, {stage}", side.name()))
                .direction(reset.by)
                .side(side)
                .packets(reset.origin, reset.origin);
        })],
    },
    Rule {
        id: "NET-10",
        severity: Severity::Warning,
        applies_to: AppliesTo::Nobody,
        title: "SYN answered late, or accept queue overflow",
        section: "RFC 9293 §3.5, RFC 6298 §2",
        explanation: "The connection opened, but only after a second or more: an earlier SYN was \
            lost or dropped and had to be sent again. A server whose accept queue is full drops \
            SYNs, or the acknowledgement that completes the handshake. A burst of clients after a \
            restart, or a blocked event loop, causes this.",
        remedy: "On a Linux server check `nstat -az TcpExtListenOverflows TcpExtListenDrops` and \
            the queue in `ss -ltn` (Recv-Q against Send-Q). Call listen() with a larger backlog, \
            raise net.core.somaxconn, and accept connections in a loop that is never blocked. If \
            the counters do not increase, packets are lost on the path.",
        example: Example::Text("client: SYN\nclient: SYN again after 1 s\nserver: SYN, ACK"),
        explains: Some(Cause::trouble(720, "accepted late")),
        checks: &[Check::End(|context, violations| {
            let opening = &context.connection.network.opening;
            let Some((syn, answer)) = opening.first_syn.zip(opening.syn_ack) else { return };
            let waited = answer.time.waited_since(syn.time);
            let waited = opening.corrected(Direction::ServerToClient, waited);
            if opening.first_ack.is_none() {
                return;
            }
            let again = counted(opening.syns.saturating_sub(1), "retransmission");
            if waited > LATE_ANSWER || (opening.syns > 1 && waited >= RETRANSMISSION) {
                let words = format!("the SYN was answered after {}; {again}", duration(waited));
                violations.add(words).packets(syn, answer);
            } else if opening.syn_acks > 1 && context.connection.network.resent.client.packets > 0 {
                let answers = counted(opening.syn_acks, "SYN-ACK");
                violations
                    .add(format!(
                        "{answers} though the client had acknowledged the first: the server \
                         dropped the connection and accepted it again"
                    ))
                    .side(Side::Server)
                    .packets(answer, opening.first_ack.unwrap_or(answer).max(answer));
            }
        })],
    },
];

/// Whether a connection that was open was reset before a WebSocket could be used, by who did not
/// merely give up waiting (HS-50) or look whether the port is open.
fn is_reset_early(context: &RuleContext<'_, Ending>) -> bool {
    let connection = context.connection;
    let TcpState::Reset(by) = connection.state else { return false };
    // A side that sends nothing more is not reset in the middle of anything.
    if connection.network.opening.syn_ack.is_none() {
        return false;
    }
    let fins = connection.network.fins;
    if fins.client.is_some() || fins.server.is_some() {
        return false;
    }
    let is_answered = context.subject.outcome == Outcome::Rejected;
    match (connection.nature, by) {
        (Nature::Unknown | Nature::UpgradeRequested, Direction::ServerToClient) => !is_answered,
        (Nature::UpgradeRequested, Direction::ClientToServer) => {
            !is_answered && connection.bytes.server > 0
        }
        (Nature::Unknown, Direction::ClientToServer)
        | (
            Nature::Http | Nature::Http2 | Nature::WebSocket | Nature::Unreadable | Nature::Other,
            _,
        ) => false,
    }
}

/// As many SYNs without answer are telling, however soon the capture ended: the third is sent three
/// seconds after the first (RFC 6298 §2, §5.5).
const TELLING_SYNS: u64 = 3;

/// Nanoseconds without an answer that are telling: longer than any round trip.
const TELLING_SILENCE: u64 = 3_000_000_000;

/// Nanoseconds after which an answer to a SYN is late: the initial retransmission timeout (RFC 6298 §2).
const LATE_ANSWER: u64 = 1_000_000_000;

/// The same, less what timers of one tick are early: the SYN was sent again.
const RETRANSMISSION: u64 = 990_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, Scenario, check};
    use crate::stream::Direction::{ClientToServer, ServerToClient};

    /// Milliseconds in which the capture continues, with another connection that is fine.
    fn go_on(s: &mut Scenario, milliseconds: u64) {
        s.wait(milliseconds).upgraded().close();
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "refused", near: &["NET-02", "NET-06"], fires: &["NET-01"], play: |s| { s.dial().refuse(); } },
        RuleCase { name: "refused at the second SYN", near: &["NET-02"], fires: &["NET-01"], play: |s| { s.dial().dial_again(1_000).refuse(); } },
        RuleCase { name: "three SYNs and nothing", near: &["NET-01", "NET-03"], fires: &["NET-02"], play: |s| { s.dial().dial_again(1_000).dial_again(2_000); } },
        RuleCase { name: "one SYN, and nothing for long", near: &["NET-01"], fires: &["NET-02"], play: |s| { s.dial(); go_on(s, 4_000); } },
        RuleCase { name: "the capture ends after the SYN", near: &["NET-02"], fires: &[], play: |s| { s.dial(); go_on(s, 100); } },
        RuleCase { name: "a firewall says so", near: &["NET-02", "NET-01"], fires: &["NET-03"], play: |s| { s.dial().icmp("10.0.0.2", 3, 13).dial_again(1_000).dial_again(2_000); } },
        RuleCase { name: "a firewall says so over IPv6", near: &["NET-02"], fires: &["NET-03"], play: |s| { s.between("fd00::1", "fd00::2").dial().icmp("fd00::fe", 1, 1); } },
        RuleCase { name: "packets are too big", near: &["NET-03"], fires: &[], play: |s| { s.upgraded().icmp("10.0.0.254", 3, 4).close(); } },
        RuleCase { name: "unreachable for a while, then open", near: &["NET-03"], fires: &["NET-10"], play: |s| {
            s.dial().icmp("10.0.0.254", 3, 1).dial_again(1_010).answer().acknowledge(ClientToServer).upgrade("", "").close();
        }},
        RuleCase { name: "reset instead of an answer", near: &["NET-01", "NET-07"], fires: &["NET-06 server"], play: |s| { s.ask("").reset(Side::Server); } },
        RuleCase { name: "reset before a request", near: &["NET-01"], fires: &["NET-06 server"], play: |s| { s.open().reset(Side::Server); } },
        RuleCase { name: "the port was only looked at", near: &["NET-06"], fires: &[], play: |s| { s.open().reset(Side::Client); } },
        RuleCase { name: "reset after a refusal", near: &["NET-06"], fires: &["HS-48"], play: |s| {
            s.ask("").server(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n").reset(Side::Server);
        }},
        RuleCase { name: "the second SYN is answered", near: &["NET-02"], fires: &["NET-10"], play: |s| {
            s.dial().dial_again(1_010).answer().acknowledge(ClientToServer).upgrade("", "").close();
        }},
        RuleCase { name: "the acknowledgement fell off a full queue", near: &["NET-02"], fires: &["NET-10 server"], play: |s| {
            s.open().wait(1_000).answer().acknowledge(ClientToServer).upgrade("", "").resend(Side::Client, 10).acknowledge(ServerToClient).close();
        }},
        RuleCase { name: "a round trip around the world", near: &["NET-10"], fires: &[], play: |s| {
            s.dial().wait(600).answer().acknowledge(ClientToServer).upgrade("", "").close();
        }},
    ];

    #[test]
    fn each_way_not_to_open_has_its_rule() {
        check(&[RULES], CASES);
    }
}
