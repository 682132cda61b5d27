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

/// Takes packets of one interface, until it is told to stop.
pub(super) struct CaptureThread {
    /// The interface, by its place among those captured on.
    source: usize,
    capture: Capture<Active>,
    interface: Interface,
    until: Until,
    /// The system's counts when they were looked at last.
    counted: DropCounts,
}

/// When to stop.
#[derive(Clone)]
pub(super) struct Until {
    stop: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Until {
    /// Until `stop` is set, or so much time has passed from now on.
    pub(super) fn new(stop: Arc<AtomicBool>, duration: Option<Duration>) -> Self {
        Self { stop, deadline: duration.and_then(|duration| now().checked_add(duration)) }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|it| now() >= it)
    }

    /// How long to wait for packets at a time.
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

/// What came of asking for packets.
enum Came {
    /// Some.
    Packets,
    /// None yet.
    Nothing,
    /// None will.
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

    /// Takes what the kernel has, as far as one batch goes.
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

    /// Counts packets that came, and those that the system says it has lost.
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

/// The end of a capture: what the kernel has by now is still taken.
struct CaptureEnd {
    /// When it was told.
    told: Timestamp,
    /// When the kernel has given everything of before.
    quiet: Instant,
    /// When there is an end to it in any case.
    latest: Instant,
}

impl CaptureEnd {
    fn new() -> Self {
        let now = now();
        Self {
            told: clock::wall(),
            quiet: now.checked_add(2 * TIMEOUT).unwrap_or(now),
            latest: now.checked_add(LAST_PACKETS).unwrap_or(now),
        }
    }

    /// Whether packets of before can no longer come, when the last one that came is of `latest`.
    fn is_reached(&self, latest: Option<Timestamp>) -> bool {
        match latest {
            Some(time) => time > self.told || now() >= self.latest,
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

/// Waits until the kernel has packets, at most for so long.
#[cfg(target_os = "linux")]
fn wait(capture: &Capture<Active>, poll_timeout: Duration) {
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    let descriptor = PollFd::new(capture.as_fd(), PollFlags::POLLIN);
    let timeout = PollTimeout::try_from(poll_timeout).unwrap_or(PollTimeout::ZERO);
    // What is wrong with the interface shows when packets are asked for; a signal is no matter.
    let ready = poll(&mut [descriptor], timeout);
    if ready.is_err_and(|error| error != nix::errno::Errno::EINTR) {
        std::thread::sleep(SHORT_POLL_TIMEOUT);
    }
}

/// Other systems do not all tell the moment at which packets can be read.
#[cfg(not(target_os = "linux"))]
fn wait(_: &Capture<Active>, poll_timeout: Duration) {
    std::thread::sleep(poll_timeout.min(SHORT_POLL_TIMEOUT));
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a capture goes on is a matter of wall time"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long the kernel collects packets before it gives them, in milliseconds: as long as is not
/// noticed on a screen, and long enough for many packets to be given at once.
pub(super) const TIMEOUT_MILLISECONDS: i32 = 10;

/// [`TIMEOUT_MILLISECONDS`].
const TIMEOUT: Duration = Duration::from_millis(10);

/// How often a thread looks whether it is to stop, where no packets come.
const POLL_TIMEOUT: Duration = Duration::from_millis(50);

/// The same where it will be soon.
const SHORT_POLL_TIMEOUT: Duration = Duration::from_millis(5);

/// How long the last packets may take to be read.
const LAST_PACKETS: Duration = Duration::from_secs(2);

/// Time between two looks at the system's counts.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);

/// Packets asked of libpcap at once; with the usual snap length no more than 16 MiB.
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
    fn it_is_over_when_told_or_when_the_time_has_passed() {
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
    fn the_end_comes_with_the_first_packet_behind_it() {
        let ending = CaptureEnd::new();
        assert!(!ending.is_reached(Some(Timestamp(ending.told.0 - 1))));
        assert!(ending.is_reached(Some(Timestamp(ending.told.0 + 1))));
        assert!(!ending.is_reached(None));
        let ending = CaptureEnd { quiet: now(), ..ending };
        assert!(ending.is_reached(None));
    }
}
