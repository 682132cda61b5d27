//! What is counted of the capture as a whole.

use crate::analysis::event::CaptureEvent;
use crate::decode::Reason;

/// Counters of what a capture does not show, beside its connections.
#[derive(Clone, Debug, Default)]
pub struct CaptureMemory {
    /// Packets cut by the snap length.
    pub cut_packets: u64,
    /// Packets that have an earlier time than the one before.
    pub clock_steps: u64,
    /// The largest of these steps, in nanoseconds.
    pub largest_clock_step: u64,
    /// Packets too short or contradictory below TCP.
    pub malformed: u64,
    /// Packets with too many tunnels inside one another.
    pub too_deep: u64,
    /// IP datagrams given up because too many were incomplete.
    pub fragment_limits: u64,
    /// Link types that are not supported, and how many packets had them.
    pub link_types: Vec<(u32, u64)>,
    /// Encapsulations that cannot be read, and how many packets had them.
    pub encapsulations: Vec<(&'static str, u64)>,
}

impl CaptureMemory {
    /// Counts an event.
    pub fn observe(&mut self, event: CaptureEvent) {
        match event {
            CaptureEvent::Undecoded(Reason::LinkType(link_type)) => {
                count(&mut self.link_types, link_type);
            }
            CaptureEvent::Undecoded(Reason::Encapsulation(name)) => {
                count(&mut self.encapsulations, name);
            }
            CaptureEvent::Undecoded(Reason::Malformed) => add(&mut self.malformed),
            CaptureEvent::Undecoded(Reason::TooDeep) => add(&mut self.too_deep),
            CaptureEvent::Undecoded(Reason::FragmentLimit) => add(&mut self.fragment_limits),
            // A packet that was cut is reported as such, too.
            CaptureEvent::Undecoded(Reason::Cut | Reason::NotTcp | Reason::FragmentKept) => {}
            CaptureEvent::CutPacket { .. } => add(&mut self.cut_packets),
            CaptureEvent::ClockBackwards(step) => {
                add(&mut self.clock_steps);
                self.largest_clock_step = self.largest_clock_step.max(step);
            }
        }
    }
}

fn count<T: PartialEq>(list: &mut Vec<(T, u64)>, what: T) {
    match list.iter_mut().find(|(known, _)| *known == what) {
        Some((_, packets)) => add(packets),
        None => list.push((what, 1)),
    }
}

fn add(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
