//! The parts of a frame: the fields of its header and its payload, and the one that is examined.

use std::ops::Range;

use crate::describe::frame::dissection::Dissection;
use crate::describe::frame::drawing::FramePart;
use crate::describe::frame::{self, FieldKind, FrameField};
use crate::text::role::Role;
use crate::timeline::{FindingRow, Opened, OpenedFrame, Row, RowKind, Timeline};
use crate::tui::inspector::context::InspectorContext;
use crate::websocket::{Compression, Opcode};

/// A frame in its parts.
pub(super) struct Parts<'a> {
    /// The frame; `None` if its header is cut short.
    pub(super) frame: Option<&'a OpenedFrame>,
    /// Which one of the message it is, from 0.
    pub(super) number: usize,
    /// How many the message has.
    pub(super) of: usize,
    /// The fields of its header.
    pub(super) dissection: Dissection,
    /// Its header as sent, as far as it is there.
    pub(super) header: Vec<u8>,
    /// Where in the row's bytes that is.
    pub(super) header_range: Range<usize>,
    /// Its payload as sent, as far as it was read.
    pub(super) payload: &'a [u8],
    /// Whether its message is marked as compressed.
    pub(super) compressed: bool,
    /// What is wrong with it.
    pub(super) findings: Vec<&'a FindingRow>,
    /// What is examined.
    selected: usize,
}

impl<'a> Parts<'a> {
    /// The parts of a frame of the row; of the last one where there are not so many.
    pub(super) fn of(
        context: &InspectorContext<'a>,
        frame: usize,
        selected: usize,
    ) -> Option<Self> {
        let (row, opened) = (context.row?, context.opened?);
        let connection = context.timeline.connection(row.connection);
        let compression = match (connection, row.direction) {
            (Some(connection), Some(direction)) => *connection.compression.get(direction),
            (None, _) | (_, None) => Compression::Unknown,
        };
        let number = frame.min(opened.frames.len().saturating_sub(1));
        let frame = opened.frames.get(number);
        let (header_range, header) = match frame {
            Some(frame) => header_of(opened, frame),
            None if row.kind == RowKind::HeaderUnfinished => {
                (0..opened.wire.len(), opened.wire.clone())
            }
            None => return None,
        };
        let about = frame::FrameContext { direction: row.direction, compression };
        let payload = frame.map_or(0..0, |frame| frame.payload_range.clone());
        let offset = frame.map_or(row.offset, |frame| frame.offset);
        let findings = findings_at(context.timeline, &row, offset);
        let broken = findings.iter().filter_map(|row| row.finding.bits).collect();
        let dissection = Dissection::new(&header, about, broken);
        let selected = selected.min(dissection.fields.len());
        Some(Self {
            frame,
            number,
            of: opened.frames.len(),
            dissection,
            header,
            header_range,
            payload: opened.wire.get(payload).unwrap_or_default(),
            compressed: row.compressed || is_part_of_compressed(context.timeline, &row),
            findings,
            selected,
        })
    }

    /// How many parts there are: the fields, and the payload.
    pub(super) fn count(&self) -> usize {
        self.dissection.fields.len().saturating_add(1)
    }

    /// What is examined.
    pub(super) fn selected(&self) -> FramePart {
        if self.selected < self.dissection.fields.len() {
            FramePart::Field(self.selected)
        } else {
            FramePart::Payload
        }
    }

    /// The field that is examined; `None` for the payload.
    pub(super) fn field(&self) -> Option<&FrameField> {
        self.dissection.fields.get(self.selected)
    }

    /// The range of the selected part in the row's bytes; a field may be only some bits of its bytes.
    pub(super) fn selected_range(&self) -> Range<usize> {
        match self.field() {
            Some(field) => {
                let start = usize::from(field.start_bit / 8);
                let end = usize::from(field.start_bit.saturating_add(field.bits).div_ceil(8));
                let base = self.header_range.start;
                let limit = self.header_range.end;
                base.saturating_add(start).min(limit)..base.saturating_add(end).min(limit)
            }
            None => self.frame.map_or(0..0, |frame| frame.payload_range.clone()),
        }
    }

    /// What a field is drawn with: the color of its kind, or that of errors.
    pub(super) fn role(&self, field: &FrameField) -> Role {
        if self.dissection.is_broken(field) { Role::Error } else { role(field.kind) }
    }
}

/// The first frame of the row with bits that break a rule, and the first field with such bits.
pub(super) fn broken(context: &InspectorContext<'_>) -> Option<(usize, usize)> {
    let (row, opened) = (context.row?, context.opened?);
    let with_bits = context.timeline.findings_of(row.id).filter(|it| it.finding.bits.is_some());
    let offset = with_bits.filter_map(|it| it.finding.offset).min()?;
    let frame = opened.frames.iter().position(|frame| frame.offset == offset).unwrap_or(0);
    let parts = Parts::of(context, frame, 0)?;
    Some((frame, parts.dissection.first_broken()?))
}

/// The color of a kind of field.
pub(super) fn role(kind: FieldKind) -> Role {
    match kind {
        FieldKind::Fin | FieldKind::Rsv1 | FieldKind::Rsv2 | FieldKind::Rsv3 => Role::HeaderFlags,
        FieldKind::Opcode => Role::HeaderOpcode,
        FieldKind::Mask | FieldKind::MaskingKey => Role::HeaderMask,
        FieldKind::Length | FieldKind::ExtendedLength => Role::HeaderLength,
    }
}

/// What a byte of a header is drawn with: the first two hold several fields.
pub(super) fn byte_role(fields: &[FrameField], byte: usize) -> Role {
    let bit = u16::try_from(byte.saturating_mul(8)).unwrap_or(u16::MAX);
    match byte {
        0 => Role::HeaderOpcode,
        1 => Role::HeaderLength,
        _ => {
            let field = fields.iter().rfind(|field| field.start_bit <= bit);
            field.map_or(Role::Text, |field| role(field.kind))
        }
    }
}

/// Whether a row that is one frame belongs to a message that is marked as compressed: only the first
/// frame bears the mark (RFC 7692 §6).
fn is_part_of_compressed(timeline: &Timeline, row: &Row) -> bool {
    let RowKind::Frame { opcode, rsv, .. } = row.kind else { return false };
    match Opcode::from_wire(opcode) {
        Some(Opcode::Text | Opcode::Binary) => rsv & RSV1 != 0,
        Some(Opcode::Continuation) => {
            let rows = timeline.rows_of(row.connection);
            let behind = rows.partition_point(|id| *id <= row.id);
            let rows = rows.get(behind..).unwrap_or_default().iter().take(NEAR);
            let message = rows.filter_map(|id| timeline.row(*id)).find(|other| {
                matches!(other.kind, RowKind::Message(Opcode::Text | Opcode::Binary))
                    && other.direction == row.direction
            });
            message.is_some_and(|message| message.compressed && message.offset <= row.offset)
        }
        Some(Opcode::Close | Opcode::Ping | Opcode::Pong) | None => false,
    }
}

fn header_of(opened: &Opened, frame: &OpenedFrame) -> (Range<usize>, Vec<u8>) {
    let range = frame.header_range.clone();
    let seen = opened.wire.get(range.clone()).filter(|seen| !seen.is_empty());
    // Of a frame after what was read of a long row, the header is known all the same.
    let header = seen.map_or_else(|| frame::wire(&frame.header), <[u8]>::to_vec);
    (range, header)
}

/// The findings about the frame at an offset of the row's stream.
fn findings_at<'a>(timeline: &'a Timeline, row: &Row, offset: u64) -> Vec<&'a FindingRow> {
    let is_here = |it: &&FindingRow| {
        it.finding.offset == Some(offset)
            && it.finding.direction == row.direction
            && it.finding.bits.is_some()
    };
    timeline.findings_of(row.id).filter(is_here).collect()
}

/// RSV1 among the three reserved bits of a row.
const RSV1: u8 = 0x4;

/// Rows after a frame among which its message is looked for.
const NEAR: usize = 1_024;
