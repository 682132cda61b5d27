//! The Frame tab: one screen from which every bit of a frame can be read.

use crate::describe::frame::FrameField;
use crate::describe::frame::dissection::{DrawnContent, masking_rule, printable, unmasking};
use crate::describe::frame::drawing::{
    BitsPerRow, Borders, DrawnLine, FramePart, Labels, Look, draw,
};
use crate::stream::{Direction, length_u64};
use crate::text::page::{PageLine, Stress, safe};
use crate::text::role::Role;
use crate::text::words;
use crate::timeline::FindingRow;
use crate::tui::inspector::context::InspectorContext;
use crate::tui::inspector::findings;
use crate::tui::inspector::frame_parts::{self, Parts, byte_role};
use crate::tui::inspector::page::Page;
use crate::tui::theme::Glyphs;

/// The page of a frame.
pub(super) fn page(context: &InspectorContext<'_>, parts: Option<&Parts<'_>>) -> Page {
    let mut page = context.page();
    let Some(parts) = parts else {
        page.paragraph(0, Role::Dim, "This row is neither a frame nor a message of frames.");
        return page;
    };
    title(&mut page, context, parts);
    wire(&mut page, parts);
    page.blank();
    drawing(&mut page, parts, context.height());
    let start = page.lines.len();
    match parts.field() {
        Some(field) => explain(&mut page, parts, field),
        None => explain_payload(&mut page, parts),
    }
    page.focus = Some(start..page.lines.len());
    for finding in &parts.findings {
        page.blank();
        broken(&mut page, finding);
    }
    payload(&mut page, parts);
    page
}

/// `Frame 2 of 3  client → server  packets 23-24  offset 412`
fn title(page: &mut Page, context: &InspectorContext<'_>, parts: &Parts<'_>) {
    let mut line = PageLine::of(Role::Title, "Frame");
    if parts.of > 1 {
        let number = parts.number.saturating_add(1);
        line.push(Role::Title, format!(" {number} of {}", parts.of));
    }
    if let Some(row) = &context.row {
        line.push(Role::Text, "  ");
        way(&mut line, page, row.direction);
        let (first, last, offset) = match parts.frame {
            Some(frame) => (frame.first, frame.last, frame.offset),
            None => (row.first, row.last, row.offset),
        };
        let packets = words::packets(first, last);
        line.push(Role::Dim, format!("  {packets}  offset {}", words::grouped(offset)));
    }
    page.line(line);
}

/// `client → server`, in the color of who sent it.
pub(super) fn way(line: &mut PageLine, page: &Page, direction: Option<Direction>) {
    let symbols = page.symbols();
    match direction {
        Some(Direction::ClientToServer) => {
            line.push(Role::Client, format!("client {} server", symbols.to_server));
        }
        Some(Direction::ServerToClient) => {
            line.push(Role::Server, format!("client {} server", symbols.to_client));
        }
        None => line.push(Role::Dim, "client, server"),
    }
}

/// The bytes of the header, and the first ones of the payload.
fn wire(page: &mut Page, parts: &Parts<'_>) {
    let mut line = PageLine::of(Role::Dim, "on the wire");
    let selected = parts.selected_range();
    for (place, byte) in parts.header.iter().enumerate() {
        let at = parts.header_range.start.saturating_add(place);
        let stress = if selected.contains(&at) { Stress::Cursor } else { Stress::None };
        line.push(Role::Text, " ");
        line.stressed(byte_role(&parts.dissection.fields, place), stress, format!("{byte:02x}"));
    }
    let ellipsis = page.symbols().ellipsis;
    let mut left = parts.payload.len();
    for byte in parts.payload {
        if line.width().saturating_add(5) > page.width {
            break;
        }
        left = left.saturating_sub(1);
        line.push(Role::Payload, format!(" {byte:02x}"));
    }
    if left > 0 {
        line.push(Role::Dim, format!(" {ellipsis}"));
    }
    page.line(line);
}

/// The drawing of RFC 6455 §5.2.
fn drawing(page: &mut Page, parts: &Parts<'_>, height: usize) {
    let rows = if page.width >= BitsPerRow::Wide.columns() {
        BitsPerRow::Wide
    } else if page.width >= BitsPerRow::Narrow.columns() {
        BitsPerRow::Narrow
    } else {
        list(page, parts);
        return;
    };
    let borders = match page.theme.glyphs {
        Glyphs::Unicode => Borders::Lines,
        Glyphs::Ascii => Borders::Ascii,
    };
    let look = |labels| Look { borders, labels, rows };
    // The tall drawing where explanation and payload still fit below it.
    let tall = draw(&parts.dissection.fields, look(Labels::Tall));
    let lines = if tall.len().saturating_add(BESIDE_DRAWING) <= height {
        tall
    } else {
        draw(&parts.dissection.fields, look(Labels::Short))
    };
    let indent = page.width.saturating_sub(rows.columns()).min(2);
    for line in &lines {
        let drawn = drawn(line, parts, indent);
        page.line(drawn);
    }
    page.blank();
}

fn drawn(drawn: &DrawnLine, parts: &Parts<'_>, indent: usize) -> PageLine {
    let mut line = PageLine::default();
    line.pad_to(indent);
    for piece in &drawn.pieces {
        let role = match parts.dissection.content(drawn.kind, piece) {
            DrawnContent::Line => Role::Border,
            DrawnContent::Field(field) => frame_parts::role(field.kind),
            DrawnContent::BrokenField(_) => Role::Error,
            DrawnContent::Payload => Role::Payload,
        };
        let is_selected = piece.part == Some(parts.selected());
        let stress = if is_selected { Stress::Cursor } else { Stress::None };
        line.stressed(role, stress, &piece.text);
    }
    line
}

/// The fields one below the other, if there is no room for a drawing.
fn list(page: &mut Page, parts: &Parts<'_>) {
    for (index, field) in parts.dissection.fields.iter().enumerate() {
        let is_selected = parts.selected() == FramePart::Field(index);
        let stress = if is_selected { Stress::Cursor } else { Stress::None };
        let mut line = PageLine::default();
        line.stressed(parts.role(field), stress, field.kind.name());
        line.push(Role::Text, format!(" {}", field.number()));
        page.line(line);
    }
    let stress = if parts.selected() == FramePart::Payload { Stress::Cursor } else { Stress::None };
    let mut line = PageLine::default();
    line.stressed(Role::Payload, stress, "payload");
    page.line(line);
    page.blank();
}

/// Reports what the field means that is examined.
fn explain(page: &mut Page, parts: &Parts<'_>, field: &FrameField) {
    let mut line = PageLine::of(Role::Key, format!("{} ", page.symbols().folded));
    line.push(parts.role(field), field.kind.name());
    line.push(Role::Title, format!("{}{}", field.assignment(), field.gloss()));
    section(page, line, field.section);
    page.paragraph(2, Role::Text, &field.meaning);
}

fn explain_payload(page: &mut Page, parts: &Parts<'_>) {
    let Some(frame) = parts.frame else {
        page.paragraph(2, Role::Dim, "The stream ended within this header.");
        return;
    };
    let mut line = PageLine::of(Role::Key, format!("{} ", page.symbols().folded));
    line.push(Role::Title, "payload");
    let length = words::counted(frame.header.payload_length, "byte");
    line.push(Role::Title, format!(": {length}"));
    section(page, line, "RFC 6455 §5.2, §5.3");
    let masked = match frame.header.mask {
        Some(_) => format!("It is masked. {}", masking_rule("XOR")),
        None => "It is not masked: the bytes are the payload itself.".to_owned(),
    };
    page.paragraph(2, Role::Text, &masked);
    if is_compressed(parts) {
        page.paragraph(
            2,
            Role::Text,
            "What comes out is compressed with DEFLATE, all frames of the message together: the Message tab \
             shows it inflated.",
        );
    }
}

/// Adds a line with the section of the standard at its end, or below it.
fn section(page: &mut Page, mut line: PageLine, section: &str) {
    let end = line.width().saturating_add(section.chars().count()).saturating_add(2);
    let width = page.width;
    if end <= width {
        line.push_to(width, Role::Dim, section);
        page.line(line);
    } else {
        page.line(line);
        page.paragraph(2, Role::Dim, section);
    }
}

/// Reports what rule bits of the header break.
fn broken(page: &mut Page, row: &FindingRow) {
    let (rule, severity) = (row.finding.rule, row.finding.severity);
    let mark = page.theme.mark(severity);
    let line = PageLine::of(findings::role(severity), format!("{mark} {}", rule.id));
    let column = line.width().saturating_add(2);
    page.hanging(line, column, Role::Title, rule.title);
    page.paragraph(2, Role::Text, &safe(row.finding.evidence.as_bytes(), usize::MAX));
    page.paragraph(2, Role::Text, &format!("Do: {}", rule.remedy));
    page.paragraph(2, Role::Dim, rule.section);
}

/// The payload as sent and unmasked, side by side.
fn payload(page: &mut Page, parts: &Parts<'_>) {
    let Some(frame) = parts.frame else { return };
    let sent = parts.payload;
    if sent.is_empty() {
        return;
    }
    let plain = &frame.unmasked;
    page.blank();
    let each = bytes_in_row(page.width, frame.header.mask);
    let text_column = each.saturating_mul(3).saturating_add(1);
    let mut line = PageLine::default();
    match frame.header.mask {
        Some(key) => {
            line.push(Role::Payload, "masked");
            line.pad_to(text_column);
            line.push(Role::Payload, "unmasked");
            line.push(Role::Dim, format!(", {} key ", page.symbols().xor));
            line.push(Role::HeaderMask, words::hex(&key));
        }
        None => line.push(Role::Payload, "payload, not masked"),
    }
    page.line(line);
    let shown = sent.get(..MOST_PAYLOAD).unwrap_or(sent);
    let selected = parts.selected() == FramePart::Payload;
    let stress = if selected { Stress::Cursor } else { Stress::None };
    for (row, bytes) in shown.chunks(each).enumerate() {
        let at = row.saturating_mul(each);
        let unmasked = plain.get(at..at.saturating_add(bytes.len())).unwrap_or_default();
        let mut line = PageLine::default();
        line.stressed(Role::Payload, stress, words::hex(bytes));
        line.pad_to(text_column);
        if frame.header.mask.is_some() {
            line.push(Role::Payload, words::hex(unmasked));
            line.pad_to(text_column.saturating_mul(2));
        }
        line.push(Role::JsonString, printable(unmasked));
        page.line(line);
    }
    if let Some(steps) = steps(page, parts) {
        page.paragraph(0, Role::Dim, &steps);
    }
    let more = frame.header.payload_length.saturating_sub(length_u64(shown.len()));
    if more > 0 {
        let more = words::counted(more, "more byte");
        let where_ = if shown.len() < sent.len() { ": the Hex tab has them" } else { "" };
        page.paragraph(0, Role::Dim, &format!("{} {more}{where_}", page.symbols().ellipsis));
    }
}

/// `7f⊕37=48 'H'  9f⊕fa=65 'e'  …`: how the first bytes are unmasked.
fn steps(page: &Page, parts: &Parts<'_>) -> Option<String> {
    let frame = parts.frame?;
    let key = frame.header.mask?;
    let xor = page.symbols().xor;
    let mut text = String::new();
    let known = parts.payload.get(..frame.unmasked.len()).unwrap_or(parts.payload);
    for step in unmasking(known, key).map(|step| step.equation(xor)) {
        let gap = if text.is_empty() { "" } else { "  " };
        let width = text.chars().count().saturating_add(step.chars().count());
        if width.saturating_add(4) > page.width {
            break;
        }
        text.push_str(gap);
        text.push_str(&step);
    }
    Some(text)
}

/// Bytes of a row: whole repetitions of the key where they are shown twice.
fn bytes_in_row(width: usize, mask: Option<[u8; 4]>) -> usize {
    let columns = if mask.is_some() { 7 } else { 4 };
    match width.saturating_sub(2) / columns {
        16.. => 16,
        8.. => 8,
        _ => 4,
    }
}

/// Whether what is in it is compressed: control frames between those of a message never are.
fn is_compressed(parts: &Parts<'_>) -> bool {
    let is_control = parts.frame.is_some_and(|frame| frame.header.is_control());
    parts.compressed && !is_control
}

/// Lines that are wanted beside the drawing: title, bytes, explanation, the first rows of the payload.
const BESIDE_DRAWING: usize = 15;

/// Payload bytes that are shown here.
const MOST_PAYLOAD: usize = 512;
