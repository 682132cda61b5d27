//! The description of an interface that is captured on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::LinkType;

/// An interface that is captured on.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name in the system.
    pub name: String,
    /// How to decode the first bytes of its packets.
    pub link_type: LinkType,
    /// The longest part of a packet that is captured, in bytes.
    pub snap_length: u32,
    /// Which packets are captured, in tcpdump's syntax; all of them if absent.
    pub filter: Option<String>,
    /// What was lost so far.
    pub losses: Losses,
}

/// How many packets were captured and lost; clones share the counters.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    captured: AtomicU64,
    kernel: AtomicU64,
    interface: AtomicU64,
}

impl Losses {
    /// Packets that were captured and passed the filter.
    pub fn captured(&self) -> u64 {
        self.0.captured.load(Ordering::Relaxed)
    }

    /// Packets dropped because the kernel's buffer was full.
    pub fn kernel(&self) -> u64 {
        self.0.kernel.load(Ordering::Relaxed)
    }

    /// Packets dropped by the interface or its driver.
    pub fn interface(&self) -> u64 {
        self.0.interface.load(Ordering::Relaxed)
    }

    /// All lost packets.
    pub fn total(&self) -> u64 {
        self.kernel().saturating_add(self.interface())
    }

    /// Counts packets.
    #[cfg_attr(not(libpcap), allow(dead_code, reason = "only live capture counts"))]
    pub(super) fn add(&self, captured: u64, kernel: u32, interface: u32) {
        self.0.captured.fetch_add(captured, Ordering::Relaxed);
        self.0.kernel.fetch_add(u64::from(kernel), Ordering::Relaxed);
        self.0.interface.fetch_add(u64::from(interface), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_the_same_packets() {
        let losses = Losses::default();
        let same = losses.clone();
        same.add(10, 2, 0);
        losses.add(5, u32::MAX, 1);
        assert_eq!(
            (losses.captured(), losses.kernel(), losses.interface(), losses.total()),
            (15, 4_294_967_297, 1, 4_294_967_298)
        );
    }
}
