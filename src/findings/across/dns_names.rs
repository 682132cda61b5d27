//! Names that were asked for in DNS, and how that went.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::decode::{DnsCode, DnsExtent, DnsMessage, DnsRole};
use crate::http::Handshake;
use crate::stream::{Origin, Timestamp};

/// Names that were asked for, oldest first.
#[derive(Debug, Default)]
pub(crate) struct QueriedNames {
    list: VecDeque<QueriedName>,
    /// Hosts of which a WebSocket was asked, in lower case.
    hosts: BTreeSet<String>,
    /// The time up to which packets are known.
    pub(crate) latest: Timestamp,
}

/// A name whose addresses were asked for.
#[derive(Clone, Debug)]
pub(crate) struct QueriedName {
    pub(crate) name: String,
    /// Who was asked.
    pub(crate) resolver: SocketAddr,
    /// The first question.
    pub(crate) first: Origin,
    /// The latest question or answer.
    pub(crate) last: Origin,
    pub(crate) questions: u64,
    /// The latest answer without an address.
    pub(crate) denial: Option<DnsCode>,
    /// Whether an address came, or may have come in a way that is not seen.
    pub(crate) is_resolved: bool,
}

impl QueriedNames {
    /// Remembers a message.
    pub(crate) fn observe(&mut self, message: &DnsMessage, now: Origin) {
        self.latest = self.latest.max(now.time);
        match message.role {
            DnsRole::Question => self.question(message, now),
            DnsRole::Answer => self.answer(message, now),
        }
    }

    /// Remembers which host a handshake is for.
    pub(crate) fn wanted(&mut self, handshake: &Handshake) {
        if let Some(host) = handshake.host().and_then(|host| std::str::from_utf8(host).ok()) {
            self.used(host.rsplit_once(':').map_or(host, |(name, _)| name));
        }
    }

    /// Remembers the name of a host that a WebSocket was asked of.
    pub(crate) fn used(&mut self, name: &str) {
        let is_name = name.len() <= LONGEST_HOST && name.parse::<IpAddr>().is_err();
        if is_name && self.hosts.len() < HOSTS {
            self.hosts.insert(name.to_ascii_lowercase());
        }
    }

    /// Names that got no address, in the order in which they were asked for. One that was tried with
    /// several search domains is among them once.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &QueriedName> {
        self.list.iter().filter(|asked| self.has_failed(asked) && !self.is_variant(asked))
    }

    /// Whether a WebSocket was asked of this host, or for a neighbor in its domain.
    pub(crate) fn is_related(&self, name: &str) -> bool {
        let domain = domain(name);
        self.hosts
            .iter()
            .any(|host| host == name || (domain.is_some() && self::domain(host) == domain))
    }

    fn question(&mut self, message: &DnsMessage, now: Origin) {
        let Some(question) = message.question.as_ref().filter(|it| it.kind.is_address()) else {
            return;
        };
        if let Some(asked) = self.find(&question.name) {
            asked.questions = asked.questions.saturating_add(1);
            asked.last = now;
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        self.list.push_back(QueriedName {
            name: question.name.clone(),
            resolver: message.destination.socket_address(),
            first: now,
            last: now,
            questions: 1,
            denial: None,
            is_resolved: false,
        });
    }

    fn answer(&mut self, message: &DnsMessage, now: Origin) {
        for address in &message.addresses {
            if let Some(asked) = self.find(&address.name) {
                asked.is_resolved = true;
            }
        }
        let Some(question) = message.question.as_ref().filter(|it| it.kind.is_address()) else {
            return;
        };
        let Some(asked) = self.find(&question.name) else { return };
        asked.last = now;
        asked.resolver = message.source.socket_address();
        if !message.addresses.is_empty() || message.truncated == DnsExtent::Truncated {
            asked.is_resolved = true;
        } else if asked.denial.is_none_or(|known| known == DnsCode::NO_ERROR) {
            asked.denial = Some(message.code);
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut QueriedName> {
        self.list.iter_mut().rev().find(|asked| asked.name == name)
    }

    fn has_failed(&self, asked: &QueriedName) -> bool {
        // A question without answer says nothing until some time has passed.
        let waited = self.latest.since(asked.first.time);
        let is_silent = asked.denial.is_none() && waited >= SILENCE;
        !asked.is_resolved && (asked.denial.is_some() || is_silent)
    }

    /// Whether a name was asked for on behalf of another: with a search domain after it that did no
    /// good, or before the one that did.
    fn is_variant(&self, asked: &QueriedName) -> bool {
        let is_longer = |long: &str, short: &str| {
            long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'))
        };
        let is_next = |other: &QueriedName| {
            other.first.packet > asked.first.packet
                && other.first.time.since(asked.last.time) <= NEXT_DOMAIN
                && first_label(&other.name) == first_label(&asked.name)
        };
        self.list.iter().any(|other| {
            is_longer(&asked.name, &other.name)
                || (other.is_resolved && (is_longer(&other.name, &asked.name) || is_next(other)))
        })
    }
}

fn first_label(name: &str) -> Option<&str> {
    name.split('.').next()
}

/// The last two labels of a name that has more than one.
fn domain(name: &str) -> Option<&str> {
    let (before, _) = name.rsplit_once('.')?;
    let start = before.rfind('.').map_or(0, |at| at.saturating_add(1));
    name.get(start..)
}

/// Names that are remembered.
const REMEMBERED: usize = 1 << 10;

/// Hosts of handshakes that are remembered.
const HOSTS: usize = 1 << 8;

/// Bytes of a name (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 255;

/// Nanoseconds within which a resolver continues to the next search domain.
const NEXT_DOMAIN: u64 = 200_000_000;

/// Nanoseconds after which a question has no answer: resolvers ask again after one to five seconds.
const SILENCE: u64 = 2_000_000_000;
