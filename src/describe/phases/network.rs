//! What carries a connection, as phases of it: the lookup of its name, TCP, and the errors of the network.

use std::fmt::Write as _;

use super::{LONGEST_TARGET, Phase, PhaseLabel, peer, plain};
use crate::analysis::event::{Connection, Lookup, Network, StartedBy, TcpState};
use crate::stream::Direction;
use crate::text::amount::{counted, duration};
use crate::text::escape::escape;

/// `localhost → 127.0.0.1 after 0.4 ms`
pub(super) fn dns(lookup: &Lookup, connection: &Connection) -> Phase {
    let mut text = String::new();
    escape(lookup.name.as_bytes(), LONGEST_TARGET, &mut text);
    write!(text, " → {}", connection.server.ip()).ok();
    let took = lookup.duration();
    if let Some(took) = took {
        text.push_str(" after ");
        duration(&mut text, took);
    }
    let first = lookup.question.unwrap_or(lookup.answer);
    let packets = Some((first.packet.0, lookup.answer.packet.0));
    Phase { time: first.time, label: PhaseLabel::Dns, text, packets, took }
}

/// `SYN → SYN-ACK → ACK in 0.3 ms`, or how far that went.
pub(super) fn tcp(connection: &Connection) -> Phase {
    let Network { opening, reset, .. } = &connection.network;
    if connection.started_by == StartedBy::Midstream {
        return plain(PhaseLabel::Tcp, connection.first, "the capture began later".to_owned());
    }
    let first = opening.first_syn.unwrap_or(connection.first);
    let mut text = "SYN".to_owned();
    if opening.syns > 1 {
        let latest = opening.latest_syn.unwrap_or(first);
        write!(text, " sent {} times within ", opening.syns).ok();
        duration(&mut text, latest.time.waited_since(first.time));
    }
    let last = match connection.state {
        TcpState::Refused => {
            text.push_str(" → RST");
            reset.map(|reset| reset.origin)
        }
        TcpState::SynSent => {
            text.push_str(", no answer");
            opening.latest_syn
        }
        TcpState::Established
        | TcpState::HalfClosed(_)
        | TcpState::Closed(_)
        | TcpState::Reset(_) => match (opening.syn_ack, opening.first_ack) {
            (Some(_), Some(ack)) => {
                text.push_str(" → SYN-ACK → ACK");
                Some(ack)
            }
            (Some(answer), None) => {
                text.push_str(" → SYN-ACK, and nothing more from the client");
                Some(answer)
            }
            (None, _) => {
                text.push_str(", its answer not captured");
                None
            }
        },
    };
    let mut phase = plain(PhaseLabel::Tcp, first, text);
    if let Some(last) = last {
        phase.packets = Some((first.packet.0, last.packet.0));
        phase.took = last.time.measured_since(first.time);
        if let Some(took) = phase.took
            && connection.state != TcpState::SynSent
        {
            phase.text.push_str(" in ");
            duration(&mut phase.text, took);
        }
    }
    phase
}

/// `10.0.0.1 reports: port unreachable`
pub(super) fn icmp(connection: &Connection) -> Option<Phase> {
    let error = connection.network.unreachable?;
    let mut text = format!("{} reports: {}", error.reporter, error.kind.name());
    if error.count > 1 {
        write!(text, " ({} times)", error.count).ok();
    }
    Some(plain(PhaseLabel::Icmp, error.origin, text))
}

/// `3 packets of the client, 12 of the server`
pub(super) fn resent(connection: &Connection) -> Option<Phase> {
    let resent = &connection.network.resent;
    let first = [resent.client.first, resent.server.first].into_iter().flatten().min()?;
    let mut text = String::new();
    for direction in Direction::BOTH {
        let packets = resent.get(direction).packets;
        if packets > 0 {
            if !text.is_empty() {
                text.push_str(", ");
            }
            counted(&mut text, packets, "packet");
            text.push_str(" of the ");
            text.push_str(peer(direction));
        }
    }
    if text.is_empty() {
        return None;
    }
    Some(plain(PhaseLabel::Resent, first, text))
}

/// `the client could take nothing for 5.2 s at most, 3 times`
pub(super) fn stalled(side: Direction, connection: &Connection) -> Option<Phase> {
    let stalls = connection.network.stalls.get(side);
    if stalls.count == 0 {
        return None;
    }
    let (longest, start) = stalls.longest_until(connection.last);
    if longest < SHORTEST_STALL {
        return None;
    }
    let mut text = format!("the receive window of the {} was zero for ", peer(side));
    duration(&mut text, longest);
    if stalls.count > 1 {
        text.push_str(" at most, ");
        counted(&mut text, stalls.count, "time");
    }
    let mut phase = plain(PhaseLabel::Stalled, start, text);
    phase.took = Some(longest);
    Some(phase)
}

/// Nanoseconds of a zero window that are worth a line.
const SHORTEST_STALL: u64 = 100_000_000;
