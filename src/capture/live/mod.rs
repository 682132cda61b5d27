//! Packets of a network interface, as they come.
//!
//! `libpcap.rs` is compiled where the build found libpcap, and `absent.rs` with the same functions
//! elsewhere.

#[cfg(not(libpcap))]
mod absent;
#[cfg(libpcap)]
mod explain;
#[cfg(libpcap)]
mod libpcap;

use std::net::IpAddr;

#[cfg(not(libpcap))]
pub use absent::{devices, open};
#[cfg(libpcap)]
pub use libpcap::{devices, open};

/// A network interface that packets can be captured on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The name to open it by.
    pub name: String,
    /// What it is, in the system's words.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it was switched on.
    pub up: bool,
    /// Whether it is connected.
    pub running: bool,
    /// Whether it is the machine's own loopback interface.
    pub loopback: bool,
}

/// How to capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Which packets to capture, in the syntax of tcpdump; all of them without it.
    pub filter: Option<String>,
    /// Whose packets to capture.
    pub scope: Scope,
    /// The longest part of a packet that is captured, in bytes.
    pub snap_length: u32,
    /// Memory that the kernel keeps packets in until they are read, in bytes.
    pub buffer_length: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filter: None,
            scope: Scope::Promiscuous,
            snap_length: SNAP_LENGTH,
            buffer_length: BUFFER_LENGTH,
        }
    }
}

/// Whose packets to capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// All that the interface sees. Falls back to [`Scope::Own`] where it cannot do that.
    Promiscuous,
    /// Those from and to this machine.
    Own,
}

/// tcpdump's. With 64 KiB, the large packets of loopback interfaces are cut.
const SNAP_LENGTH: u32 = 262_144;

/// With libpcap's 2 MiB, a burst on a loopback interface overflows the buffer.
const BUFFER_LENGTH: u32 = 16 << 20;
