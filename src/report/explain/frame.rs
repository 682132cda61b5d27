//! One frame: its bytes, its drawing, its fields, its payload.

use super::page::{Page, bytes, hex};
use super::{FramePlace, GivenFrame, payload};
use crate::describe::frame::drawing::{BitsPerRow, FramePart, Labels, LineKind, Look, draw};
use crate::describe::frame::{FieldKind, FrameField, anatomy};
use crate::findings::Bits;
use crate::report::style::Role;
use crate::websocket::frame::{FrameHeader, Opcode};

/// Explains a frame from its first bit to its last byte.
pub(super) fn explain(page: &mut Page, frame: &GivenFrame<'_>, place: FramePlace, broken: &[Bits]) {
    let fields = anatomy(frame.bytes, page.options.context);
    title(page, frame, place);
    if frame.is_text() {
        page.blank();
        page.push("These bytes look like text rather than a frame: \"");
        page.foreign(frame.bytes, 1);
        page.push("\"");
        page.end_line();
        page.paragraph(
            0,
            "Perhaps a server answered with HTTP where frames were expected. Read as a frame all the same, \
             they say:",
        );
    }
    page.blank();
    parts(page, frame, &fields);
    page.blank();
    if place.index == 0 {
        page.paragraph(0, INTRODUCTION);
        page.blank();
    }
    drawing(page, &fields, broken);
    page.blank();
    page.heading("The header, field by field");
    page.blank();
    for group in fields.chunk_by(|left, right| left.meaning == right.meaning) {
        field(page, group);
    }
    cut_header(page, frame, &fields);
    if let Some(header) = &frame.header {
        payload::explain(page, frame, header);
    }
}

/// Says in one line what it is.
fn title(page: &mut Page, frame: &GivenFrame<'_>, place: FramePlace) {
    let number = match place.of {
        1 => "Frame".to_owned(),
        of => format!("Frame {} of {of}", place.index.saturating_add(1)),
    };
    let text = match &frame.header {
        Some(header) => format!("{number}: {}", summary(header)),
        None => format!("{number}: a header that is cut short"),
    };
    page.heading(&text);
}

/// `text, the whole message, 5 bytes, masked`
fn summary(header: &FrameHeader) -> String {
    let opcode = Opcode::from_wire(header.opcode);
    let name = opcode.map_or_else(
        || format!("reserved opcode {:X}", header.opcode),
        |opcode| opcode.name().to_owned(),
    );
    let place = match (opcode, header.fin) {
        (Some(Opcode::Text | Opcode::Binary), true) => ", a whole message",
        (Some(Opcode::Text | Opcode::Binary), false) => ", the first frame of a message",
        (Some(Opcode::Continuation), true) => ", the last frame of a message",
        (Some(Opcode::Continuation), false) => ", a frame in the middle of a message",
        (Some(Opcode::Close | Opcode::Ping | Opcode::Pong) | None, _) => "",
    };
    let length = match header.payload_length {
        0 => "no payload".to_owned(),
        length => format!("{} of payload", bytes(length)),
    };
    let masked = if header.mask.is_some() { ", masked" } else { "" };
    format!("{name}{place}, {length}{masked}")
}

/// Writes the bytes with what they are below them.
fn parts(page: &mut Page, frame: &GivenFrame<'_>, fields: &[FrameField]) {
    let mut columns: Vec<(String, &str)> = Vec::new();
    let (first, mut rest) = frame.header_bytes().split_at_checked(2).unwrap_or((frame.bytes, &[]));
    columns.push((hex(first), if first.len() == 2 { "first two bytes" } else { "first byte" }));
    for field in fields {
        let name = match field.kind {
            FieldKind::ExtendedLength => "extended length",
            FieldKind::MaskingKey => "masking key",
            FieldKind::Fin
            | FieldKind::Rsv1
            | FieldKind::Rsv2
            | FieldKind::Rsv3
            | FieldKind::Opcode
            | FieldKind::Mask
            | FieldKind::Length => continue,
        };
        let (part, behind) =
            rest.split_at_checked(usize::from(field.bits / 8)).unwrap_or((rest, &[]));
        columns.push((if part.is_empty() { "(missing)".to_owned() } else { hex(part) }, name));
        rest = behind;
    }
    let payload = frame.payload();
    if let Some(beginning) = payload.get(..payload.len().min(PAYLOAD_BYTES))
        && !beginning.is_empty()
    {
        let more = if beginning.len() < payload.len() { " …" } else { "" };
        columns.push((format!("{}{more}", hex(beginning)), "payload"));
    }
    let mut ends = Vec::new();
    let mut column: usize = 2;
    for (bytes, name) in &columns {
        page.pad_to(column);
        page.push(bytes);
        ends.push(column);
        let width = bytes.chars().count().max(name.len());
        column = column.saturating_add(width).saturating_add(3);
    }
    page.end_line();
    for ((_, name), column) in columns.iter().zip(ends) {
        page.pad_to(column);
        page.words(Role::Dim, name);
    }
    page.end_line();
}

/// Draws the header of a frame.
pub(super) fn draw_header(page: &mut Page, frame: &GivenFrame<'_>, broken: &[Bits]) {
    drawing(page, &anatomy(frame.bytes, page.options.context), broken);
}

fn drawing(page: &mut Page, fields: &[FrameField], broken: &[Bits]) {
    let look = Look { borders: page.options.borders, labels: Labels::Tall, rows: BitsPerRow::Wide };
    for line in draw(fields, look) {
        page.pad_to(2);
        for piece in &line.pieces {
            match (line.kind, piece.part) {
                (LineKind::Ruler | LineKind::Border, _) | (_, None) => {
                    page.words(Role::Dim, &piece.text);
                }
                (LineKind::Bits | LineKind::Labels, Some(FramePart::Field(index)))
                    if fields.get(index).is_some_and(|field| is_broken(field, broken)) =>
                {
                    page.words(Role::Error, &piece.text);
                }
                (LineKind::Bits, Some(FramePart::Field(_))) => {
                    page.words(Role::Strong, &piece.text);
                }
                (LineKind::Bits, Some(FramePart::Payload)) | (LineKind::Labels, Some(_)) => {
                    page.push(&piece.text);
                }
            }
        }
        page.end_line();
    }
}

/// Whether bits of a field break a rule.
fn is_broken(field: &FrameField, broken: &[Bits]) -> bool {
    broken.iter().any(|bits| {
        let (start, end) = (u16::from(bits.start), u16::from(bits.start) + u16::from(bits.count));
        start < field.start_bit.saturating_add(field.bits) && field.start_bit < end
    })
}

/// Explains a field, or several fields with the same explanation.
fn field(page: &mut Page, group: &[FrameField]) {
    let Some(last) = group.last() else { return };
    let names: Vec<String> = group.iter().map(name_and_value).collect();
    let mut title = names.join(", ");
    let repeats =
        matches!(last.kind, FieldKind::Length | FieldKind::ExtendedLength | FieldKind::MaskingKey)
            && !last.words.starts_with("see");
    if !repeats || !last.is_whole() {
        title.push_str(": ");
        title.push_str(&last.words);
    }
    page.entry(2, &title, last.section);
    page.paragraph(4, &last.meaning);
}

/// `FIN = 1`
fn name_and_value(field: &FrameField) -> String {
    let name = field.kind.name();
    if !field.is_whole() {
        return name.to_owned();
    }
    match field.kind {
        FieldKind::Opcode => format!("{name} = {:X}", field.value),
        FieldKind::Length if !field.words.starts_with("see") => format!("{name} = {}", field.words),
        FieldKind::ExtendedLength | FieldKind::MaskingKey => format!("{name} = {}", field.words),
        FieldKind::Fin
        | FieldKind::Rsv1
        | FieldKind::Rsv2
        | FieldKind::Rsv3
        | FieldKind::Mask
        | FieldKind::Length => format!("{name} = {}", field.value),
    }
}

/// Says how much of a header is missing.
fn cut_header(page: &mut Page, frame: &GivenFrame<'_>, fields: &[FrameField]) {
    if frame.header.is_some() {
        return;
    }
    let bits: u64 =
        fields.iter().map(|field| u64::from(field.bits.saturating_sub(field.seen_bits))).sum();
    let at_least = if frame.bytes.len() < 2 { "at least " } else { "" };
    page.blank();
    let text = format!(
        "The header is cut short: {at_least}{} of it are missing.",
        bytes(bits.div_ceil(8))
    );
    page.paragraph(0, &text.replace("1 byte of it are", "1 byte of it is"));
}

/// How to read the drawing.
const INTRODUCTION: &str = "A frame is a header of 2 to 14 bytes, then the payload. These are the bits of the header \
                            in the order in which they were sent, 32 (four bytes) in a row:";

/// How many payload bytes are shown after those of the header.
const PAYLOAD_BYTES: usize = 11;
