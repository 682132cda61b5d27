//! Live capture through libpcap: finding interfaces, and opening them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use ::pcap::{Active, Capture, ConnectionStatus, Linktype, Precision};

use super::capture_thread::{CaptureThread, TIMEOUT_MILLISECONDS, Until};
#[cfg(target_os = "linux")]
use super::deduplicate::drop_outgoing_copies;
use super::error_text::{Doing, Runner, error_from_text};
use super::merge::Merged;
use super::queue::Queue;
use super::{ANY, CaptureOptions, CaptureScope, Device, Link};
use crate::capture::{Error, Interface, LinkType, Losses, PacketSource};

/// Lists the interfaces that can be captured. Needs no privileges.
///
/// # Errors
///
/// [`Error::Live`] if the system does not list them.
pub fn devices() -> Result<Vec<Device>, Error> {
    let list = ::pcap::Device::list().map_err(|error| failed(Doing::Listing, &error))?;
    let devices = list.into_iter().map(|device| Device {
        link: match device.flags.connection_status {
            _ if !device.flags.is_up() => Link::Off,
            ConnectionStatus::Disconnected => Link::Unplugged,
            ConnectionStatus::Unknown
            | ConnectionStatus::Connected
            | ConnectionStatus::NotApplicable => {
                if device.flags.is_running() {
                    Link::Up
                } else {
                    Link::Unplugged
                }
            }
        },
        loopback: device.flags.is_loopback(),
        wireless: device.flags.is_wireless(),
        addresses: device.addresses.into_iter().map(|address| address.addr).collect(),
        description: device.desc,
        name: device.name,
    });
    Ok(devices.collect())
}

/// Interfaces that were opened, but not started yet.
///
/// Privileges are dropped between opening and starting, because only opening needs them.
pub struct OpenInterfaces {
    captures: Vec<Capture<Active>>,
    interfaces: Vec<Interface>,
}

/// Opens interfaces. From now on the kernel collects their packets.
///
/// # Errors
///
/// [`Error::Live`] if an interface does not exist, is down or may not be captured, and if the filter
/// is invalid.
pub fn open(names: &[String], options: &CaptureOptions) -> Result<OpenInterfaces, Error> {
    let mut opened = OpenInterfaces { captures: Vec::new(), interfaces: Vec::new() };
    for name in names {
        let capture = open_one(name, options)?;
        opened.interfaces.push(Interface {
            name: name.clone(),
            link_type: link_type(capture.get_datalink().0),
            snap_length: options.snap_length,
            filter: options.filter.clone(),
            losses: Losses::default(),
        });
        opened.captures.push(capture);
    }
    Ok(opened)
}

impl OpenInterfaces {
    /// The opened interfaces, in the order in which they were requested.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Starts the capture, with a thread for each interface.
    ///
    /// The source waits for packets until `stop` is set, which the threads check every few
    /// milliseconds, or [`CaptureOptions::duration`] is over. Packets that are in the kernel by then
    /// are still returned.
    ///
    /// # Errors
    ///
    /// [`Error::Live`] if the system does not create a thread.
    pub fn start(
        self,
        options: &CaptureOptions,
        stop: &Arc<AtomicBool>,
    ) -> Result<Box<dyn PacketSource + Send>, Error> {
        let queue = Arc::new(Queue::new(self.captures.len()));
        let until = Until::new(Arc::clone(stop), options.duration);
        for (source, (capture, interface)) in
            self.captures.into_iter().zip(&self.interfaces).enumerate()
        {
            let capturing = CaptureThread::new(source, capture, interface.clone(), until.clone());
            let queue = Arc::clone(&queue);
            let spawned = thread::Builder::new()
                .name(format!("capture {}", interface.name))
                .spawn(move || capturing.run(&queue));
            if let Err(cause) = spawned {
                return Err(Error::Live {
                    problem: format!(
                        "no thread can be started to capture on {}: {cause}",
                        interface.name
                    ),
                    remedy: "check the limits of this user (ulimit -u)".to_owned(),
                });
            }
        }
        Ok(Box::new(Merged::new(queue, self.interfaces)))
    }
}

fn open_one(name: &str, options: &CaptureOptions) -> Result<Capture<Active>, Error> {
    let mut capture = activate(name, options, options.scope)
        .or_else(|error| match options.scope {
            // Some interfaces do not support that, but can still be captured.
            CaptureScope::Promiscuous => {
                activate(name, options, CaptureScope::Own).map_err(|_| error)
            }
            CaptureScope::Own => Err(error),
        })
        .and_then(Capture::setnonblock)
        .map_err(|error| not_opened(name, &error))?;
    if name == ANY {
        // The newer header contains the interface of each packet. Older systems do not have it.
        capture.set_datalink(Linktype(LINUX_SLL2)).ok();
    }
    if let Some(filter) = &options.filter {
        capture.filter(filter, true).map_err(|error| failed(Doing::Filtering(filter), &error))?;
    }
    #[cfg(target_os = "linux")]
    if is_loopback(name) {
        // Without it, packets use more of the kernel's buffer; the result is the same.
        drop_outgoing_copies(&capture, options.filter.as_deref(), options.snap_length).ok();
    }
    Ok(capture)
}

/// Why an interface was not opened.
///
/// Without permission to capture, the system does not report that an interface does not exist, so
/// the list is checked.
fn not_opened(name: &str, error: &::pcap::Error) -> Error {
    let doing = Doing::Opening(name);
    let listed = devices().unwrap_or_default();
    if listed.is_empty() || listed.iter().any(|device| device.name == name) {
        return failed(doing, error);
    }
    failed(doing, &::pcap::Error::PcapError(NO_SUCH_DEVICE.to_owned()))
}

#[cfg(target_os = "linux")]
fn is_loopback(name: &str) -> bool {
    let devices = ::pcap::Device::list().unwrap_or_default();
    devices.iter().any(|device| device.name == name && device.flags.is_loopback())
}

fn activate(
    name: &str,
    options: &CaptureOptions,
    scope: CaptureScope,
) -> Result<Capture<Active>, ::pcap::Error> {
    let length = |bytes: u32| i32::try_from(bytes).unwrap_or(i32::MAX);
    Capture::from_device(name)?
        .promisc(scope == CaptureScope::Promiscuous)
        .snaplen(length(options.snap_length))
        .buffer_size(length(options.buffer_length))
        // Not immediate mode: with it, only a few packets fit into the buffer.
        .timeout(TIMEOUT_MILLISECONDS)
        .precision(PRECISION)
        .open()
}

/// The registry's value for a value of libpcap; they differ for a few types.
fn link_type(data_link: i32) -> LinkType {
    match data_link {
        // DLT_RAW of Linux and macOS, and of OpenBSD.
        12 | 14 => LinkType(101),
        other => LinkType(u32::try_from(other).unwrap_or(u32::MAX)),
    }
}

/// Turns a failure of libpcap into an error.
pub(super) fn failed(doing: Doing<'_>, error: &::pcap::Error) -> Error {
    let text = match error {
        ::pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    };
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wslens"));
    error_from_text(doing, &text, &program, runner())
}

#[cfg(unix)]
fn runner() -> Runner {
    if nix::unistd::Uid::effective().is_root() { Runner::Root } else { Runner::User }
}

#[cfg(not(unix))]
fn runner() -> Runner {
    Runner::User
}

/// libpcap's message for an interface that does not exist.
const NO_SUCH_DEVICE: &str = "No such device exists";

/// `LINKTYPE_LINUX_SLL2`.
const LINUX_SLL2: i32 = 276;

/// The precision of times. Only Linux is known to support nanoseconds, and libpcap does not report
/// what it uses.
#[cfg(target_os = "linux")]
const PRECISION: Precision = Precision::Nano;
#[cfg(not(target_os = "linux"))]
const PRECISION: Precision = Precision::Micro;

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
        let names = ["nonesuch0".to_owned()];
        let error = open(&names, &CaptureOptions::default()).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("nonesuch0") && !text.contains('\n'), "{text}");
        assert!(!error.is_damage());
    }
}
