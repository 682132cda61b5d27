//! Turns libpcap's messages into errors with a remedy.
//!
//! libpcap gives no error codes through the `pcap` crate, only texts.

use std::path::Path;

use crate::capture::Error;
use crate::capture::error::printable;

/// What was being done when libpcap failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Doing<'a> {
    /// Listing the interfaces.
    Listing,
    /// Opening an interface.
    Opening(&'a str),
    /// Compiling the filter.
    Filtering(&'a str),
    /// Reading packets of an interface.
    Reading(&'a str),
}

/// Who runs the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Runner {
    /// Root, who may do everything except in some containers.
    Root,
    /// Anyone else.
    User,
}

/// Turns a message of libpcap into an error. `program` is the path of the running program.
pub(super) fn error_from_text(doing: Doing<'_>, text: &str, program: &Path, user: Runner) -> Error {
    let text = text.trim().trim_start_matches("libpcap error: ").trim_end_matches('.');
    let lower = text.to_ascii_lowercase();
    let message = MESSAGES.iter().find(|message| lower.contains(message.text));
    let text = if text.is_empty() { "libpcap gives no reason" } else { text };
    let problem = match (doing, message) {
        (Doing::Filtering(filter), _) => {
            format!("the capture filter \"{filter}\" is wrong: {text}")
        }
        (Doing::Opening(device), Some(message)) => message.problem.replace("{device}", device),
        (Doing::Opening(device), None) => format!("cannot capture on {device}: {text}"),
        (Doing::Reading(device), _) => format!("capture on {device} failed: {text}"),
        (Doing::Listing, _) => format!("interfaces cannot be listed: {text}"),
    };
    let remedy = match (doing, message) {
        (Doing::Filtering(_), _) => "see man pcap-filter, for example \"tcp port 8080\"".to_owned(),
        (Doing::Opening(device), Some(message)) => {
            let remedy = match message.remedy {
                Remedy::Words(words) => words,
                Remedy::Permission => how_to_be_permitted(user),
            };
            remedy.replace("{device}", device).replace("{program}", &quoted(program))
        }
        (Doing::Opening(_), None) => "wslens interfaces lists what can be captured".to_owned(),
        (Doing::Reading(_), _)
            if ["disappeared", "not up", "went down"].iter().any(|it| lower.contains(it)) =>
        {
            "it was removed or switched off during the capture".to_owned()
        }
        (Doing::Listing | Doing::Reading(_), _) => {
            "check whether tcpdump works on this machine".to_owned()
        }
    };
    Error::Live { problem: printable(&problem), remedy: printable(&remedy) }
}

/// What a message about an interface means.
struct LibpcapMessage {
    /// A part of libpcap's message, in lower case.
    text: &'static str,
    problem: &'static str,
    remedy: Remedy,
}

/// What to do.
enum Remedy {
    /// This.
    Words(&'static str),
    /// How to get permission to capture on this system.
    Permission,
}

/// How to get permission to capture.
fn how_to_be_permitted(user: Runner) -> &'static str {
    match user {
        Runner::User if cfg!(target_os = "linux") => {
            "run sudo setcap cap_net_raw=ep {program}, or run it with sudo, or use \
             sudo tcpdump -i {device} -U -w - | wslens -"
        }
        Runner::User if cfg!(target_vendor = "apple") => {
            "run {program} with sudo, or install ChmodBPF, which comes with Wireshark and opens \
             /dev/bpf* to your group, or use sudo tcpdump -i {device} -U -w - | wslens -"
        }
        Runner::User if cfg!(windows) => {
            "run it as administrator, or install Npcap again without its restriction to \
             administrators (npcap.com)"
        }
        Runner::User => {
            "run {program} with sudo, or use sudo tcpdump -i {device} -U -w - | wslens -"
        }
        Runner::Root => {
            "root lacks CAP_NET_RAW here: start the container with it (docker run \
             --cap-add NET_RAW), or capture outside the container"
        }
    }
}

/// A path quoted for a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |it: char| it.is_alphanumeric() || matches!(it, '/' | '.' | '-' | '_' | '\\' | ':');
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[rustfmt::skip]
const MESSAGES: &[LibpcapMessage] = &[
    LibpcapMessage { text: "operation not permitted", problem: "capturing on {device} is not permitted", remedy: Remedy::Permission },
    LibpcapMessage { text: "permission", problem: "capturing on {device} is not permitted", remedy: Remedy::Permission },
    LibpcapMessage { text: "no such device exists", problem: "there is no interface {device}", remedy: Remedy::Words("wslens interfaces lists what can be captured") },
    LibpcapMessage { text: "device not configured", problem: "there is no interface {device}", remedy: Remedy::Words("wslens interfaces lists what can be captured") },
    LibpcapMessage { text: "is not up", problem: "the interface {device} is down", remedy: Remedy::Words("switch it on with sudo ip link set {device} up") },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_libpcap_become_clear() {
        use Doing::{Filtering, Listing, Opening, Reading};
        #[rustfmt::skip]
        let cases = [
            (Opening("eth7"), "libpcap error: eth7: No such device exists (No such device exists)",
                "there is no interface eth7; wslens interfaces lists what can be captured"),
            (Opening("eth0"), "libpcap error: That device is not up",
                "the interface eth0 is down; switch it on with sudo ip link set eth0 up"),
            (Opening("a\nb"), "strange", "cannot capture on a\\nb: strange; wslens interfaces lists what can be captured"),
            (Filtering("tcp prot 1"), "libpcap error: can't parse filter expression: syntax error",
                "the capture filter \"tcp prot 1\" is wrong: can't parse filter expression: syntax error; see man pcap-filter, for example \"tcp port 8080\""),
            (Reading("eth0"), "", "capture on eth0 failed: libpcap gives no reason; check whether tcpdump works on this machine"),
            (Reading("veth0"), "libpcap error: The interface disappeared",
                "capture on veth0 failed: The interface disappeared; it was removed or switched off during the capture"),
            (Listing, "x", "interfaces cannot be listed: x; check whether tcpdump works on this machine"),
        ];
        for (doing, text, expected) in cases {
            assert_eq!(
                error_from_text(doing, text, Path::new("wslens"), Runner::User).to_string(),
                expected
            );
        }
    }

    #[test]
    fn missing_permission_names_the_program() {
        let text = "libpcap error: socket: Operation not permitted";
        let message = |program: &str, user| {
            error_from_text(Doing::Opening("lo"), text, Path::new(program), user).to_string()
        };
        let error = message("/opt/wslens", Runner::User);
        assert!(error.starts_with("capturing on lo is not permitted; run "), "{error}");
        assert!(error.contains("/opt/wslens"), "{error}");
        let error = message("/opt/my tools/wslens", Runner::User);
        assert!(cfg!(windows) || error.contains(" '/opt/my tools/wslens',"), "{error}");
        let error = message("/opt/wslens", Runner::Root);
        assert!(error.contains("--cap-add NET_RAW") && !error.contains("sudo"), "{error}");
    }
}
