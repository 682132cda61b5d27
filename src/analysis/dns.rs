//! By which name an address was looked up.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::decode::{DnsMessage, DnsRole};
use crate::stream::Origin;

/// How the address of a server was looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lookup {
    /// The name that was asked for, as in [`DnsQuestion::name`](crate::decode::DnsQuestion).
    pub name: String,
    /// The packet of the question, where the capture holds it.
    pub question: Option<Origin>,
    /// The packet of the answer.
    pub answer: Origin,
    /// Who answered.
    pub resolver: SocketAddr,
}

impl Lookup {
    /// Nanoseconds from the question to the answer.
    pub fn duration(&self) -> Option<u64> {
        self.answer.time.measured_since(self.question?.time)
    }
}

/// The latest lookup of each address.
#[derive(Debug)]
pub(super) struct DnsNames {
    by_address: HashMap<IpAddr, Arc<Lookup>>,
    /// The addresses in the order in which they were first looked up: the oldest is forgotten first.
    order: VecDeque<IpAddr>,
    /// Questions that have no answer yet, oldest first.
    open: VecDeque<OpenQuestion>,
}

/// A question that has no answer yet.
#[derive(Debug)]
struct OpenQuestion {
    id: u16,
    by: SocketAddr,
    name: String,
    at: Origin,
}

impl Default for DnsNames {
    fn default() -> Self {
        Self { by_address: HashMap::new(), order: VecDeque::new(), open: VecDeque::new() }
    }
}

impl DnsNames {
    /// The latest lookup that an address came from.
    pub(super) fn of(&self, address: IpAddr) -> Option<Arc<Lookup>> {
        self.by_address.get(&address).cloned()
    }

    /// Takes a DNS message.
    pub(super) fn observe(&mut self, message: &DnsMessage, now: Origin) {
        match message.role {
            DnsRole::Question => self.question(message, now),
            DnsRole::Answer => self.answer(message, now),
        }
    }

    fn question(&mut self, message: &DnsMessage, now: Origin) {
        let Some(question) = &message.question else { return };
        let (id, by) = (message.id, message.source.socket_address());
        // A repetition: the time of the first one counts.
        if self.find(id, by, &question.name).is_some() {
            return;
        }
        if self.open.len() >= OPEN_QUESTIONS {
            self.open.pop_front();
        }
        self.open.push_back(OpenQuestion { id, by, name: question.name.clone(), at: now });
    }

    fn answer(&mut self, message: &DnsMessage, now: Origin) {
        let resolver = message.source.socket_address();
        let asked = message.question.as_ref().and_then(|question| {
            let place =
                self.find(message.id, message.destination.socket_address(), &question.name)?;
            self.open.remove(place)
        });
        for found in &message.addresses {
            // All addresses belong to the name in the question, including those reached through aliases.
            let name = message.question.as_ref().map_or(&found.name, |question| &question.name);
            let lookup = Lookup {
                name: name.clone(),
                question: asked.as_ref().map(|asked| asked.at),
                answer: now,
                resolver,
            };
            self.remember(found.address, lookup);
        }
    }

    fn find(&self, id: u16, by: SocketAddr, name: &str) -> Option<usize> {
        self.open.iter().position(|open| open.id == id && open.by == by && open.name == name)
    }

    fn remember(&mut self, address: IpAddr, lookup: Lookup) {
        if self.by_address.insert(address, Arc::new(lookup)).is_some() {
            return;
        }
        self.order.push_back(address);
        if self.order.len() > ADDRESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_address.remove(&oldest);
        }
    }
}

/// Addresses whose names are remembered.
const ADDRESSES: usize = 1 << 12;

/// Questions that may wait for their answers: a resolver gives up after seconds.
const OPEN_QUESTIONS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{DnsAddress, DnsCode, DnsExtent, DnsKind, DnsQuestion, Endpoint};
    use crate::stream::{PacketId, Timestamp};

    fn at(packet: u64) -> Origin {
        Origin { packet: PacketId(packet), time: Timestamp(packet * 1_000) }
    }

    fn endpoint(text: &str) -> Endpoint {
        let address: SocketAddr = text.parse().unwrap();
        Endpoint::new(address.ip(), address.port())
    }

    fn message(role: DnsRole, id: u16, name: &str, addresses: &[(&str, &str)]) -> DnsMessage {
        let (client, resolver) = (endpoint("10.0.0.1:40000"), endpoint("10.0.0.53:53"));
        let (source, destination) = match role {
            DnsRole::Question => (client, resolver),
            DnsRole::Answer => (resolver, client),
        };
        DnsMessage {
            source,
            destination,
            id,
            role,
            code: DnsCode::NO_ERROR,
            question: Some(DnsQuestion { name: name.to_owned(), kind: DnsKind::A }),
            addresses: addresses
                .iter()
                .map(|(name, address)| DnsAddress {
                    name: (*name).to_owned(),
                    address: address.parse().unwrap(),
                })
                .collect(),
            truncated: DnsExtent::Whole,
        }
    }

    #[test]
    fn an_address_has_the_name_that_was_asked_for() {
        let mut lookups = DnsNames::default();
        lookups.observe(&message(DnsRole::Question, 7, "a.test", &[]), at(1));
        lookups.observe(&message(DnsRole::Question, 7, "a.test", &[]), at(2));
        let through_an_alias = [("cdn.test", "10.0.0.2")];
        lookups.observe(&message(DnsRole::Answer, 7, "a.test", &through_an_alias), at(5));
        let lookup = lookups.of("10.0.0.2".parse().unwrap()).unwrap();
        assert_eq!((lookup.name.as_str(), lookup.question), ("a.test", Some(at(1))));
        assert_eq!(lookup.duration(), Some(4_000));
        assert_eq!(lookups.of("10.0.0.3".parse().unwrap()), None);
    }

    #[test]
    fn an_answer_whose_question_was_not_captured_is_as_good() {
        let mut lookups = DnsNames::default();
        lookups.observe(&message(DnsRole::Answer, 7, "a.test", &[("a.test", "10.0.0.2")]), at(5));
        let lookup = lookups.of("10.0.0.2".parse().unwrap()).unwrap();
        assert_eq!((lookup.question, lookup.duration()), (None, None));
    }

    #[test]
    fn memory_is_bounded() {
        let mut lookups = DnsNames::default();
        for number in 0..u16::try_from(ADDRESSES).unwrap() + 10 {
            let [high, low] = number.to_be_bytes();
            let address = format!("10.0.{high}.{low}");
            lookups.observe(&message(DnsRole::Question, number, "b.test", &[]), at(1));
            lookups.observe(&message(DnsRole::Question, number, "a.test", &[]), at(1));
            let told = message(DnsRole::Answer, number, "a.test", &[("a.test", &address)]);
            lookups.observe(&told, at(2));
        }
        assert_eq!((lookups.by_address.len(), lookups.order.len()), (ADDRESSES, ADDRESSES));
        assert_eq!(lookups.open.len(), OPEN_QUESTIONS - 1);
        assert_eq!(lookups.of("10.0.0.0".parse().unwrap()), None);
    }
}
