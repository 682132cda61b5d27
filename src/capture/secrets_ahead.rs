//! Secrets that come later in a file than the packets that they decrypt.

use std::path::Path;

use super::Secrets;
use super::open::open;

/// The TLS secrets embedded anywhere in a capture file: it is read once more, as far as it can be.
pub(super) fn secrets_ahead(path: &Path) -> Vec<Secrets> {
    let Ok(mut source) = open(path) else { return Vec::new() };
    while let Ok(Some(_)) = source.next_packet() {}
    source.secrets().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, Packet, PcapngWriter};
    use crate::stream::{PacketId, Timestamp};

    #[test]
    fn secrets_are_found_wherever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("late.pcapng");
        let mut writer = PcapngWriter::new(fs_create(&path)).unwrap();
        let secrets = |data: &[u8]| Secrets { kind: 0x544c_534b, data: data.to_vec() };
        let packet = Packet {
            id: PacketId(1),
            time: Timestamp(1),
            link_type: LinkType(1),
            interface: 0,
            bytes: &[0; 60],
            original_length: 60,
            file_offset: 0,
        };
        writer.push(&packet).unwrap();
        writer.secrets(&secrets(b"CLIENT_RANDOM 0 1")).unwrap();
        writer.push(&packet).unwrap();
        writer.secrets(&secrets(b"CLIENT_RANDOM 2 3")).unwrap();
        writer.finish().unwrap();
        let mut source = open(&path).unwrap();
        source.next_packet().unwrap();
        assert!(source.secrets().is_empty());
        let expected = [secrets(b"CLIENT_RANDOM 0 1"), secrets(b"CLIENT_RANDOM 2 3")];
        assert_eq!(source.secrets_ahead(), expected);
        assert!(source.secrets_ahead().is_empty(), "only once");
    }

    fn fs_create(path: &Path) -> std::fs::File {
        std::fs::File::create(path).unwrap()
    }
}
