//! `wslens interfaces`: what can be captured.

use std::io::Write;

use serde::Serialize;

use super::output::format_parser;
use crate::capture::live::{self, Device, Link};
use crate::report::LineFormat;
use crate::text::escape::escape;

/// List the network interfaces that can be captured
///
/// For each interface: what it is used for, whether it is up, and its addresses. wslens -i NAME
/// captures on one.
#[derive(Debug, clap::Args)]
pub(super) struct InterfacesArgs {
    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<LineFormat>(), default_value = "text")]
    format: LineFormat,
}

/// An interface as a line of ndjson.
#[derive(Debug, Serialize)]
struct InterfaceLine<'a> {
    r#type: &'static str,
    name: &'a str,
    kind: &'static str,
    state: &'static str,
    addresses: Vec<String>,
    description: Option<&'a str>,
}

/// Runs `interfaces`.
///
/// # Errors
///
/// If the system does not list them, or the list cannot be written.
pub(super) fn run(args: &InterfacesArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let devices = live::devices()?;
    let width = devices.iter().map(|device| device.name.chars().count()).max().unwrap_or(0);
    for device in &devices {
        match args.format {
            LineFormat::Text => writeln!(out, "{:width$}  {}", device.name, description(device))?,
            LineFormat::Ndjson => writeln!(out, "{}", serde_json::to_string(&row(device))?)?,
        }
    }
    if devices.is_empty() {
        anyhow::bail!(
            "no interface can be captured; run with more privileges (sudo wslens interfaces)"
        );
    }
    out.flush()?;
    Ok(())
}

/// What is known of an interface besides its name.
fn description(device: &Device) -> String {
    let mut parts = vec![device.purpose().words().to_owned()];
    match device.link {
        Link::Up => {}
        Link::Unplugged => parts.push("not connected".to_owned()),
        Link::Off => parts.push("switched off".to_owned()),
    }
    if !device.addresses.is_empty() {
        let addresses: Vec<String> = device.addresses.iter().map(ToString::to_string).collect();
        parts.push(addresses.join(" "));
    }
    if let Some(words) = device.description.as_ref().filter(|words| !words.is_empty()) {
        let mut shown = String::new();
        escape(words.as_bytes(), DESCRIPTION_LIMIT, &mut shown);
        parts.push(shown);
    }
    parts.join("; ")
}

fn row(device: &Device) -> InterfaceLine<'_> {
    InterfaceLine {
        r#type: "interface",
        name: &device.name,
        kind: device.purpose().name(),
        state: device.link.name(),
        addresses: device.addresses.iter().map(ToString::to_string).collect(),
        description: device.description.as_deref(),
    }
}

/// The most columns of the system's description.
const DESCRIPTION_LIMIT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Device {
        Device {
            name: "lo".to_owned(),
            description: None,
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            link: Link::Up,
            loopback: true,
            wireless: false,
        }
    }

    #[test]
    fn interfaces_are_described() {
        let eth0 = Device {
            name: "eth0".to_owned(),
            description: Some("a\tcard".to_owned()),
            addresses: Vec::new(),
            link: Link::Off,
            loopback: false,
            wireless: false,
        };
        #[rustfmt::skip]
        let cases = [
            (loopback(), "clients and servers on this machine; 127.0.0.1 ::1"),
            (eth0.clone(), "other machines; switched off; a\\tcard"),
            (Device { link: Link::Unplugged, description: None, ..eth0 }, "other machines; not connected"),
        ];
        for (device, expected) in cases {
            assert_eq!(description(&device), expected);
        }
    }

    #[test]
    fn programs_get_an_object_for_each() {
        assert_eq!(
            serde_json::to_string(&row(&loopback())).unwrap(),
            r#"{"type":"interface","name":"lo","kind":"loopback","state":"up","addresses":["127.0.0.1","::1"],"description":null}"#
        );
    }
}
