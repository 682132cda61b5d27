//! IP fragments, put together within limits.

use std::collections::BTreeMap;
use std::net::IpAddr;

use etherparse::IpNumber;
use etherparse::defrag::{IpDefragBuf, IpDefragError, IpFragRange};

use super::Reason;
use super::ip::{Datagram, Fragment};
use super::tunnel;
use super::wire::Wire;
use crate::stream::Timestamp;

/// How much memory incomplete IP datagrams may take, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Datagrams kept at the same time.
    pub datagrams: usize,
    /// Bytes reserved for all of them together.
    pub bytes: usize,
    /// Nanoseconds of capture time after which an incomplete datagram is given up. Identification
    /// numbers come round again, so fragments far apart need not belong together.
    pub age: u64,
}

impl Default for Limits {
    fn default() -> Self {
        // The time is that of Linux (`net.ipv4.ipfrag_time`).
        Self { datagrams: 1024, bytes: 16 << 20, age: 30_000_000_000 }
    }
}

/// Incomplete datagrams, and how many had to be given up.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    limits: Limits,
    datagrams: BTreeMap<Key, Kept>,
    /// Keys in the order in which they came, which is that in which they are given up.
    order: BTreeMap<u64, Key>,
    /// Memory of all `datagrams`.
    bytes: usize,
    /// Serial number of the next datagram.
    next: u64,
    dropped: u64,
    /// How many of those dropped were reported.
    reported: u64,
}

/// A payload put together from fragments.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its captured bytes up to the first that is missing.
    pub(super) bytes: Vec<u8>,
    /// Bytes from there to its end.
    pub(super) missing: usize,
}

impl Fragments {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Keeps a fragment; gives the payload of its datagram when that is whole.
    ///
    /// Where fragments overlap, the later one counts. (RFC 5722 wants such datagrams dropped, but
    /// which fragment the receiver saw first cannot be known.)
    ///
    /// # Errors
    ///
    /// - [`Reason::FragmentKept`] when more fragments are needed.
    /// - [`Reason::FragmentLimit`] when, besides, a datagram was given up.
    /// - [`Reason::Malformed`] when it contradicts the fragments before.
    /// - [`Reason::NotTcp`] when its datagram cannot carry TCP.
    pub(super) fn insert(
        &mut self,
        datagram: &Datagram<'_>,
        fragment: Fragment,
        time: Timestamp,
    ) -> Result<Whole, Reason> {
        let first = (fragment.offset.value() == 0).then_some(datagram.payload);
        let carries = tunnel::may_carry_tcp(datagram.protocol, first);
        if !carries && datagram.protocol != IpNumber::UDP {
            return Err(Reason::NotTcp);
        }
        self.expire(time);
        let key = Key {
            source: datagram.source,
            destination: datagram.destination,
            protocol: datagram.protocol.0,
            identification: fragment.identification,
        };
        if !carries {
            // Only the first fragment of UDP has the ports; it speaks for the others.
            self.remove(&key);
            self.push(key, Kept::new(Content::Ignored, time));
            self.enforce();
            return Err(Reason::NotTcp);
        }
        if first.is_some() && self.is_ignored(&key) {
            // The number came round again, this time with a tunnel.
            self.remove(&key);
        }
        if !self.datagrams.contains_key(&key) {
            let buffer = IpDefragBuf::new(datagram.protocol, Vec::new(), Vec::new());
            self.push(key, Kept::new(Content::Incomplete { buffer, intact: usize::MAX }, time));
        }
        self.add(&key, datagram, fragment)?;
        if let Some(whole) = self.complete(&key) {
            return Ok(whole);
        }
        self.enforce();
        if self.reported < self.dropped {
            self.reported += 1;
            return Err(Reason::FragmentLimit);
        }
        Err(Reason::FragmentKept)
    }

    /// Datagrams that were given up because a limit was reached.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Datagrams that still wait for fragments.
    pub(super) fn incomplete(&self) -> usize {
        let waits = |kept: &&Kept| matches!(kept.content, Content::Incomplete { .. });
        self.datagrams.values().filter(waits).count()
    }

    /// Adds a fragment to its datagram.
    fn add(
        &mut self,
        key: &Key,
        datagram: &Datagram<'_>,
        fragment: Fragment,
    ) -> Result<(), Reason> {
        let Some(kept) = self.datagrams.get_mut(key) else { return Err(Reason::Malformed) };
        let before = kept.memory();
        let Content::Incomplete { buffer, intact } = &mut kept.content else {
            return Err(Reason::NotTcp);
        };
        let Wire { bytes, missing } = datagram.payload;
        let result = if missing == 0 {
            buffer.add(fragment.offset, fragment.more, bytes)
        } else {
            // Zeros stand for what the snap length cut, so that all fragments can be counted.
            let start = usize::from(fragment.offset.byte_offset());
            *intact = (*intact).min(start.saturating_add(bytes.len()));
            let mut padded = bytes.to_vec();
            padded.resize(bytes.len().saturating_add(missing), 0);
            buffer.add(fragment.offset, fragment.more, &padded)
        };
        self.bytes = self.bytes.saturating_sub(before).saturating_add(kept.memory());
        result.map_err(|error| match error {
            IpDefragError::AllocationFailure { .. } => Reason::FragmentLimit,
            IpDefragError::UnalignedFragmentPayloadLen { .. }
            | IpDefragError::SegmentTooBig { .. }
            | IpDefragError::ConflictingEnd { .. } => Reason::Malformed,
        })
    }

    /// Takes the payload of a datagram out if it is whole.
    fn complete(&mut self, key: &Key) -> Option<Whole> {
        match &self.datagrams.get(key)?.content {
            Content::Incomplete { buffer, .. } if buffer.is_complete() => {}
            Content::Incomplete { .. } | Content::Ignored => return None,
        }
        let Content::Incomplete { buffer, intact } = self.remove(key)?.content else {
            return None;
        };
        let (mut bytes, _) = buffer.take_bufs();
        let missing = bytes.len().saturating_sub(intact);
        bytes.truncate(intact);
        Some(Whole { bytes, missing })
    }

    fn is_ignored(&self, key: &Key) -> bool {
        self.datagrams.get(key).is_some_and(|kept| matches!(kept.content, Content::Ignored))
    }

    fn push(&mut self, key: Key, mut kept: Kept) {
        kept.serial = self.next;
        self.next += 1;
        self.bytes = self.bytes.saturating_add(kept.memory());
        self.order.insert(kept.serial, key);
        self.datagrams.insert(key, kept);
    }

    fn remove(&mut self, key: &Key) -> Option<Kept> {
        let kept = self.datagrams.remove(key)?;
        self.order.remove(&kept.serial);
        self.bytes = self.bytes.saturating_sub(kept.memory());
        Some(kept)
    }

    /// Gives up datagrams that have been waiting too long.
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.order.first_key_value() {
            let since = self.datagrams.get(key).map(|kept| now.since(kept.since));
            if since.is_some_and(|age| age <= self.limits.age) {
                break;
            }
            self.drop_oldest();
        }
    }

    /// Gives up the oldest datagrams until the limits hold.
    fn enforce(&mut self) {
        while self.datagrams.len() > self.limits.datagrams || self.bytes > self.limits.bytes {
            if !self.drop_oldest() {
                break;
            }
        }
    }

    /// Gives up the oldest datagram and says whether there was one.
    fn drop_oldest(&mut self) -> bool {
        let Some((_, key)) = self.order.pop_first() else { return false };
        if let Some(Kept { content: Content::Incomplete { .. }, .. }) = self.remove(&key) {
            self.dropped += 1;
        }
        true
    }
}

/// What the fragments of one datagram have in common (RFC 791, section 2.3; RFC 8200, section 4.5).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

/// A datagram of which a fragment was seen.
#[derive(Debug)]
struct Kept {
    content: Content,
    /// When its first fragment came.
    since: Timestamp,
    /// Its place in the order of arrival.
    serial: u64,
}

impl Kept {
    fn new(content: Content, since: Timestamp) -> Self {
        Self { content, since, serial: 0 }
    }

    /// Bytes reserved for it.
    fn memory(&self) -> usize {
        match &self.content {
            Content::Incomplete { buffer, .. } => {
                let sections = buffer.sections().capacity() * size_of::<IpFragRange>();
                buffer.data().capacity() + sections
            }
            Content::Ignored => 0,
        }
    }
}

/// What is kept of a datagram.
#[derive(Debug)]
enum Content {
    /// Its fragments.
    Incomplete {
        buffer: IpDefragBuf,
        /// Up to where no fragment was cut by the snap length.
        intact: usize,
    },
    /// Nothing: it cannot carry TCP.
    Ignored,
}
