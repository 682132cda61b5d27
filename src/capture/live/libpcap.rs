//! Live capture through libpcap.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ::pcap::{Active, Capture, Precision};

use super::explain::{Doing, explain};
use super::{Device, Options, Scope};
use crate::capture::{Error, LinkType, Notices, Packet, PacketSource, Secrets};
use crate::stream::{PacketId, Timestamp};

/// Lists the interfaces that packets can be captured on. Needs no privileges.
///
/// # Errors
///
/// [`Error::Live`] when the system does not tell.
pub fn devices() -> Result<Vec<Device>, Error> {
    let list = ::pcap::Device::list().map_err(|error| failed(Doing::Listing, &error))?;
    let devices = list.into_iter().map(|device| Device {
        up: device.flags.is_up(),
        running: device.flags.is_running(),
        loopback: device.flags.is_loopback(),
        addresses: device.addresses.into_iter().map(|address| address.addr).collect(),
        description: device.desc,
        name: device.name,
    });
    Ok(devices.collect())
}

/// Starts to capture on an interface.
///
/// The source waits for packets until `stop` is set, which it looks at every few milliseconds.
/// Packets that were taken from the kernel before that are still given.
///
/// # Errors
///
/// [`Error::Live`] when the interface does not exist, is down or may not be captured on, and when
/// the filter is wrong.
pub fn open(
    device: &str,
    options: &Options,
    stop: Arc<AtomicBool>,
) -> Result<Box<dyn PacketSource + Send>, Error> {
    let opening = Doing::Opening(device);
    let mut capture = activate(device, options, options.scope)
        .or_else(|error| match options.scope {
            // Some interfaces cannot do that, which is no reason not to capture.
            Scope::Promiscuous => activate(device, options, Scope::Own).map_err(|_| error),
            Scope::Own => Err(error),
        })
        .and_then(Capture::setnonblock)
        .map_err(|error| failed(opening, &error))?;
    if let Some(filter) = &options.filter {
        capture.filter(filter, true).map_err(|error| failed(Doing::Filtering(filter), &error))?;
    }
    Ok(Box::new(Live {
        link_type: link_type(capture.get_datalink().0),
        capture,
        device: device.to_owned(),
        stop,
        batch: Batch::default(),
        packets: 0,
        captured: 0,
        notices: Notices::default(),
    }))
}

fn activate(
    device: &str,
    options: &Options,
    scope: Scope,
) -> Result<Capture<Active>, ::pcap::Error> {
    let length = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
    Capture::from_device(device)?
        .promisc(scope == Scope::Promiscuous)
        .snaplen(length(options.snap_length))
        .buffer_size(length(options.buffer_length))
        // Not immediate: that fits only a few packets into the buffer.
        .timeout(TIMEOUT_MILLISECONDS)
        .precision(PRECISION)
        .open()
}

/// An interface that is being captured on.
struct Live {
    capture: Capture<Active>,
    device: String,
    link_type: LinkType,
    stop: Arc<AtomicBool>,
    batch: Batch,
    packets: u64,
    /// Bytes of all packets given.
    captured: u64,
    notices: Notices,
}

impl Live {
    /// Waits for packets; false when there will be none any more.
    fn refill(&mut self) -> Result<bool, Error> {
        self.batch.clear();
        while !self.stop.load(Ordering::Relaxed) {
            let batch = &mut self.batch;
            let taken = self.capture.dispatch(Some(BATCH_PACKETS), |packet| batch.push(&packet));
            if !self.batch.headers.is_empty() {
                return Ok(true);
            }
            match taken {
                // `Capture::timeout` does not end a wait on a silent interface of Linux, and the
                // file descriptor cannot be polled without another crate.
                Ok(_) | Err(::pcap::Error::TimeoutExpired) => thread::sleep(IDLE),
                Err(::pcap::Error::NoMorePackets) => return Ok(false),
                Err(error) => {
                    self.stop.store(true, Ordering::Relaxed);
                    return Err(failed(Doing::Reading(&self.device), &error));
                }
            }
        }
        Ok(false)
    }
}

impl PacketSource for Live {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.batch.next == self.batch.headers.len() && !self.refill()? {
            return Ok(None);
        }
        let Some(&header) = self.batch.headers.get(self.batch.next) else { return Ok(None) };
        self.batch.next += 1;
        self.packets += 1;
        let file_offset = self.captured;
        let bytes = self.batch.bytes.get(header.start..header.end).unwrap_or_default();
        self.captured += crate::stream::length_u64(bytes.len());
        Ok(Some(Packet {
            id: PacketId(self.packets),
            time: header.time,
            link_type: self.link_type,
            interface: 0,
            bytes,
            original_length: header.original,
            file_offset,
        }))
    }

    fn name(&self) -> &str {
        &self.device
    }

    fn position(&self) -> u64 {
        0
    }

    fn secrets(&self) -> &[Secrets] {
        &[]
    }

    fn notices(&self) -> &Notices {
        &self.notices
    }

    fn dropped(&mut self) -> u64 {
        let statistics = self.capture.stats();
        statistics.map_or(0, |known| u64::from(known.dropped) + u64::from(known.if_dropped))
    }
}

/// Packets taken from the kernel at once, in memory that is used again for the next ones.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    headers: Vec<Header>,
    /// Index of the next packet to be given.
    next: usize,
}

/// A packet of a batch.
#[derive(Clone, Copy)]
struct Header {
    time: Timestamp,
    original: u32,
    start: usize,
    end: usize,
}

impl Batch {
    fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
        self.next = 0;
    }

    fn push(&mut self, packet: &::pcap::Packet<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet.data);
        let time = packet.header.ts;
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let fraction = u64::try_from(time.tv_usec).unwrap_or(0);
        let nanoseconds =
            seconds.saturating_mul(1_000_000_000).saturating_add(fraction.saturating_mul(UNIT));
        self.headers.push(Header {
            time: Timestamp(nanoseconds),
            original: packet.header.len,
            start,
            end: self.bytes.len(),
        });
    }
}

/// The registry's value for a value of libpcap, which differ for a few types.
fn link_type(data_link: i32) -> LinkType {
    match data_link {
        // DLT_RAW of Linux and macOS, and of OpenBSD.
        12 | 14 => LinkType(101),
        other => LinkType(u32::try_from(other).unwrap_or(u32::MAX)),
    }
}

fn failed(doing: Doing<'_>, error: &::pcap::Error) -> Error {
    let text = match error {
        ::pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    };
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wslens"));
    explain(doing, &text, &program)
}

/// How long the kernel collects packets before it gives them, in milliseconds.
const TIMEOUT_MILLISECONDS: i32 = 20;

/// How long to wait where no packet has come.
const IDLE: Duration = Duration::from_millis(5);

/// Packets taken at once; with the usual snap length no more than 16 MiB.
const BATCH_PACKETS: usize = 64;

/// The precision of times. Only Linux is known to grant nanoseconds, and what is not granted is
/// not reported.
#[cfg(target_os = "linux")]
const PRECISION: Precision = Precision::Nano;
#[cfg(not(target_os = "linux"))]
const PRECISION: Precision = Precision::Micro;

/// Nanoseconds of one unit of a time's fraction.
#[cfg(target_os = "linux")]
const UNIT: u64 = 1;
#[cfg(not(target_os = "linux"))]
const UNIT: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_packets_get_the_type_of_the_registry() {
        let cases = [(1, 1), (12, 101), (14, 101), (113, 113), (0, 0)];
        for (data_link, expected) in cases {
            assert_eq!(link_type(data_link), LinkType(expected));
        }
    }

    #[test]
    fn unknown_interface_is_one_clear_line() {
        let stop = Arc::new(AtomicBool::new(false));
        let error = open("nonesuch0", &Options::default(), stop).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("nonesuch0") && !text.contains('\n'), "{text}");
        assert!(!error.is_damage());
    }
}
