//! The thread that takes packets of one interface from the kernel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::pcap::{Active, Capture, Error as PcapError, Stat};

use super::error_text::Doing;
use super::libpcap::failed;
use super::queue::{Batch, Queue};
use crate::capture::clock;
use crate::capture::{Error, Interface};
use crate::stream::{Timestamp, length_u64};

/// Takes packets of one interface until stopped.
pub(super) struct CaptureThread {
    /// Index of the interface among those captured on.
    source: usize,
    capture: Capture<Active>,
    interface: Interface,
    until: Until,
    /// The system's counts when last read.
    counted: DropCounts,
}

/// When to stop.
#[derive(Clone)]
pub(super) struct Until {
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Until {
    /// Until `stop` is set, or the duration has passed.
    pub(super) fn new(stop: Arc<AtomicBool>, duration: Option<Duration>) -> Self {
        Self { stop, deadline: duration.and_then(|duration| now().checked_add(duration)) }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|it| now() >= it)
    }

    /// How long one poll waits for packets.
    fn poll_timeout(&self) -> Duration {
        self.deadline.map_or(POLL_TIMEOUT, |deadline| {
            deadline.saturating_duration_since(now()).clamp(SHORT_POLL_TIMEOUT, POLL_TIMEOUT)
        })
    }
}

/// Counts of the system, which wrap around.
#[derive(Clone, Copy, Debug, Default)]
struct DropCounts {
    kernel: u32,
    interface: u32,
}

/// The result of requesting packets.
enum Came {
    /// At least one packet.
    Packets,
    /// No packet yet.
    Nothing,
    /// No more packets.
    End,
}

impl CaptureThread {
    pub(super) fn new(
        source: usize,
        capture: Capture<Active>,
        interface: Interface,
        until: Until,
    ) -> Self {
        Self { source, capture, interface, until, counted: DropCounts::default() }
    }

    /// Moves packets to the queue until the end.
    pub(super) fn run(mut self, queue: &Queue) {
        let failure = self.take_all(queue).err();
        self.count(0);
        queue.end(failure);
    }

    fn take_all(&mut self, queue: &Queue) -> Result<(), Error> {
        let mut looked = now();
        let mut ending = None;
        loop {
            let mut batch = queue.batch(self.source);
            let came = self.fill(&mut batch)?;
            self.count_now_and_then(&batch, &mut looked);
            let latest = batch.latest();
            if batch.len() > 0 && !queue.push(batch) {
                return Ok(());
            }
            if ending.is_none() && self.until.is_over() {
                ending = Some(CaptureEnd::new());
            }
            match (came, &ending) {
                (Came::End, _) => return Ok(()),
                (Came::Nothing, Some(ending)) if ending.is_reached(latest) => return Ok(()),
                (Came::Packets, Some(ending)) if ending.is_reached(latest) => return Ok(()),
                (Came::Packets, _) => {}
                (Came::Nothing, Some(_)) => wait(&self.capture, SHORT_POLL_TIMEOUT),
                (Came::Nothing, None) => wait(&self.capture, self.until.poll_timeout()),
            }
        }
    }

    /// Takes the packets that the kernel has, up to one batch.
    fn fill(&mut self, batch: &mut Batch) -> Result<Came, Error> {
        loop {
            let before = batch.len();
            let taken = self.capture.dispatch(Some(PACKETS_AT_ONCE), |packet| {
                batch.push(time(&packet), packet.header.len, packet.data);
            });
            match taken {
                Ok(_) | Err(PcapError::TimeoutExpired) => {}
                Err(PcapError::NoMorePackets) => return Ok(Came::End),
                Err(error) => return Err(failed(Doing::Reading(&self.interface.name), &error)),
            }
            if batch.len() == before {
                return Ok(if batch.len() == 0 { Came::Nothing } else { Came::Packets });
            }
            if batch.is_full() {
                return Ok(Came::Packets);
            }
        }
    }

    fn count_now_and_then(&mut self, batch: &Batch, looked: &mut Instant) {
        if looked.elapsed() >= COUNT_INTERVAL {
            *looked = now();
            self.count(batch.len());
        } else {
            self.interface.losses.add(length_u64(batch.len()), 0, 0);
        }
    }

    /// Counts captured packets, and those that the system reports as lost.
    fn count(&mut self, captured: usize) {
        let Stat { dropped, if_dropped, .. } = self.capture.stats().unwrap_or(Stat {
            received: 0,
            dropped: self.counted.kernel,
            if_dropped: self.counted.interface,
        });
        self.interface.losses.add(
            length_u64(captured),
            dropped.wrapping_sub(self.counted.kernel),
            if_dropped.wrapping_sub(self.counted.interface),
        );
        self.counted = DropCounts { kernel: dropped, interface: if_dropped };
    }
}

/// The end of a capture: packets already in the kernel are still taken.
struct CaptureEnd {
    /// When the capture was stopped.
    stopped: Timestamp,
    /// When the kernel has delivered everything from before.
    quiet: Instant,
    /// When to end at the latest.
    latest: Instant,
}

impl CaptureEnd {
    fn new() -> Self {
        let now = now();
        Self {
            stopped: clock::wall(),
            quiet: now.checked_add(2 * TIMEOUT).unwrap_or(now),
            latest: now.checked_add(LAST_PACKETS).unwrap_or(now),
        }
    }

    /// Whether no more packets from before can arrive, if the last one is of time `latest`.
    fn is_reached(&self, latest: Option<Timestamp>) -> bool {
        match latest {
            Some(time) => time > self.stopped || now() >= self.latest,
            None => now() >= self.quiet,
        }
    }
}

fn time(packet: &::pcap::Packet<'_>) -> Timestamp {
    let time = packet.header.ts;
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let fraction = u64::try_from(time.tv_usec).unwrap_or(0);
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(fraction.saturating_mul(UNIT)))
}

/// Waits until the kernel has packets, at most for `poll_timeout`.
#[cfg(target_os = "linux")]
fn wait(capture: &Capture<Active>, poll_timeout: Duration) {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let descriptor = PollFd::new(capture.as_fd(), PollFlags::POLLIN);
    let timeout = PollTimeout::try_from(poll_timeout).unwrap_or(PollTimeout::ZERO);
    // Errors of the interface appear when packets are requested; a signal does not matter.
    let ready = poll(&mut [descriptor], timeout);
    if ready.is_err_and(|error| error != nix::errno::Errno::EINTR) {
        std::thread::sleep(SHORT_POLL_TIMEOUT);
    }
}

/// Not all other systems signal when packets can be read.
#[cfg(not(target_os = "linux"))]
fn wait(_: &Capture<Active>, poll_timeout: Duration) {
    std::thread::sleep(poll_timeout.min(SHORT_POLL_TIMEOUT));
}

#[expect(clippy::disallowed_methods, reason = "the duration of a capture is wall time")]
fn now() -> Instant {
    Instant::now()
}

/// How long the kernel collects packets before it delivers them, in milliseconds: too short to be
/// noticed on a screen, and long enough to deliver many packets at once.
pub(super) const TIMEOUT_MILLISECONDS: i32 = 10;

/// [`TIMEOUT_MILLISECONDS`].
const TIMEOUT: Duration = Duration::from_millis(10);

/// How often a thread checks whether to stop if no packets arrive.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// The same shortly before the end.
const SHORT_POLL_TIMEOUT: Duration = Duration::from_millis(5);

/// How long the last packets may take to be read.
const LAST_PACKETS: Duration = Duration::from_secs(2);

/// Time between two reads of the system's counts.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);

/// Packets requested from libpcap at once; with the default snap length at most 16 MiB.
const PACKETS_AT_ONCE: usize = 64;

/// Nanoseconds of one unit of a time's fraction.
#[cfg(target_os = "linux")]
const UNIT: u64 = 1;
#[cfg(not(target_os = "linux"))]
const UNIT: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_stopped_or_when_the_time_has_passed() {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Until::new(Arc::clone(&stop), None);
        assert!(!until.is_over());
        assert_eq!(until.poll_timeout(), POLL_TIMEOUT);
        stop.store(true, Ordering::Relaxed);
        assert!(until.is_over());
        let until = Until::new(Arc::default(), Some(Duration::ZERO));
        assert!(until.is_over());
        assert_eq!(until.poll_timeout(), SHORT_POLL_TIMEOUT);
        assert!(!Until::new(Arc::default(), Some(Duration::from_secs(60))).is_over());
    }

    #[test]
    fn the_end_comes_with_the_first_packet_after_it() {
        let ending = CaptureEnd::new();
        assert!(!ending.is_reached(Some(Timestamp(ending.stopped.0 - 1))));
        assert!(ending.is_reached(Some(Timestamp(ending.stopped.0 + 1))));
        assert!(!ending.is_reached(None));
        let ending = CaptureEnd { quiet: now(), ..ending };
        assert!(ending.is_reached(None));
    }
}
