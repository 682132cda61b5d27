//! Packets of network interfaces, as they come.
//!
//! A thread for each interface takes packets from the kernel ([`OpenInterfaces::start`]); they wait in a queue that is
//! bounded in bytes, and one source gives them all in the order of their times. When the reader is slower than
//! the network, the queue fills, then the kernel's buffer, and then the kernel counts what it
//! drops: [`PacketSource::dropped`](crate::capture::PacketSource::dropped) tells.
//!
//! `libpcap.rs` is compiled where the build found libpcap, and `unavailable.rs` with the same functions
//! elsewhere.

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
#[cfg(not(libpcap))]
mod unavailable;

use std::time::Duration;

pub use device::{ANY, Device, InterfacePurpose, Link, loopback};
#[cfg(libpcap)]
pub use libpcap::{OpenInterfaces, devices, open};
#[cfg(not(libpcap))]
pub use unavailable::{OpenInterfaces, devices, open};

/// How to capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaptureOptions {
    /// Which packets to capture, in the syntax of tcpdump; all of them without it.
    pub filter: Option<String>,
    /// Whose packets to capture.
    pub scope: CaptureScope,
    /// The longest part of a packet that is captured, in bytes.
    pub snap_length: u32,
    /// Memory that the kernel keeps packets of each interface in until they are read, in bytes.
    pub buffer_length: u32,
    /// How long to capture; until told to stop without it.
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
    /// All that the interface sees. Falls back to [`CaptureScope::Own`] where it cannot do that.
    Promiscuous,
    /// Those from and to this machine.
    Own,
}

/// The longest part of a packet that is captured unless asked otherwise, in bytes.
///
/// tcpdump's. With 64 KiB, the large packets of loopback interfaces are cut.
pub const SNAP_LENGTH: u32 = 262_144;

/// The kernel's memory for packets of an interface unless asked otherwise, in bytes.
///
/// With libpcap's 2 MiB, a burst on a loopback interface overflows the buffer.
pub const BUFFER_LENGTH: u32 = 32 << 20;
