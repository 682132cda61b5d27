//! Copying a capture file to a pcapng file with other secrets.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use super::error::{Error, printable};
use super::open::{open_uncompressed, unknown_format};
use super::output::{BUFFER_BYTES, Replacing, create};
use super::pcapng::copy::BlockCopy;
use super::pcapng::{self, Pcapng};
use super::secrets_change::{RewriteCounts, SecretsChange, key_log_blocks};
use super::write::PcapngWriter;
use super::{PacketSource, Secrets, classic};

/// What became of a copied capture.
#[derive(Debug)]
pub struct Rewritten {
    /// What was changed.
    pub counts: RewriteCounts,
    /// What ends the capture too early: what precedes it was copied.
    pub damage: Option<Error>,
}

/// Copies a capture to a new file of the format pcapng, uncompressed: block by block, without change other
/// than that of its secrets, if it has this format. Memory use does not depend on its size.
///
/// Where a section gives its length, that is corrected. The file can be read by its owner only.
///
/// # Errors
///
/// As [`open`](super::open()), before the file is created; then as
/// [`CaptureOutput::create`](super::CaptureOutput::create).
pub fn rewrite(
    from: &Path,
    to: &Path,
    replacing: Replacing,
    change: SecretsChange<'_>,
) -> Result<Rewritten, Error> {
    let input = open_uncompressed(from)?;
    let name = printable(&to.to_string_lossy());
    if pcapng::recognize(input.available()) {
        let source = Pcapng::open(input, None)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, create(to, replacing)?);
        let (counts, damage) = BlockCopy::new(out, name, change).run(source)?;
        return Ok(Rewritten { counts, damage });
    }
    let Some(variant) = classic::recognize(input.available()) else {
        return Err(unknown_format(input));
    };
    let source = classic::Pcap::open(input, variant)?;
    let out = BufWriter::with_capacity(BUFFER_BYTES, create(to, replacing)?);
    let damage = convert(source, out, &change)
        .map_err(|cause| Error::Unwritable { name: name.clone(), cause })?;
    Ok(Rewritten { counts: RewriteCounts::default(), damage })
}

/// Writes the packets of a classic capture as pcapng; gives the damage that ends it, if any.
fn convert(
    mut source: classic::Pcap,
    out: BufWriter<File>,
    change: &SecretsChange<'_>,
) -> io::Result<Option<Error>> {
    let mut writer = PcapngWriter::new(out)?;
    writer.describe(0, source.link_type(), source.snap_length(), &[])?;
    if let SecretsChange::Inject(text) = change {
        for lines in key_log_blocks(text) {
            writer.secrets(&Secrets::key_log(lines))?;
        }
    }
    let damage = loop {
        match source.next_packet() {
            Ok(Some(packet)) => writer.push(&packet)?,
            Ok(None) => break None,
            Err(damage) => break Some(damage),
        }
    };
    writer.finish()?;
    Ok(damage)
}
