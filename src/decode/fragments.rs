//! Reassembly of IP fragments within limits.

use std::collections::BTreeMap;
use std::net::IpAddr;

use etherparse::IpNumber;
use etherparse::defrag::{IpDefragBuf, IpDefragError, IpFragRange, MAX_IP_DEFRAG_LEN};

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
    /// numbers are reused, so fragments far apart need not belong together.
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

    /// Keeps a fragment; returns the payload of its datagram once that is complete.
    ///
    /// If fragments overlap, the later one counts. (RFC 5722 requires such datagrams to be dropped, but
    /// which fragment the receiver saw first is not known.)
    ///
    /// # Errors
    ///
    /// - [`Reason::FragmentKept`] if more fragments are needed.
    /// - [`Reason::FragmentLimit`] if also a datagram was given up.
    /// - [`Reason::Malformed`] if it contradicts earlier fragments.
    /// - [`Reason::NotTcp`] if its datagram cannot carry TCP.
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
            // Only the first fragment of UDP has the ports; it decides for the others.
            self.remove(&key);
            self.push(key, Kept::new(Content::Ignored, time));
            self.enforce();
            return Err(Reason::NotTcp);
        }
        if first.is_some() && self.is_ignored(&key) {
            // The number was reused, this time for a tunnel.
            self.remove(&key);
        }
        if !self.datagrams.contains_key(&key) {
            let buffer = IpDefragBuf::new(datagram.protocol, Vec::new(), Vec::new());
            self.push(key, Kept::new(Content::Incomplete { buffer, intact: usize::MAX }, time));
        }
        let added = self.add(&key, datagram, fragment);
        if let Some(whole) = self.complete(&key) {
            return Ok(whole);
        }
        self.enforce();
        added?;
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

    /// Memory taken by all fragments, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.saturating_add(self.datagrams.len().saturating_mul(ENTRY))
    }

    /// Gives up the oldest datagrams, to save memory, until at most this much is taken.
    pub(super) fn evict(&mut self, memory: usize) {
        while self.memory() > memory && self.drop_oldest() {}
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
            // Zeros replace what the snap length cut, so that all fragments can be counted.
            let start = usize::from(fragment.offset.byte_offset());
            let length = bytes.len().saturating_add(missing);
            if start.saturating_add(length) > MAX_IP_DEFRAG_LEN {
                return Err(Reason::Malformed);
            }
            *intact = (*intact).min(start.saturating_add(bytes.len()));
            let mut padded = bytes.to_vec();
            padded.resize(length, 0);
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

    /// Removes the payload of a datagram if it is complete.
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

    /// Gives up the oldest datagram; returns whether there was one.
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
        /// The position up to which no fragment was cut by the snap length.
        intact: usize,
    },
    /// Nothing: it cannot carry TCP.
    Ignored,
}

/// Memory taken by the entries of a datagram in both tables, in bytes.
const ENTRY: usize = 2 * (size_of::<Key>() + size_of::<Kept>());

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::testkit::packet::{TCP, UDP, ipv4_fragment, ipv6_fragment, udp};

    const ICMP: u8 = 1;
    const SECOND: u64 = 1_000_000_000;

    /// What a fragment led to: a whole payload's length, or the reason.
    fn insert(fragments: &mut Fragments, bytes: &[u8], time: u64) -> Result<Whole, Reason> {
        cut(fragments, bytes, 0, time)
    }

    /// The same for a fragment without its last `missing` bytes.
    fn cut(
        fragments: &mut Fragments,
        bytes: &[u8],
        missing: usize,
        time: u64,
    ) -> Result<Whole, Reason> {
        let wire = Wire { bytes: &bytes[..bytes.len() - missing], missing };
        let datagram = Datagram::read(wire).unwrap();
        fragments.insert(&datagram, datagram.fragment.unwrap(), Timestamp(time))
    }

    #[test]
    fn fragments_in_any_order_become_the_payload() {
        let payload: Vec<u8> = (0..100).collect();
        let rows: [(&str, &[Range<usize>]); 6] = [
            ("in order", &[0..32, 32..64, 64..100]),
            ("last first", &[64..100, 32..64, 0..32]),
            ("first last", &[32..64, 64..100, 0..32]),
            ("one twice", &[0..32, 0..32, 64..100, 32..64]),
            ("overlapping", &[0..48, 64..100, 32..72]),
            ("one inside another", &[8..24, 0..64, 64..100]),
        ];
        for (name, ranges) in rows {
            for version in [4, 6] {
                let mut fragments = Fragments::default();
                for (index, range) in ranges.iter().enumerate() {
                    let bytes = match version {
                        4 => ipv4_fragment(TCP, 9, &payload, range.clone()),
                        _ => ipv6_fragment(TCP, 9, &payload, range.clone()),
                    };
                    let result = insert(&mut fragments, &bytes, 0);
                    if index + 1 < ranges.len() {
                        assert_eq!(result.err(), Some(Reason::FragmentKept), "{name}, {index}");
                    } else {
                        let whole = result.unwrap();
                        assert_eq!((whole.bytes, whole.missing), (payload.clone(), 0), "{name}");
                    }
                }
                assert_eq!((fragments.incomplete(), fragments.bytes), (0, 0), "{name}");
                assert!(fragments.order.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn datagrams_with_other_keys_stay_apart() {
        let (a, b) = ([1; 64], [2; 64]);
        let mut fragments = Fragments::default();
        for (name, bytes) in [
            ("first", ipv4_fragment(TCP, 1, &a, 0..32)),
            ("other number", ipv4_fragment(TCP, 2, &b, 32..64)),
            ("other protocol", ipv4_fragment(4, 1, &b, 32..64)),
            ("other version", ipv6_fragment(TCP, 1, &b, 32..64)),
        ] {
            let result = insert(&mut fragments, &bytes, 0);
            assert_eq!(result.err(), Some(Reason::FragmentKept), "{name}");
        }
        assert_eq!(fragments.incomplete(), 4);
        let whole = insert(&mut fragments, &ipv4_fragment(TCP, 1, &a, 32..64), 0).unwrap();
        assert_eq!(whole.bytes, a);
    }

    #[test]
    fn what_the_snap_length_cut_is_missing_from_there_on() {
        let payload: Vec<u8> = (0..96).collect();
        let last = ipv4_fragment(TCP, 9, &payload, 64..96);
        let middle = ipv4_fragment(TCP, 9, &payload, 32..64);
        let first = ipv4_fragment(TCP, 9, &payload, 0..32);
        for (name, missing, intact) in [
            ("the last one", [0, 0, 5], 91),
            ("the one in the middle", [0, 20, 0], 44),
            ("all of them", [8, 8, 8], 24),
        ] {
            let mut fragments = Fragments::default();
            assert!(cut(&mut fragments, &last, missing[2], 0).is_err());
            assert!(cut(&mut fragments, &middle, missing[1], 0).is_err());
            let whole = cut(&mut fragments, &first, missing[0], 0).unwrap();
            assert_eq!(whole.bytes, &payload[..intact], "{name}");
            assert_eq!(whole.missing, payload.len() - intact, "{name}");
        }
    }

    #[test]
    fn contradictions_are_malformed() {
        let payload = [7; 96];
        for (name, first, second) in
            [("after the end", 32..64, 64..96), ("two ends", 32..64, 32..56)]
        {
            let mut fragments = Fragments::default();
            let end = |range: Range<usize>| ipv4_fragment(TCP, 1, &payload[..range.end], range);
            assert_eq!(
                insert(&mut fragments, &end(first), 0).err(),
                Some(Reason::FragmentKept),
                "{name}"
            );
            assert_eq!(
                insert(&mut fragments, &end(second), 0).err(),
                Some(Reason::Malformed),
                "{name}"
            );
        }
        let mut beyond = ipv4_fragment(TCP, 1, &payload, 0..32);
        beyond[6..8].copy_from_slice(&[0x1f, 0xff]);
        let result = insert(&mut Fragments::default(), &beyond, 0);
        assert_eq!(result.err(), Some(Reason::Malformed), "longer than a datagram can be");
        let uneven = ipv4_fragment(TCP, 1, &payload, 0..33);
        let result = insert(&mut Fragments::default(), &uneven, 0);
        assert_eq!(result.err(), Some(Reason::Malformed), "no multiple of eight bytes");
    }

    #[test]
    fn the_oldest_is_given_up_when_there_are_too_many() {
        let payload = [7; 64];
        let limits = Limits { datagrams: 2, ..Limits::default() };
        let mut fragments = Fragments::new(limits);
        let first = |number| ipv4_fragment(TCP, number, &payload, 0..32);
        let last = |number| ipv4_fragment(TCP, number, &payload, 32..64);
        for (name, bytes, result) in [
            ("one", first(1), Some(Reason::FragmentKept)),
            ("two", first(2), Some(Reason::FragmentKept)),
            ("three, instead of one", first(3), Some(Reason::FragmentLimit)),
            ("two is still there", last(2), None),
            ("one is not, but there is room", last(1), Some(Reason::FragmentKept)),
            ("four, instead of three", first(4), Some(Reason::FragmentLimit)),
            ("three, instead of one", last(3), Some(Reason::FragmentLimit)),
        ] {
            assert_eq!(insert(&mut fragments, &bytes, 0).err(), result, "{name}");
        }
        assert_eq!((fragments.dropped(), fragments.incomplete()), (3, 2));
    }

    #[test]
    fn memory_stays_within_its_limit() {
        let payload = vec![7; 60_000];
        let limits = Limits { bytes: 200_000, ..Limits::default() };
        let mut fragments = Fragments::new(limits);
        for number in 0..500 {
            // The end of a datagram alone reserves memory for all of it.
            let end = ipv4_fragment(TCP, number, &payload, 59_992..60_000);
            assert!(insert(&mut fragments, &end, 0).is_err());
            let kept: usize = fragments.datagrams.values().map(Kept::memory).sum();
            assert_eq!(kept, fragments.bytes);
            assert!(kept <= limits.bytes, "{kept}");
            assert_eq!(fragments.order.len(), fragments.datagrams.len());
        }
        assert_eq!(fragments.dropped(), 500 - u64::try_from(fragments.incomplete()).unwrap());
        let nothing = Limits { bytes: 0, ..limits };
        let result =
            insert(&mut Fragments::new(nothing), &ipv4_fragment(TCP, 1, &payload, 0..8), 0);
        assert_eq!(result.err(), Some(Reason::FragmentLimit), "no memory at all");
    }

    #[test]
    fn malformed_fragments_are_limited_too() {
        let limits = Limits { datagrams: 4, ..Limits::default() };
        let mut fragments = Fragments::new(limits);
        for number in 0..100 {
            let uneven = ipv4_fragment(TCP, number, &[7; 64], 0..33);
            let result = insert(&mut fragments, &uneven, 0);
            assert_eq!(result.err(), Some(Reason::Malformed), "{number}");
            assert!(fragments.datagrams.len() <= limits.datagrams, "{number}");
        }
        // Without a length in its header, the packet's length on the wire counts: any number.
        let mut endless = ipv4_fragment(TCP, 1, &[7; 64], 0..32);
        endless[2..4].fill(0);
        let wire = Wire { bytes: &endless, missing: usize::MAX };
        let datagram = Datagram::read(wire).unwrap();
        let result = fragments.insert(&datagram, datagram.fragment.unwrap(), Timestamp(0));
        assert_eq!(result.err(), Some(Reason::Malformed), "longer than a datagram can be");
    }

    #[test]
    fn old_fragments_do_not_meet_new_ones() {
        let payload = [7; 64];
        let mut fragments = Fragments::default();
        let (first, last) =
            (ipv4_fragment(TCP, 1, &payload, 0..32), ipv4_fragment(TCP, 1, &payload, 32..64));
        assert_eq!(insert(&mut fragments, &first, SECOND).err(), Some(Reason::FragmentKept));
        let late = insert(&mut fragments, &last, 32 * SECOND);
        assert_eq!(late.err(), Some(Reason::FragmentLimit));
        let in_time = insert(&mut fragments, &first, 62 * SECOND).unwrap();
        assert_eq!(in_time.bytes, payload);
        let backwards = insert(&mut fragments, &first, 0);
        assert_eq!(backwards.err(), Some(Reason::FragmentKept), "the clock may run backwards");
    }

    #[test]
    fn datagrams_that_cannot_carry_tcp_take_no_room() {
        let dns = udp(53, &[7; 56]);
        let vxlan = udp(4789, &[7; 56]);
        let mut fragments = Fragments::default();
        for (name, bytes, result) in [
            ("ICMP", ipv4_fragment(ICMP, 1, &dns, 0..32), Some(Reason::NotTcp)),
            ("DNS", ipv4_fragment(UDP, 1, &dns, 0..32), Some(Reason::NotTcp)),
            ("DNS, the rest", ipv4_fragment(UDP, 1, &dns, 32..64), Some(Reason::NotTcp)),
            ("number used again", ipv4_fragment(UDP, 1, &vxlan, 0..32), Some(Reason::FragmentKept)),
            ("the rest of that", ipv4_fragment(UDP, 1, &vxlan, 32..64), None),
            (
                "DNS, the rest first",
                ipv4_fragment(UDP, 2, &dns, 32..64),
                Some(Reason::FragmentKept),
            ),
            ("then DNS", ipv4_fragment(UDP, 2, &dns, 0..32), Some(Reason::NotTcp)),
        ] {
            assert_eq!(insert(&mut fragments, &bytes, 0).err(), result, "{name}");
        }
        assert_eq!((fragments.incomplete(), fragments.bytes, fragments.dropped()), (0, 0, 0));
    }
}
