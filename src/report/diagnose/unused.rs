//! Names that were looked up, and to whose addresses nobody connected.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde::Serialize;

use crate::decode::{DnsMessage, DnsRole};
use crate::stream::{Origin, PacketId};
use crate::text::escape::escape;

/// Names with addresses, and the addresses of servers.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those that were answered first, first.
    list: Vec<Answered>,
    servers: BTreeSet<IpAddr>,
}

/// A name, and its addresses.
#[derive(Debug)]
struct Answered {
    name: String,
    addresses: BTreeSet<IpAddr>,
    /// The packet of the first answer.
    packet: PacketId,
}

/// A name whose addresses were found, and not connected to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unused {
    name: String,
    addresses: Vec<IpAddr>,
    /// The packet of the first answer.
    packet: u64,
}

impl Names {
    /// Takes a DNS message.
    pub(super) fn observe(&mut self, message: &DnsMessage, now: Origin) {
        let asked = message.question.as_ref().filter(|question| question.kind.is_address());
        let Some(question) = asked.filter(|_| message.role == DnsRole::Answer) else { return };
        let found = message.addresses.iter().map(|found| found.address);
        if let Some(known) = self.list.iter_mut().find(|known| known.name == question.name) {
            known.addresses.extend(found.take(ADDRESSES.saturating_sub(known.addresses.len())));
        } else if self.list.len() < NAMES && !message.addresses.is_empty() {
            let addresses = found.take(ADDRESSES).collect();
            self.list.push(Answered { name: question.name.clone(), addresses, packet: now.packet });
        }
    }

    /// Remembers that a client turned to a server.
    pub(super) fn connected(&mut self, server: IpAddr) {
        if self.servers.len() < SERVERS {
            self.servers.insert(server);
        }
    }

    /// Names to whose addresses nobody connected; none where so many servers were seen that one may be
    /// forgotten.
    pub(super) fn unused(&self) -> Vec<Unused> {
        if self.servers.len() >= SERVERS {
            return Vec::new();
        }
        let is_unused = |it: &&Answered| it.addresses.is_disjoint(&self.servers);
        let unused = self.list.iter().filter(is_unused).take(TOLD);
        unused
            .map(|it| Unused {
                name: it.name.clone(),
                addresses: it.addresses.iter().copied().collect(),
                packet: it.packet.0,
            })
            .collect()
    }
}

impl Unused {
    /// `a.test was looked up (10.0.0.7, packet 2), and no TCP connection to it was tried`
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        escape(self.name.as_bytes(), LONGEST_NAME, &mut out);
        out.push_str(" was looked up (");
        for (place, address) in self.addresses.iter().enumerate() {
            write!(out, "{}{address}", if place > 0 { ", " } else { "" }).ok();
        }
        write!(
            out,
            ", packet {}), and no TCP connection to it was tried: compare it with the host in the URL, and \
             see whether the client gave up, or goes through a proxy",
            self.packet
        )
        .ok();
        out
    }
}

/// Names that are remembered.
const NAMES: usize = 64;

/// Addresses of a name that are remembered.
const ADDRESSES: usize = 8;

/// Servers that are remembered.
const SERVERS: usize = 1 << 12;

/// How many names are reported.
const TOLD: usize = 3;

/// Columns of a name at most.
const LONGEST_NAME: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{DnsAddress, DnsCode, DnsExtent, DnsKind, DnsQuestion, Endpoint};
    use crate::report::fixture::origin;

    fn answer(name: &str, addresses: &[&str]) -> DnsMessage {
        let host = |address: &str| Endpoint::new(address.parse().unwrap(), 53);
        let named = |address: &&str| DnsAddress {
            name: name.to_owned(),
            address: address.parse().unwrap(),
        };
        DnsMessage {
            source: host("10.0.0.53"),
            destination: host("10.0.0.1"),
            id: 7,
            role: DnsRole::Answer,
            code: DnsCode::NO_ERROR,
            question: Some(DnsQuestion { name: name.to_owned(), kind: DnsKind::A }),
            addresses: addresses.iter().map(named).collect(),
            truncated: DnsExtent::Whole,
        }
    }

    #[test]
    fn names_are_unused_until_one_of_their_addresses_is_a_server() {
        let rows: &[(&str, &[&str], &str, usize)] = &[
            ("nobody connects", &["10.0.0.7"], "10.0.0.9", 1),
            ("somebody does", &["10.0.0.7"], "10.0.0.7", 0),
            ("to one of two", &["10.0.0.7", "10.0.0.9"], "10.0.0.9", 0),
            ("there is no address", &[], "10.0.0.9", 0),
        ];
        for (name, addresses, server, expected) in rows {
            let mut names = Names::default();
            names.observe(&answer("a.test", addresses), origin(2));
            names.connected(server.parse().unwrap());
            assert_eq!(names.unused().len(), *expected, "{name}");
        }
    }

    #[test]
    fn name_of_the_network_is_escaped() {
        let mut names = Names::default();
        names.observe(&answer("a\u{1b}[2J.test", &["10.0.0.7"]), origin(2));
        let text = names.unused().first().unwrap().text();
        assert!(!text.contains('\u{1b}') && text.contains("(10.0.0.7, packet 2)"), "{text}");
    }
}
