//! Copying a capture block by block, with other secrets. Nothing else is changed.

use std::io::{self, Seek, SeekFrom, Write};

use super::comments::edited;
use super::{
    BLOCK_HEADER, BLOCK_MINIMUM, DECRYPTION_SECRETS, INTERFACE_DESCRIPTION, Pcapng, SECTION_HEADER,
    TRAILER,
};
use crate::capture::bytes::ByteOrder;
use crate::capture::error::{Error, TruncatedPart};
use crate::capture::secrets_change::{RewriteCounts, SecretsChange, key_log_blocks};
use crate::capture::{KEY_LOG, MEMORY_LIMIT};
use crate::stream::{length_u64, length_usize};

/// A capture that is being written.
pub(in crate::capture) struct BlockCopy<'c, W> {
    out: W,
    /// The name of the file in messages.
    name: String,
    change: SecretsChange<'c>,
    /// Whether secrets are still to be written.
    is_pending: bool,
    counts: RewriteCounts,
    section: Section,
}

/// The section that is being written.
#[derive(Clone, Copy)]
struct Section {
    order: ByteOrder,
    /// Position of its header; none before the first section.
    header: Option<u64>,
    /// Its length without the header as it was given, in bytes; [`UNSPECIFIED`] if it was not.
    length: u64,
    /// What was added to it and removed from it, in bytes.
    added: u64,
    removed: u64,
}

impl<'c, W: Write + Seek> BlockCopy<'c, W> {
    /// Begins to write a file.
    pub(in crate::capture) fn new(out: W, name: String, change: SecretsChange<'c>) -> Self {
        let is_pending = matches!(change, SecretsChange::Inject(_));
        let section = Section {
            order: ByteOrder::Little,
            header: None,
            length: UNSPECIFIED,
            added: 0,
            removed: 0,
        };
        Self { out, name, change, is_pending, counts: RewriteCounts::default(), section }
    }

    /// Copies all blocks of a capture that was just opened; gives the damage that ends it, if any.
    ///
    /// # Errors
    ///
    /// [`Error::Unwritable`].
    pub(in crate::capture) fn run(
        mut self,
        mut from: Pcapng,
    ) -> Result<(RewriteCounts, Option<Error>), Error> {
        let damage = loop {
            match from.next_block() {
                Ok(None) => break None,
                Ok(Some(Block::Whole { block_type, length })) => {
                    let block = from.input.available().get(..length).unwrap_or_default();
                    let written = self.block(block_type, block, from.order);
                    written.map_err(|cause| self.unwritable(cause))?;
                    from.input.consume(length);
                }
                Ok(Some(Block::Large { block_type, length })) => {
                    let removes = self.removes(block_type);
                    self.before(block_type).map_err(|cause| self.unwritable(cause))?;
                    if removes {
                        self.note_removed(&[], u64::from(length), from.order);
                    }
                    match self.large(&mut from, length, removes) {
                        Ok(()) => {}
                        Err(LargeBlock::Unread(damage)) => break Some(damage),
                        Err(LargeBlock::Unwritten(cause)) => return Err(self.unwritable(cause)),
                    }
                }
                Err(damage) => break Some(damage),
            }
        };
        let finished = self.finish();
        finished.map_err(|cause| self.unwritable(cause))?;
        Ok((self.counts, damage))
    }

    /// Writes a block that is whole in memory, as far as it is to be written.
    fn block(&mut self, block_type: u32, block: &[u8], order: ByteOrder) -> io::Result<()> {
        self.before(block_type)?;
        if block_type == SECTION_HEADER {
            self.begin_section(block, order)?;
        }
        if self.removes(block_type) {
            self.note_removed(block, length_u64(block.len()), order);
            return Ok(());
        }
        let end = block.len().saturating_sub(TRAILER);
        let body = block.get(BLOCK_HEADER..end).unwrap_or_default();
        let SecretsChange::Strip(edit) = &mut self.change else { return self.out.write_all(block) };
        let mut comments = 0;
        let mut count = |comment: &[u8]| edit(comment).inspect(|_| comments += 1);
        let Some(changed) = edited(block_type, body, order, &mut count) else {
            return self.out.write_all(block);
        };
        self.counts.comments = self.counts.comments.saturating_add(comments);
        if block_type != SECTION_HEADER {
            let saved = body.len().saturating_sub(changed.len());
            self.section.removed = self.section.removed.saturating_add(length_u64(saved));
        }
        write_block(&mut self.out, block_type, &changed, order)
    }

    /// Writes what comes before a block of this type.
    fn before(&mut self, block_type: u32) -> io::Result<()> {
        let is_first = self.section.header.is_none();
        let may_wait = is_first || block_type == INTERFACE_DESCRIPTION;
        if self.is_pending && !may_wait { self.inject() } else { Ok(()) }
    }

    /// Writes the secrets, in blocks that any program can read.
    fn inject(&mut self) -> io::Result<()> {
        self.is_pending = false;
        let SecretsChange::Inject(text) = self.change else { return Ok(()) };
        let order = self.section.order;
        for lines in key_log_blocks(text) {
            let length = u32::try_from(lines.len()).unwrap_or(u32::MAX);
            let mut body = Vec::with_capacity(lines.len().saturating_add(12));
            body.extend_from_slice(&order.u32_bytes(KEY_LOG));
            body.extend_from_slice(&order.u32_bytes(length));
            body.extend_from_slice(lines);
            body.resize(body.len().next_multiple_of(4), 0);
            write_block(&mut self.out, DECRYPTION_SECRETS, &body, order)?;
            let added = length_u64(body.len()).saturating_add(u64::from(BLOCK_MINIMUM));
            self.section.added = self.section.added.saturating_add(added);
        }
        Ok(())
    }

    /// Ends a section, and remembers where the next one begins.
    fn begin_section(&mut self, block: &[u8], order: ByteOrder) -> io::Result<()> {
        self.end_section()?;
        let length = block.get(SECTION_LENGTH_FIELD..).and_then(|rest| rest.first_chunk::<8>());
        self.section = Section {
            order,
            header: Some(self.out.stream_position()?),
            length: length.map_or(UNSPECIFIED, |bytes| order.u64(*bytes)),
            added: 0,
            removed: 0,
        };
        Ok(())
    }

    /// Corrects the length of the section in its header, if that gives one.
    fn end_section(&mut self) -> io::Result<()> {
        let Section { order, header, length, added, removed } = self.section;
        let Some(header) = header.filter(|_| length != UNSPECIFIED && added != removed) else {
            return Ok(());
        };
        let length = length.saturating_add(added).saturating_sub(removed);
        let end = self.out.stream_position()?;
        let field = header.saturating_add(length_u64(SECTION_LENGTH_FIELD));
        self.out.seek(SeekFrom::Start(field))?;
        self.out.write_all(&order.u64_bytes(length))?;
        self.out.seek(SeekFrom::Start(end))?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_pending {
            self.inject()?;
        }
        self.end_section()?;
        self.out.flush()
    }

    /// Whether blocks of this type are left out.
    fn removes(&self, block_type: u32) -> bool {
        block_type == DECRYPTION_SECRETS && matches!(self.change, SecretsChange::Strip(_))
    }

    fn note_removed(&mut self, block: &[u8], length: u64, order: ByteOrder) {
        let kind = block.get(BLOCK_HEADER..).and_then(|rest| rest.first_chunk::<4>());
        let is_key_log = kind.is_none_or(|kind| order.u32(*kind) == KEY_LOG);
        self.counts.removed = self.counts.removed.saturating_add(1);
        self.counts.removed_others =
            self.counts.removed_others.saturating_add(u64::from(!is_key_log));
        self.section.removed = self.section.removed.saturating_add(length);
    }

    /// Copies or leaves out a block that is too large for memory, piece by piece.
    fn large(&mut self, from: &mut Pcapng, length: u32, removes: bool) -> Result<(), LargeBlock> {
        let truncated = from.truncated(TruncatedPart::Block, u64::from(length));
        let mut left = u64::from(length);
        while left > 0 {
            if !from.input.ensure(1).map_err(LargeBlock::Unread)? {
                return Err(LargeBlock::Unread(truncated));
            }
            let available = from.input.available();
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = available.get(..most).unwrap_or(available);
            if !removes {
                self.out.write_all(piece).map_err(LargeBlock::Unwritten)?;
            }
            let taken = piece.len();
            left = left.saturating_sub(length_u64(taken));
            from.input.consume(taken);
        }
        Ok(())
    }

    fn unwritable(&self, cause: io::Error) -> Error {
        Error::Unwritable { name: self.name.clone(), cause }
    }
}

/// The next block of the input.
enum Block {
    /// It is available.
    Whole { block_type: u32, length: usize },
    /// It is too large for that.
    Large { block_type: u32, length: u32 },
}

/// Why a large block was not copied.
enum LargeBlock {
    Unread(Error),
    Unwritten(io::Error),
}

impl Pcapng {
    /// Finds the next block, whatever it is; `None` at the end.
    fn next_block(&mut self) -> Result<Option<Block>, Error> {
        if !self.input.ensure(BLOCK_HEADER)? {
            return if self.input.available().is_empty() {
                Ok(None)
            } else {
                Err(self.truncated(TruncatedPart::Block, length_u64(BLOCK_HEADER)))
            };
        }
        let [block_type, length] = self.words().map(|word| self.order.u32(word));
        let is_large = length > MEMORY_LIMIT && length.is_multiple_of(4);
        if block_type != SECTION_HEADER && is_large {
            return Ok(Some(Block::Large { block_type, length }));
        }
        let header = self.block_header()?;
        Ok(header.map(|(block_type, length)| {
            let length = length_usize(u64::from(length));
            Block::Whole { block_type, length }
        }))
    }
}

fn write_block(
    out: &mut impl Write,
    block_type: u32,
    body: &[u8],
    order: ByteOrder,
) -> io::Result<()> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).saturating_add(BLOCK_MINIMUM);
    out.write_all(&order.u32_bytes(block_type))?;
    out.write_all(&order.u32_bytes(length))?;
    out.write_all(body)?;
    out.write_all(&order.u32_bytes(length))
}

/// A section whose length is not given.
const UNSPECIFIED: u64 = u64::MAX;

/// Position of the section's length in its header, in bytes.
const SECTION_LENGTH_FIELD: usize = 16;
