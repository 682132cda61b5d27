//! Replaces live capture if libpcap was not found when wslens was built.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{CaptureOptions, Device};
use crate::capture::{Error, Interface, PacketSource};

/// Interfaces that were opened: none in this build.
#[derive(Debug)]
pub enum NoInterfaces {}

/// Lists the interfaces that packets can be captured on.
///
/// # Errors
///
/// Always [`Error::Live`], which says what to install.
pub fn devices() -> Result<Vec<Device>, Error> {
    Err(not_built_in())
}

/// Opens interfaces.
///
/// # Errors
///
/// Always [`Error::Live`], which says what to install.
pub fn open(_names: &[String], _options: &CaptureOptions) -> Result<NoInterfaces, Error> {
    Err(not_built_in())
}

impl NoInterfaces {
    /// The opened interfaces.
    pub fn interfaces(&self) -> &[Interface] {
        match *self {}
    }

    /// Starts the capture.
    ///
    /// # Errors
    ///
    /// Never, because there is nothing to start.
    pub fn start(
        self,
        _options: &CaptureOptions,
        _stop: &Arc<AtomicBool>,
    ) -> Result<Box<dyn PacketSource + Send>, Error> {
        match self {}
    }
}

fn not_built_in() -> Error {
    Error::Live {
        problem: "live capture is not built in".to_owned(),
        remedy: "install libpcap (Debian: apt install libpcap-dev; Fedora: dnf install \
                 libpcap-devel; Arch: pacman -S libpcap; Alpine: apk add libpcap-dev; macOS: \
                 included) and build again, or use tcpdump -U -w - | wslens -"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_to_install() {
        let opened = open(&["lo".to_owned()], &CaptureOptions::default()).map(|_| ()).unwrap_err();
        for error in [opened, devices().unwrap_err()] {
            let text = error.to_string();
            assert!(text.starts_with("live capture is not built in; install libpcap"), "{text}");
            assert!(!error.is_damage() && !text.contains('\n'), "{text}");
        }
    }
}
