//! One frame: its bytes, its drawing, its fields, its payload.

use super::page::{Page, bytes};
use super::{FramePlace, GivenFrame, payload};
use crate::describe::frame::dissection::{Dissection, DrawnContent};
use crate::describe::frame::drawing::{BitsPerRow, Labels, LineKind, Look, draw};
use crate::describe::frame::{FieldKind, FrameField};
use crate::findings::Bits;
use crate::text::role::Role;
use crate::text::words::hex;
use crate::websocket::frame::{FrameHeader, Opcode};

/// Explains a frame from its first bit to its last byte.
pub(super) fn explain(
    page: &mut Page,
    frame: &GivenFrame<'_>,
    place: FramePlace,
    broken: Vec<Bits>,
) {
    let dissection = Dissection::new(frame.bytes, page.options.context, broken);
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
    parts(page, frame, &dissection.fields);
    page.blank();
    if place.index == 0 {
        page.paragraph(0, INTRODUCTION);
        page.blank();
    }
    drawing(page, &dissection);
    page.blank();
    page.heading("The header, field by field");
    page.blank();
    for run in dissection.runs() {
        field(page, run);
    }
    cut_header(page, frame, &dissection);
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
        let (part, after) =
            rest.split_at_checked(usize::from(field.bits / 8)).unwrap_or((rest, &[]));
        columns.push((if part.is_empty() { "(missing)".to_owned() } else { hex(part) }, name));
        rest = after;
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
pub(super) fn draw_header(page: &mut Page, frame: &GivenFrame<'_>, broken: Vec<Bits>) {
    drawing(page, &Dissection::new(frame.bytes, page.options.context, broken));
}

fn drawing(page: &mut Page, dissection: &Dissection) {
    let look = Look { borders: page.options.borders, labels: Labels::Tall, rows: BitsPerRow::Wide };
    for line in draw(&dissection.fields, look) {
        page.pad_to(2);
        for piece in &line.pieces {
            match (line.kind, dissection.content(line.kind, piece)) {
                (_, DrawnContent::Line) => page.words(Role::Dim, &piece.text),
                (_, DrawnContent::BrokenField(_)) => page.words(Role::Error, &piece.text),
                (LineKind::Bits, DrawnContent::Field(_)) => page.words(Role::Title, &piece.text),
                (_, DrawnContent::Field(_) | DrawnContent::Payload) => page.push(&piece.text),
            }
        }
        page.end_line();
    }
}

/// Explains a field, or several fields with the same explanation.
fn field(page: &mut Page, run: &[FrameField]) {
    let Some(last) = run.last() else { return };
    let stated = |field: &FrameField| format!("{}{}", field.kind.name(), field.assignment());
    let names: Vec<String> = run.iter().map(stated).collect();
    page.entry(2, &format!("{}{}", names.join(", "), last.gloss()), last.section);
    page.paragraph(4, &last.meaning);
}

/// Says how much of a header is missing.
fn cut_header(page: &mut Page, frame: &GivenFrame<'_>, dissection: &Dissection) {
    if frame.header.is_some() {
        return;
    }
    let at_least = if frame.bytes.len() < 2 { "at least " } else { "" };
    page.blank();
    let text = format!(
        "The header is cut short: {at_least}{} of it are missing.",
        bytes(dissection.missing_bytes())
    );
    page.paragraph(0, &text.replace("1 byte of it are", "1 byte of it is"));
}

/// How to read the drawing.
const INTRODUCTION: &str = "A frame is a header of 2 to 14 bytes, then the payload. These are the bits of the header \
                            in the order in which they were sent, 32 (four bytes) in a row:";

/// How many payload bytes are shown after those of the header.
const PAYLOAD_BYTES: usize = 11;
