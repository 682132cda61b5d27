//! Names that were asked for in DNS, and how that went.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::decode::{DnsCode, DnsExtent, DnsKind, DnsMessage, DnsRole};
use crate::http::Handshake;
use crate::stream::{Origin, Timestamp};

/// Names that were asked for, oldest first.
#[derive(Debug, Default)]
pub(crate) struct QueriedNames {
    list: VecDeque<QueriedName>,
    /// Hosts of which a WebSocket was asked, in lower case.
    hosts: BTreeSet<String>,
    /// Resolvers of which any response was captured.
    responders: BTreeSet<SocketAddr>,
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
    /// What was asked of each family of addresses.
    pub(crate) ipv4: FamilyQuery,
    pub(crate) ipv6: FamilyQuery,
    /// Whether an address came, or may have come in a way that is not seen.
    is_resolved: bool,
}

/// The questions for the addresses of one family, and how they were answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FamilyQuery {
    pub(crate) questions: u64,
    /// The first and the latest question.
    asked: Option<[Origin; 2]>,
    /// The latest answer without an address.
    denial: Option<DnsCode>,
}

/// Why a name did not resolve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NameFailure {
    /// It was answered without an address.
    Denied(DnsCode),
    /// A resolver that answers otherwise did not answer.
    Unanswered,
    /// No response of its resolver was captured at all, and the client asked again, so that it got none.
    ResolverSilent,
    /// No response was captured, but nothing shows that none came.
    Unknown,
}

impl QueriedNames {
    /// Remembers a message. Multicast DNS (RFC 6762) and LLMNR (RFC 4795), which ask the whole network and
    /// expect no answer from most of it, are skipped.
    pub(crate) fn observe(&mut self, message: &DnsMessage, now: Origin) {
        self.latest = self.latest.max(now.time);
        match message.role {
            DnsRole::Question if message.destination.port == DNS_PORT => {
                self.question(message, now);
            }
            DnsRole::Answer if message.source.port == DNS_PORT => self.answer(message, now),
            DnsRole::Question | DnsRole::Answer => {}
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

    /// Names that got no address, in the order in which they were asked for, and why. One that was tried
    /// with several search domains is among them once.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&QueriedName, NameFailure)> {
        let failed = self.list.iter().filter_map(|asked| Some((asked, self.failure(asked)?)));
        failed.filter(|(asked, _)| !self.is_variant(asked))
    }

    /// Nanoseconds for which the capture continued after the latest question for a name.
    pub(crate) fn watched(&self, asked: &QueriedName) -> u64 {
        self.latest.waited_since(asked.last.time)
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
            asked.last = now;
            asked.family(question.kind).ask(now);
            return;
        }
        if self.list.len() >= REMEMBERED {
            self.list.pop_front();
        }
        let mut asked = QueriedName {
            name: question.name.clone(),
            resolver: message.destination.socket_address(),
            first: now,
            last: now,
            ipv4: FamilyQuery::default(),
            ipv6: FamilyQuery::default(),
            is_resolved: false,
        };
        asked.family(question.kind).ask(now);
        self.list.push_back(asked);
    }

    fn answer(&mut self, message: &DnsMessage, now: Origin) {
        if self.responders.len() < RESPONDERS {
            self.responders.insert(message.source.socket_address());
        }
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
        let denial = &mut asked.family(question.kind).denial;
        if denial.is_none_or(|known| known == DnsCode::NO_ERROR) {
            *denial = Some(message.code);
        }
        if !message.addresses.is_empty() || message.truncated == DnsExtent::Truncated {
            asked.is_resolved = true;
        }
    }

    fn find(&mut self, name: &str) -> Option<&mut QueriedName> {
        self.list.iter_mut().rev().find(|asked| asked.name == name)
    }

    fn failure(&self, asked: &QueriedName) -> Option<NameFailure> {
        if asked.is_resolved {
            return None;
        }
        if let Some(code) = asked.denial() {
            return Some(NameFailure::Denied(code));
        }
        // Of a name without IPv6 addresses, the IPv4 addresses may be known already.
        if asked.ipv6.denial.is_some() && asked.ipv4.questions == 0 {
            return None;
        }
        let is_repeated = asked.is_repeated();
        let is_late = self.latest.waited_since(asked.first.time) >= SILENCE;
        if self.responders.contains(&asked.resolver) {
            return is_late.then_some(NameFailure::Unanswered);
        }
        if is_late && is_repeated {
            return Some(NameFailure::ResolverSilent);
        }
        (asked.questions() > 1).then_some(NameFailure::Unknown)
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

impl QueriedName {
    /// How often it was asked for.
    pub(crate) fn questions(&self) -> u64 {
        self.ipv4.questions.saturating_add(self.ipv6.questions)
    }

    /// Whether the client asked for the same again after some time: no answer had reached it.
    pub(crate) fn is_repeated(&self) -> bool {
        [self.ipv4, self.ipv6].iter().any(|family| {
            family
                .asked
                .is_some_and(|[first, last]| last.time.waited_since(first.time) >= REPETITION)
        })
    }

    /// Why there is no such name, or no address of it; `None` if only IPv6 addresses are missing.
    fn denial(&self) -> Option<DnsCode> {
        let has_no_ipv6 = |code: &DnsCode| *code != DnsCode::NO_ERROR;
        self.ipv4.denial.or_else(|| self.ipv6.denial.filter(has_no_ipv6))
    }

    fn family(&mut self, kind: DnsKind) -> &mut FamilyQuery {
        if kind == DnsKind::AAAA { &mut self.ipv6 } else { &mut self.ipv4 }
    }
}

impl FamilyQuery {
    fn ask(&mut self, now: Origin) {
        self.questions = self.questions.saturating_add(1);
        let [first, _] = self.asked.unwrap_or([now, now]);
        self.asked = Some([first, now]);
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

/// Nanoseconds after which the same question is a repetition, and not that of another program.
const REPETITION: u64 = 900_000_000;

/// Resolvers that are remembered.
const RESPONDERS: usize = 64;

/// RFC 1035 §4.2.
const DNS_PORT: u16 = 53;
