//! The payload of one frame: unmasked step by step, and shown.

use super::page::{Page, bytes, number};
use super::{GivenFrame, close_code};
use crate::describe::frame::dissection::{
    STEPS, UnmaskedByte, masking_rule, printable, quoted, unmasking,
};
use crate::stream::length_u64;
use crate::text::role::Role;
use crate::text::words::{grouped, hex};
use crate::websocket::close::close_payload;
use crate::websocket::frame::{FrameHeader, Opcode};
use crate::websocket::mask::unmask;
use crate::websocket::{CloseCode, Compression};

/// Explains the payload of a frame, as far as it is there.
pub(super) fn explain(page: &mut Page, frame: &GivenFrame<'_>, header: &FrameHeader) {
    if header.payload_length == 0 {
        return;
    }
    let payload = frame.payload();
    page.blank();
    page.heading(&format!("The payload, {}", bytes(header.payload_length)));
    if payload.is_empty() {
        page.blank();
        page.paragraph(2, "None of it is present.");
        return;
    }
    let mut plain = payload.to_vec();
    if let Some(key) = header.mask {
        unmask(&mut plain, key, 0);
        page.blank();
        show_unmasking(page, payload, key);
    }
    if header.mask.is_none() || plain.len() > STEPS {
        page.blank();
        dump(page, &plain);
    }
    content(page, header, &plain);
    if frame.missing() > 0 {
        page.blank();
        let text = format!(
            "The frame is cut short: {} of {} of payload are here, {} are missing.",
            number(payload.len()),
            bytes(header.payload_length),
            bytes(frame.missing()),
        );
        page.paragraph(2, &text);
    }
}

/// Shows how the first bytes are unmasked.
fn show_unmasking(page: &mut Page, masked: &[u8], key: [u8; 4]) {
    page.entry(2, "Unmasking", "RFC 6455 §5.3");
    page.paragraph(4, &masking_rule("XOR (⊕)"));
    let steps: Vec<UnmaskedByte> = unmasking(masked, key).collect();
    if let Some(first) = steps.first()
        && !page.xor_was_shown
    {
        page.xor_was_shown = true;
        page.blank();
        xor(page, *first);
    }
    page.blank();
    let more = if masked.len() > steps.len() { " …" } else { "" };
    let row = |page: &mut Page, name: &str, row: Vec<u8>| {
        page.pad_to(4);
        page.words(Role::Dim, name);
        page.pad_to(14);
        page.push(&hex(&row));
        page.push(more);
        page.end_line();
    };
    row(page, "masked", steps.iter().map(|step| step.masked).collect());
    row(page, "key", steps.iter().map(|step| step.key).collect());
    row(page, "unmasked", steps.iter().map(|step| step.plain).collect());
    page.blank();
    for four in steps.chunks(4) {
        page.pad_to(2);
        for step in four {
            page.push("  ");
            page.push(&step.equation("⊕"));
            page.push("  ");
        }
        page.end_line();
    }
}

/// Shows XOR bit by bit.
fn xor(page: &mut Page, UnmaskedByte { masked, key, plain }: UnmaskedByte) {
    let rows = [
        ("  ", masked, String::new()),
        ("⊕ ", key, "    1 if the two bits above differ, else 0".to_owned()),
        (
            "= ",
            plain,
            if quoted(plain).is_empty() { String::new() } else { format!("   {}", quoted(plain)) },
        ),
    ];
    for (sign, byte, remark) in rows {
        page.pad_to(4);
        page.push(sign);
        page.push(&format!("{byte:02x}  "));
        let bits: Vec<String> = format!("{byte:08b}").chars().map(String::from).collect();
        page.push(&bits.join(" "));
        page.words(Role::Dim, &remark);
        page.end_line();
    }
}

/// Says what the payload means, where that is known of this frame alone.
fn content(page: &mut Page, header: &FrameHeader, plain: &[u8]) {
    let may_be_compressed = header.rsv1() && !header.is_control();
    if may_be_compressed && page.options.context.compression == Compression::None {
        page.blank();
        page.paragraph(
            2,
            "RSV1 is set, so it may be compressed. If permessage-deflate was negotiated, --deflate inflates \
             it here.",
        );
        return;
    }
    match Opcode::from_wire(header.opcode) {
        Some(Opcode::Text) if header.fin && !header.rsv1() => {
            page.blank();
            as_text(page, plain);
            if header.payload_length == length_u64(plain.len()) {
                utf8(page, plain);
            }
        }
        Some(Opcode::Close) => close(page, plain),
        Some(Opcode::Ping | Opcode::Pong) => {
            page.blank();
            page.paragraph(
                2,
                "It has no meaning of its own: a Pong returns the payload of its Ping.",
            );
        }
        Some(Opcode::Text | Opcode::Binary | Opcode::Continuation) | None => {}
    }
}

/// Writes bytes as text, on one line.
pub(super) fn as_text(page: &mut Page, text: &[u8]) {
    page.pad_to(2);
    page.words(Role::Dim, "as text ");
    page.push(" \"");
    page.foreign(text, 1);
    page.push("\"");
    page.end_line();
}

/// Says where a text is not UTF-8.
fn utf8(page: &mut Page, text: &[u8]) {
    if let Err(error) = std::str::from_utf8(text) {
        not_utf8(page, length_u64(error.valid_up_to()));
    }
}

/// Says that a text is not UTF-8.
pub(super) fn not_utf8(page: &mut Page, byte: u64) {
    let at = grouped(byte);
    let text =
        format!("It is not UTF-8: invalid byte at offset {at}. A text must be (RFC 6455 §8.1).");
    page.paragraph(2, &text);
}

/// Explains code and reason of a Close.
fn close(page: &mut Page, plain: &[u8]) {
    page.blank();
    let close = close_payload(plain);
    let (Some(code), Some(bytes)) = (close.code, plain.get(..2)) else {
        page.paragraph(
            2,
            "One byte is too little for a code: a Close has no payload at all, or two bytes of code and then \
             a reason (RFC 6455 §5.5.1).",
        );
        return;
    };
    let entry = CloseCode::of(code);
    page.entry(2, &format!("{} = close code {code}: {}", hex(bytes), entry.name), entry.source);
    page.paragraph(4, entry.meaning);
    if let Some(remark) = close_code::remark(code) {
        page.paragraph(4, &remark);
    }
    page.paragraph(4, &format!("For more: wslens explain {code}"));
    if !close.reason.is_empty() {
        page.entry(2, "reason", "RFC 6455 §5.5.1");
        page.pad_to(4);
        page.push("\"");
        page.foreign(close.reason, 1);
        page.push("\"");
        page.end_line();
        if let Err(error) = std::str::from_utf8(close.reason) {
            not_utf8(page, length_u64(error.valid_up_to()));
        }
    }
}

/// Writes bytes in hexadecimal, and as text.
pub(super) fn dump(page: &mut Page, content: &[u8]) {
    let shown = content.get(..DUMPED).unwrap_or(content);
    for (line, bytes) in shown.chunks(DUMP_ROW).enumerate() {
        page.pad_to(2);
        page.words(Role::Dim, &format!("{:04x}", line.saturating_mul(DUMP_ROW)));
        page.pad_to(8);
        let (left, right) = bytes.split_at_checked(DUMP_ROW / 2).unwrap_or((bytes, &[]));
        page.push(&hex(left));
        page.pad_to(33);
        page.push(&hex(right));
        page.pad_to(59);
        page.push(&printable(bytes));
        page.end_line();
    }
    let rest = content.len().saturating_sub(shown.len());
    if rest > 0 {
        page.paragraph(2, &format!("… and {} more.", bytes(length_u64(rest))));
    }
}

/// Bytes that are shown of a payload, and in one row.
const DUMPED: usize = 256;
const DUMP_ROW: usize = 16;
