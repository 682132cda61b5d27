//! Live capture from network interfaces.
//!
//! A thread for each interface takes packets from the kernel ([`OpenInterfaces::start`]); they wait
//! in a queue bounded in bytes, and one source returns them all in the order of their times. If the
//! reader is slower than the network, the queue fills up, then the kernel's buffer, and then the
//! kernel counts what it drops ([`PacketSource::dropped`](crate::capture::PacketSource::dropped)).
//!
//! `libpcap.rs` is compiled if the build found libpcap, else `unavailable.rs` with the same
//! functions.

#[cfg(libpcap)]
mod capture_thread;
#[cfg(all(libpcap, target_os = "linux"))]
mod deduplicate;
mod device;
#[cfg(libpcap)]
mod error_text;
#[cfg(libpcap)]
mod libpcap;
#[cfg(libpcap)]
mod merge;
pub mod privileges;
#[cfg(libpcap)]
mod queue;
mod sockets;
#[cfg(not(libpcap))]
mod unavailable;

use std::net::IpAddr;
use std::time::Duration;

pub use device::{ANY, Device, InterfacePurpose, Link, loopback};
#[cfg(libpcap)]
pub use libpcap::{OpenInterfaces, devices, open};
pub use sockets::SocketOwners;
#[cfg(not(libpcap))]
pub use unavailable::{NoInterfaces as OpenInterfaces, devices, open};

/// The addresses of this machine; none if the system does not list them.
pub fn addresses() -> Vec<IpAddr> {
    let devices = devices().unwrap_or_default();
    devices.into_iter().flat_map(|device| device.addresses).collect()
}

/// How to capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaptureOptions {
    /// Which packets to capture, in tcpdump's syntax; all of them if absent.
    pub filter: Option<String>,
    /// Whose packets to capture.
    pub scope: CaptureScope,
    /// The longest part of a packet that is captured, in bytes.
    pub snap_length: u32,
    /// The kernel's packet buffer for each interface, in bytes.
    pub buffer_length: u32,
    /// How long to capture; until stopped if absent.
    pub duration: Option<Duration>,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            filter: None,
            scope: CaptureScope::Promiscuous,
            snap_length: SNAP_LENGTH,
            buffer_length: BUFFER_LENGTH,
            duration: None,
        }
    }
}

/// Whose packets to capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CaptureScope {
    /// Everything that the interface sees. Falls back to [`CaptureScope::Own`] if not supported.
    Promiscuous,
    /// Those from and to this machine.
    Own,
}

/// The default of the longest part of a packet that is captured, in bytes.
///
/// tcpdump's. With 64 KiB, the large packets of loopback interfaces are cut.
pub const SNAP_LENGTH: u32 = 262_144;

/// The default size of the kernel's packet buffer of an interface, in bytes.
///
/// With libpcap's 2 MiB, a burst on a loopback interface overflows the buffer.
pub const BUFFER_LENGTH: u32 = 32 << 20;
