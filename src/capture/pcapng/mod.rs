//! pcapng captures: sections, interfaces, packets, secrets.
//!
//! A block whose content is damaged but whose ends are known is skipped and reported. If even the
//! ends of a block disagree, nothing after it can be found, and reading ends with an error.
//!
//! Source: draft-ietf-opsawg-pcapng.

mod blocks;
mod clock;
mod comments;
pub(super) mod copy;

use std::path::{Path, PathBuf};

use self::blocks::{InterfaceDescription, PacketFields};
use super::bytes::ByteOrder;
use super::error::{Damage, Error, Looks, SkippedBlock, SkippedBlocks, TruncatedPart};
use super::foreign::Remedy;
use super::input::Input;
use super::secrets_ahead::secrets_ahead;
use super::{LinkType, MEMORY_LIMIT, Packet, PacketSource, Secrets};
use crate::stream::{PacketId, Timestamp, length_u64, length_usize};

/// A pcapng capture whose packets are being read.
pub(super) struct Pcapng {
    input: Input,
    /// Byte order of this section.
    order: ByteOrder,
    /// Interfaces of this section; `None` for one whose description is damaged.
    interfaces: Vec<Option<InterfaceDescription>>,
    /// How many interfaces earlier sections had.
    earlier_interfaces: u32,
    /// How many packets the interfaces of earlier sections dropped.
    earlier_dropped: u64,
    packets: u64,
    secrets: Vec<Secrets>,
    secrets_length: usize,
    /// Comments of sections that may be key logs.
    comments: Vec<Vec<u8>>,
    skipped_blocks: SkippedBlocks,
    /// Where secrets that come later can be looked for, until that was done.
    path: Option<PathBuf>,
    /// No more packets follow.
    ended: bool,
}

/// A packet whose block is the next of the input.
struct FoundPacket {
    time: Timestamp,
    link_type: LinkType,
    interface: u32,
    original: u32,
    /// Bytes of the block before those of the packet.
    before: usize,
    captured: usize,
    /// Bytes of the block after those of the packet.
    after: usize,
}

/// Recognizes a pcapng capture by its first bytes.
pub(super) fn recognize(first: &[u8]) -> bool {
    first.starts_with(&SECTION_HEADER.to_be_bytes())
}

impl Pcapng {
    /// Looks at the first section's header; its block is read with the first packet.
    pub(super) fn open(mut input: Input, path: Option<&Path>) -> Result<Self, Error> {
        let whole = input.ensure(SECTION_LENGTH)?;
        let name = input.name().to_owned();
        if !whole {
            let looks = Looks::Short { length: length_u64(input.available().len()) };
            return Err(Error::NotCapture { name, looks });
        }
        let Some(order) = byte_order(input.available()).ok() else {
            return Err(Error::NotCapture { name, looks: Looks::Noise });
        };
        let body = input.available().get(SECTION_FIELDS..).unwrap_or_default();
        if !blocks::section(body, order).is_ok_and(|(_, section)| section.major == MAJOR_VERSION) {
            return Err(Error::Unsupported {
                name,
                format: "a pcapng file of an unknown version",
                remedy: Remedy::Convert,
            });
        }
        let mut source = Self {
            input,
            order,
            interfaces: Vec::new(),
            earlier_interfaces: 0,
            earlier_dropped: 0,
            packets: 0,
            secrets: Vec::new(),
            secrets_length: 0,
            comments: Vec::new(),
            skipped_blocks: SkippedBlocks::default(),
            path: path.map(Path::to_path_buf),
            ended: false,
        };
        if path.is_some_and(Path::is_file) {
            // Secrets before the first packet may decrypt it. An error occurs again when that is read.
            source.find().ok();
        }
        Ok(source)
    }

    /// Reads blocks until one contains a packet, which it leaves in the input.
    #[inline]
    fn find(&mut self) -> Result<Option<FoundPacket>, Error> {
        loop {
            if !self.input.ensure(BLOCK_HEADER)? {
                return if self.input.available().is_empty() {
                    Ok(None)
                } else {
                    Err(self.truncated(TruncatedPart::Block, length_u64(BLOCK_HEADER)))
                };
            }
            let Some((block_type, length)) = self.block_header()? else { continue };
            let content = length_usize(u64::from(length)) - BLOCK_HEADER - TRAILER;
            let body = self.body(content);
            let found = match block_type {
                ENHANCED_PACKET => blocks::enhanced_packet(body, self.order)
                    .map(|fields| self.packet(fields, content)),
                PACKET => {
                    blocks::old_packet(body, self.order).map(|fields| self.packet(fields, content))
                }
                SIMPLE_PACKET => blocks::simple_packet(body, self.order)
                    .map(|original| self.simple_packet(original, content)),
                _ => {
                    self.other_block(block_type, content);
                    self.input.consume(length_usize(u64::from(length)));
                    continue;
                }
            };
            match found.unwrap_or(Err(Damage::ShortBlock { block_type })) {
                Ok(found) => return Ok(Some(found)),
                Err(damage) => self.notice(damage),
            }
            self.input.consume(length_usize(u64::from(length)));
        }
    }

    /// Reads the type and length of a block, and makes the block available.
    ///
    /// Returns `None` for blocks that are too large, after skipping them.
    #[inline]
    fn block_header(&mut self) -> Result<Option<(u32, u32)>, Error> {
        let [type_bytes, length_bytes] = self.words();
        let block_type = self.order.u32(type_bytes);
        if block_type == SECTION_HEADER {
            self.start_section()?;
        }
        let length = self.order.u32(length_bytes);
        let minimum = if block_type == SECTION_HEADER { SECTION_MINIMUM } else { BLOCK_MINIMUM };
        if length < minimum || !length.is_multiple_of(4) {
            return Err(self.input.damaged(Damage::BlockLength { length }));
        }
        if length > MEMORY_LIMIT {
            self.skip_large(block_type, length)?;
            return Ok(None);
        }
        if !self.input.ensure(length_usize(u64::from(length)))? {
            return Err(self.truncated(self.piece(block_type), u64::from(length)));
        }
        let end = length_usize(u64::from(length)) - TRAILER;
        self.check_end(length, self.input.available().get(end..))?;
        Ok(Some((block_type, length)))
    }

    /// The first two words of the input.
    #[inline]
    fn words(&self) -> [[u8; 4]; 2] {
        let first = self.input.available().first_chunk::<BLOCK_HEADER>();
        match first.map(|first| first.as_chunks::<4>().0) {
            Some(&[first, second]) => [first, second],
            _ => [[0; 4]; 2],
        }
    }

    /// The bytes between a block's header and the length at its end.
    #[inline]
    fn body(&self, content: usize) -> &[u8] {
        self.input.available().get(BLOCK_HEADER..BLOCK_HEADER + content).unwrap_or_default()
    }

    /// Compares the length at the end of a block with that at its start.
    #[inline]
    fn check_end(&self, length: u32, end: Option<&[u8]>) -> Result<(), Error> {
        let trailer = end.and_then(|end| end.first_chunk::<TRAILER>());
        let trailer = self.order.u32(trailer.copied().unwrap_or_default());
        if trailer == length {
            Ok(())
        } else {
            Err(self.input.damaged(Damage::BlockEnd { length, trailer }))
        }
    }

    /// Skips a block that is too large for memory.
    fn skip_large(&mut self, block_type: u32, length: u32) -> Result<(), Error> {
        let truncated = self.truncated(self.piece(block_type), u64::from(length));
        let damaged = self.input.damaged(Damage::BlockLength { length });
        if block_type == SECTION_HEADER {
            return Err(damaged);
        }
        if KNOWN.contains(&block_type) {
            self.notice(Damage::LargeBlock { block_type, length });
            // Keeps the numbers of the interfaces that follow.
            if block_type == INTERFACE_DESCRIPTION {
                self.add_interface(None);
            }
        }
        let rest = length - BLOCK_MINIMUM;
        self.input.consume(BLOCK_HEADER);
        if !self.input.skip(u64::from(rest))? || !self.input.ensure(TRAILER)? {
            return Err(truncated);
        }
        self.check_end(length, Some(self.input.available())).map_err(|_| damaged)?;
        self.input.consume(TRAILER);
        Ok(())
    }

    /// Reads the byte order of a section, which the length of its header is written in.
    fn start_section(&mut self) -> Result<(), Error> {
        if !self.input.ensure(SECTION_LENGTH)? {
            return Err(self.truncated(TruncatedPart::Block, length_u64(SECTION_LENGTH)));
        }
        self.order = byte_order(self.input.available())
            .map_err(|mark| self.input.damaged(Damage::ByteOrder { mark }))?;
        let body = self.input.available().get(SECTION_FIELDS..).unwrap_or_default();
        if let Ok((_, section)) = blocks::section(body, self.order)
            && section.major != MAJOR_VERSION
        {
            let (major, minor) = (section.major, section.minor);
            return Err(self.input.damaged(Damage::SectionVersion { major, minor }));
        }
        let ended = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.earlier_interfaces = self.earlier_interfaces.saturating_add(ended);
        self.earlier_dropped = self.dropped();
        self.interfaces.clear();
        Ok(())
    }

    /// Checks the fields of a packet's block.
    #[inline]
    fn packet(&self, fields: PacketFields, content: usize) -> Result<FoundPacket, Damage> {
        let interface = fields.interface;
        let described = self.interfaces.get(length_usize(u64::from(interface)));
        let Some(Some(described)) = described else {
            return Err(Damage::UnknownInterface { interface });
        };
        let captured = length_usize(u64::from(fields.captured));
        let room = content - blocks::PACKET_FIELDS;
        if captured > room {
            let captured = fields.captured;
            return Err(Damage::CapturedLength { captured, room: length_u64(room) });
        }
        Ok(FoundPacket {
            time: described.clock.time(fields.ticks),
            link_type: described.link_type,
            interface: self.earlier_interfaces.saturating_add(interface),
            original: fields.original,
            before: BLOCK_HEADER + blocks::PACKET_FIELDS,
            captured,
            after: room - captured + TRAILER,
        })
    }

    /// The same for a block without interface, time and captured length (4.4).
    fn simple_packet(&self, original: u32, content: usize) -> Result<FoundPacket, Damage> {
        let Some(Some(described)) = self.interfaces.first() else {
            return Err(Damage::UnknownInterface { interface: 0 });
        };
        let limit = match described.snap_length {
            0 => original,
            limit => original.min(limit),
        };
        let room = content - blocks::SIMPLE_PACKET_FIELDS;
        let captured = length_usize(u64::from(limit));
        if captured > room {
            return Err(Damage::CapturedLength { captured: limit, room: length_u64(room) });
        }
        Ok(FoundPacket {
            time: Timestamp(0),
            link_type: described.link_type,
            interface: self.earlier_interfaces,
            original,
            before: BLOCK_HEADER + blocks::SIMPLE_PACKET_FIELDS,
            captured,
            after: room - captured + TRAILER,
        })
    }

    /// Reads a block without a packet. Names, comments and unknown blocks are skipped.
    fn other_block(&mut self, block_type: u32, content: usize) {
        let (body, order) = (self.body(content), self.order);
        match block_type {
            SECTION_HEADER => {
                let long = blocks::comments(body, order).filter(|it| it.len() >= SHORTEST_SECRET);
                let room = MAX_COMMENTS.saturating_sub(self.comments.len());
                let comments: Vec<Vec<u8>> = long.take(room).map(<[u8]>::to_vec).collect();
                self.comments.extend(comments);
            }
            INTERFACE_DESCRIPTION => {
                let interface = blocks::interface(body, order).ok().map(|(_, interface)| interface);
                if interface.is_none() {
                    self.notice(Damage::ShortBlock { block_type });
                }
                self.add_interface(interface);
            }
            INTERFACE_STATISTICS => {
                let statistics = blocks::statistics(body, order).map(|(_, statistics)| statistics);
                match statistics {
                    Ok((interface, dropped)) => self.set_dropped(interface, dropped),
                    Err(_) => self.notice(Damage::ShortBlock { block_type }),
                }
            }
            DECRYPTION_SECRETS => match blocks::secrets(body, order) {
                Ok((_, secrets)) => self.add_secrets(secrets),
                Err(_) => self.notice(Damage::ShortBlock { block_type }),
            },
            _ => {}
        }
    }

    fn add_interface(&mut self, interface: Option<InterfaceDescription>) {
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
        } else {
            self.notice(Damage::TooManyInterfaces);
        }
    }

    fn set_dropped(&mut self, interface: u32, dropped: u64) {
        match self.interfaces.get_mut(length_usize(u64::from(interface))) {
            Some(Some(described)) => described.dropped = dropped,
            _ => self.notice(Damage::UnknownInterface { interface }),
        }
    }

    fn add_secrets(&mut self, secrets: Secrets) {
        let length = self.secrets_length + secrets.data.len() + size_of::<Secrets>();
        if length <= MAX_SECRETS {
            self.secrets_length = length;
            self.secrets.push(secrets);
        } else {
            self.notice(Damage::TooManySecrets);
        }
    }

    #[cold]
    fn notice(&mut self, damage: Damage) {
        let after = PacketId(self.packets);
        self.skipped_blocks.add(SkippedBlock { offset: self.input.offset(), after, damage });
    }

    /// What is missing if a block of this type is cut off.
    fn piece(&self, block_type: u32) -> TruncatedPart {
        match block_type {
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => {
                TruncatedPart::Packet(PacketId(self.packets + 1))
            }
            _ => TruncatedPart::Block,
        }
    }

    fn truncated(&self, piece: TruncatedPart, length: u64) -> Error {
        self.input.truncated(piece, length)
    }
}

impl PacketSource for Pcapng {
    fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let found = match self.find() {
            Ok(Some(found)) => found,
            end => {
                self.ended = true;
                return end.map(|_| None);
            }
        };
        self.packets += 1;
        let file_offset = self.input.offset() + length_u64(found.before);
        Ok(Some(Packet {
            id: PacketId(self.packets),
            time: found.time,
            link_type: found.link_type,
            interface: found.interface,
            bytes: self.input.take(found.before, found.captured, found.after),
            original_length: found.original,
            file_offset,
        }))
    }

    fn name(&self) -> &str {
        self.input.name()
    }

    fn position(&self) -> u64 {
        self.input.position()
    }

    fn secrets(&self) -> &[Secrets] {
        &self.secrets
    }

    fn comments(&self) -> &[Vec<u8>] {
        &self.comments
    }

    fn secrets_ahead(&mut self) -> Vec<Secrets> {
        self.path.take().map_or_else(Vec::new, |path| secrets_ahead(&path))
    }

    fn skipped_blocks(&self) -> &SkippedBlocks {
        &self.skipped_blocks
    }

    fn is_ready(&self) -> bool {
        !self.input.available().is_empty()
    }

    fn dropped(&mut self) -> u64 {
        let described = self.interfaces.iter().flatten();
        let here = described.fold(0_u64, |sum, interface| sum.saturating_add(interface.dropped));
        self.earlier_dropped.saturating_add(here)
    }
}

/// The byte order of a section by the mark in its header; the mark itself if it is unknown.
fn byte_order(section: &[u8]) -> Result<ByteOrder, u32> {
    let mark = section.get(BLOCK_HEADER..).and_then(|rest| rest.first_chunk::<4>());
    let mark = mark.copied().unwrap_or_default();
    [ByteOrder::Little, ByteOrder::Big]
        .into_iter()
        .find(|order| order.u32(mark) == BYTE_ORDER_MARK)
        .ok_or_else(|| u32::from_be_bytes(mark))
}

/// Section Header Block; reads the same in both byte orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;

/// Interface Description Block.
const INTERFACE_DESCRIPTION: u32 = 1;

/// Packet Block, obsolete.
const PACKET: u32 = 2;

/// Simple Packet Block.
const SIMPLE_PACKET: u32 = 3;

/// Interface Statistics Block.
const INTERFACE_STATISTICS: u32 = 5;

/// Enhanced Packet Block.
const ENHANCED_PACKET: u32 = 6;

/// Decryption Secrets Block.
const DECRYPTION_SECRETS: u32 = 10;

/// The blocks whose content matters.
const KNOWN: &[u32] = &[
    INTERFACE_DESCRIPTION,
    PACKET,
    SIMPLE_PACKET,
    INTERFACE_STATISTICS,
    ENHANCED_PACKET,
    DECRYPTION_SECRETS,
];

const BYTE_ORDER_MARK: u32 = 0x1a2b_3c4d;

/// The only major version.
const MAJOR_VERSION: u16 = 1;

/// Length of a block's type and length, in bytes.
const BLOCK_HEADER: usize = 8;

/// Length of the length at the end of a block, in bytes.
const TRAILER: usize = 4;

/// Length of a block without content, in bytes.
const BLOCK_MINIMUM: u32 = 12;

/// Length of a section's header without options, in bytes, as a block's length.
const SECTION_MINIMUM: u32 = 28;

/// Position of the version in a section's header, after the byte order mark.
const SECTION_FIELDS: usize = 12;

/// Length of a section's header without options, in bytes.
const SECTION_LENGTH: usize = 28;

/// Comments of sections that are kept.
const MAX_COMMENTS: usize = 64;

/// The length of the shortest line with a secret, in bytes: a label, a random of 32 bytes, and a secret.
const SHORTEST_SECRET: usize = 68;

/// Interfaces kept for one section; tools describe tens.
const MAX_INTERFACES: usize = 1 << 16;

/// Bytes of secrets kept for one capture; a connection's take about 700.
pub(super) const MAX_SECRETS: usize = 64 << 20;
