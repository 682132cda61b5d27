//! Capture files as bytes: pcap and pcapng, plain and in gzip.

use std::io::Write;

use flate2::write::GzEncoder;

use super::packet::ETHERNET;
use super::traffic::TestPacket;

/// Resolution of the times in classic pcap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Precision {
    Microseconds,
    Nanoseconds,
}

/// The file header of classic pcap with nanoseconds.
pub(crate) fn pcap_header(link_type: u32) -> Vec<u8> {
    pcap_header_with(Precision::Nanoseconds, link_type)
}

/// The file header of classic pcap, little-endian, version 2.4.
pub(crate) fn pcap_header_with(precision: Precision, link_type: u32) -> Vec<u8> {
    let magic = match precision {
        Precision::Microseconds => 0xa1b2_c3d4_u32,
        Precision::Nanoseconds => 0xa1b2_3c4d,
    };
    [magic, 0x0004_0002, 0, 0, SNAP_LENGTH, link_type].map(u32::to_le_bytes).concat()
}

/// The header of a packet in classic pcap, `length` bytes long and captured whole; `time` in nanoseconds.
pub(crate) fn pcap_record(precision: Precision, time: u64, length: usize) -> Vec<u8> {
    let (seconds, nanoseconds) = (time / 1_000_000_000, time % 1_000_000_000);
    let fraction = match precision {
        Precision::Microseconds => nanoseconds / 1_000,
        Precision::Nanoseconds => nanoseconds,
    };
    [seconds as u32, fraction as u32, length as u32, length as u32].map(u32::to_le_bytes).concat()
}

/// Appends a packet, captured whole, to classic pcap with nanoseconds.
pub(crate) fn pcap_packet(file: &mut Vec<u8>, time: u64, bytes: &[u8]) {
    file.extend(pcap_record(Precision::Nanoseconds, time, bytes.len()));
    file.extend(bytes);
}

/// Packets of Ethernet, captured whole, in classic pcap with nanoseconds.
pub(crate) fn pcap(packets: &[TestPacket]) -> Vec<u8> {
    pcap_of(ETHERNET, packets)
}

/// The same for another link type.
pub(crate) fn pcap_of(link_type: u32, packets: &[TestPacket]) -> Vec<u8> {
    let mut file = pcap_header(link_type);
    for packet in packets {
        pcap_packet(&mut file, packet.time, &packet.bytes);
    }
    file
}

/// pcapng with one section and one interface of Ethernet and nanoseconds.
pub(crate) fn pcapng(packets: &[TestPacket]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xff; 8]);
    block(&mut file, 0x0a0d_0d0a, &section);
    let mut interface = (ETHERNET as u16).to_le_bytes().to_vec();
    interface.extend([0, 0]);
    interface.extend(SNAP_LENGTH.to_le_bytes());
    // if_tsresol: 10^-9 seconds; then opt_endofopt.
    interface.extend([9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    block(&mut file, 1, &interface);
    for packet in packets {
        let mut body = vec![0; 4];
        body.extend(((packet.time >> 32) as u32).to_le_bytes());
        body.extend((packet.time as u32).to_le_bytes());
        body.extend((packet.bytes.len() as u32).to_le_bytes());
        body.extend((packet.original_length as u32).to_le_bytes());
        body.extend(&packet.bytes);
        block(&mut file, 6, &body);
    }
    file
}

/// Any bytes in gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A block of pcapng, padded to four bytes, its length before and after.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.resize(file.len() + padded - body.len(), 0);
    file.extend(length);
}

const SNAP_LENGTH: u32 = 262_144;
