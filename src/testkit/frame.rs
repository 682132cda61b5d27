//! WebSocket frames (RFC 6455 §5.2) and compressed payloads (RFC 7692 §7.2.1).

use std::io::Write;

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compress, FlushCompress};

/// A frame of a server: `first` is its first byte, with FIN, RSV and opcode.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, None, payload)
}

/// A frame of a client with a key that is made of its payload.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let sum = [&[first], payload].concat().into_iter().fold(0x9e37_79b9_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193).rotate_left(7)
    });
    masked_with(sum.to_be_bytes(), first, payload)
}

/// A frame of a client with this key.
pub(crate) fn masked_with(key: [u8; 4], first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, Some(key), payload)
}

/// A frame whose length is in the shortest form.
pub(crate) fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    push_frame(&mut bytes, first, key, payload);
    bytes
}

/// Appends a frame whose length is in the shortest form.
pub(crate) fn push_frame(to: &mut Vec<u8>, first: u8, key: Option<[u8; 4]>, payload: &[u8]) {
    let mask = if key.is_some() { 0x80 } else { 0 };
    to.push(first);
    match payload.len() {
        length @ ..=125 => to.push(mask | length as u8),
        length @ 126..=0xffff => {
            to.push(mask | 0x7e);
            to.extend((length as u16).to_be_bytes());
        }
        length => {
            to.push(mask | 0x7f);
            to.extend((length as u64).to_be_bytes());
        }
    }
    to.extend(key.iter().flatten());
    let start = to.len();
    to.extend_from_slice(payload);
    if let Some(key) = key {
        for part in to[start..].chunks_mut(4) {
            part.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        }
    }
}

/// A message's payload after compression, which may refer to what `compress` saw before.
pub(crate) fn deflate(compress: &mut Compress, content: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    let before = compress.total_in();
    loop {
        let taken = (compress.total_in() - before) as usize;
        // More than deflate ever needs for what is left.
        payload.reserve(content.len() - taken + 1_024);
        compress.compress_vec(&content[taken..], &mut payload, FlushCompress::Sync).unwrap();
        if compress.total_in() - before == content.len() as u64 {
            break;
        }
    }
    // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
    assert!(payload.ends_with(&[0, 0, 0xff, 0xff]), "flushed to a byte boundary");
    payload.truncate(payload.len() - 4);
    payload
}

/// A compressor of permessage-deflate that has seen nothing.
pub(crate) fn compressor() -> Compress {
    Compress::new(flate2::Compression::default(), false)
}

/// Bytes in gzip's format (RFC 1952).
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut coder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    coder.write_all(content).unwrap();
    coder.finish().unwrap()
}

/// Bytes in zlib's format (RFC 1950).
pub(crate) fn zlib(content: &[u8]) -> Vec<u8> {
    let mut coder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    coder.write_all(content).unwrap();
    coder.finish().unwrap()
}
