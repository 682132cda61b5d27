//! `wslens interfaces`: what can be captured.

use std::io::Write;

use crate::capture::live::{self, Device};

/// List the network interfaces that packets can be captured on
#[derive(Debug, clap::Args)]
pub(super) struct InterfacesArgs {}

/// Runs `interfaces`.
///
/// # Errors
///
/// When the system does not tell, or the list cannot be written.
pub(super) fn run(_args: &InterfacesArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let devices = live::devices()?;
    let width = devices.iter().map(|device| device.name.chars().count()).max().unwrap_or(0);
    for device in &devices {
        writeln!(out, "{:width$}  {}", device.name, description(device))?;
    }
    if devices.is_empty() {
        anyhow::bail!(
            "no interface can be captured on; run with more privileges (sudo wslens interfaces)"
        );
    }
    out.flush()?;
    Ok(())
}

/// What is known of an interface besides its name.
fn description(device: &Device) -> String {
    let mut parts = Vec::new();
    if device.loopback {
        parts.push("loopback: connections within this machine".to_owned());
    }
    parts.extend(device.description.clone().filter(|text| !text.is_empty()));
    if !device.up {
        parts.push("switched off".to_owned());
    } else if !device.running {
        parts.push("not connected".to_owned());
    }
    if !device.addresses.is_empty() {
        let addresses: Vec<String> = device.addresses.iter().map(ToString::to_string).collect();
        parts.push(addresses.join(" "));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_described() {
        let device = Device {
            name: "lo".to_owned(),
            description: None,
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            up: true,
            running: false,
            loopback: true,
        };
        assert_eq!(
            description(&device),
            "loopback: connections within this machine; not connected; 127.0.0.1 ::1"
        );
    }
}
