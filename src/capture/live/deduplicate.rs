//! Captures each packet of the loopback interface only once, on Linux.
//!
//! Linux delivers a packet there when it leaves and when it arrives. libpcap hides the first, but
//! only after the kernel's buffer: half of the buffer is then wasted, and drops are counted twice. Its
//! filter word `inbound` does not help: it loses the packets that arrive while a filter is being set,
//! because libpcap filters these itself and does not know their direction. So the kernel gets a
//! filter of ours before the user's.

use std::io;

use ::pcap::{Active, Capture};
use socket2::{SockFilter, SockRef};

/// Excludes outgoing packets from the kernel's buffer.
///
/// # Errors
///
/// If the filter cannot be parsed or the kernel rejects ours; each packet then uses the buffer twice.
pub(super) fn drop_outgoing_copies(
    capture: &Capture<Active>,
    filter: Option<&str>,
    snap_length: u32,
) -> io::Result<()> {
    let mut program = vec![
        SockFilter::new(LOAD_HALF, 0, 0, PACKET_TYPE),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, OUTGOING),
        SockFilter::new(RETURN, 0, 0, 0),
    ];
    match filter {
        None => program.push(SockFilter::new(RETURN, 0, 0, snap_length)),
        Some(filter) => {
            let compiled = capture.compile(filter, true).map_err(io::Error::other)?;
            for instruction in compiled.get_instructions() {
                // The crate exposes its parts only as text.
                let words = instruction.to_string();
                program.push(parsed(&words).ok_or_else(|| io::Error::other(words))?);
            }
        }
    }
    SockRef::from(capture).attach_filter(&program)
}

/// An instruction from its four numbers: operation, jumps, operand.
fn parsed(words: &str) -> Option<SockFilter> {
    let mut words = words.split(' ');
    let code = words.next()?.parse().ok()?;
    let (if_true, if_false) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let operand = words.next()?.parse().ok()?;
    words.next().is_none().then(|| SockFilter::new(code, if_true, if_false, operand))
}

// Operations of linux/bpf_common.h and values of linux/filter.h, linux/if_packet.h.

/// `BPF_LD | BPF_H | BPF_ABS`.
const LOAD_HALF: u16 = 0x28;

/// `BPF_JMP | BPF_JEQ | BPF_K`.
const JUMP_IF_EQUAL: u16 = 0x15;

/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// `SKF_AD_OFF + SKF_AD_PKTTYPE`: where the kernel keeps a packet's direction.
const PACKET_TYPE: u32 = 0xffff_f004;

/// `PACKET_OUTGOING`.
const OUTGOING: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_read_as_the_crate_writes_them() {
        let cases = [
            ("40 0 0 12", true),
            ("21 255 0 4294967295", true),
            ("6 0 0", false),
            ("6 0 0 1 1", false),
            ("6 256 0 1", false),
            ("", false),
        ];
        for (words, readable) in cases {
            assert_eq!(parsed(words).is_some(), readable, "{words}");
        }
    }
}
