//! Capture files as bytes: pcap and pcapng, plain and in gzip.

use std::io::Write;

use flate2::write::GzEncoder;

use super::scenario::Packet;

/// `LINKTYPE_ETHERNET`.
pub(crate) const ETHERNET: u32 = 1;

/// Magic number of classic pcap with nanoseconds.
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;
const SNAP_LENGTH: u32 = 262_144;

/// The file header of classic pcap.
pub(crate) fn pcap_header(link_type: u32) -> Vec<u8> {
    let mut file = NANOSECONDS.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0]);
    file.extend([0; 8]);
    file.extend(SNAP_LENGTH.to_le_bytes());
    file.extend(link_type.to_le_bytes());
    file
}

/// Appends a packet to classic pcap.
pub(crate) fn pcap_packet(file: &mut Vec<u8>, time: u64, bytes: &[u8]) {
    file.extend(((time / NANOSECONDS_PER_SECOND) as u32).to_le_bytes());
    file.extend(((time % NANOSECONDS_PER_SECOND) as u32).to_le_bytes());
    file.extend((bytes.len() as u32).to_le_bytes());
    file.extend((bytes.len() as u32).to_le_bytes());
    file.extend(bytes);
}

/// Classic pcap with nanoseconds, little-endian.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut file = pcap_header(ETHERNET);
    for packet in packets {
        pcap_packet(&mut file, packet.time, &packet.bytes);
    }
    file
}

/// pcapng with one section and one interface of nanoseconds.
pub(crate) fn pcapng(packets: &[Packet]) -> Vec<u8> {
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
        body.extend((packet.bytes.len() as u32).to_le_bytes());
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

/// A block of pcapng, padded to four bytes, its length before and behind.
fn block(file: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let padded = body.len().next_multiple_of(4);
    let length = (padded as u32 + 12).to_le_bytes();
    file.extend(kind.to_le_bytes());
    file.extend(length);
    file.extend(body);
    file.resize(file.len() + padded - body.len(), 0);
    file.extend(length);
}
