//! Pages that explain: the bytes of frames, bit by bit, and close codes.

mod close_code;
mod frame;
mod message;
mod page;
mod payload;
mod rule;

use self::page::Page;
use super::style::Style;
use crate::describe::frame::FrameContext;
use crate::describe::frame::drawing::Borders;
use crate::findings::{Bits, Finding, Rule, explain_frames};
use crate::stream::{length_u64, length_usize};
use crate::websocket::frame::{FrameHeader, frame_header};
use crate::websocket::sync::is_text;

/// What explanations depend on.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// Who sent the frames, and what was negotiated.
    pub context: FrameContext,
    /// Whether only ASCII is written; what the drawing is made of.
    pub borders: Borders,
    /// Colors.
    pub style: Style,
}

/// Explains the frames that `bytes` are, one after the other.
///
/// `bytes` begin with a frame, and belong to one direction of one connection. The last frame may be
/// cut short, anywhere.
pub fn frames(bytes: &[u8], options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    let found = walk(bytes);
    let end = found.last().map_or(0, GivenFrame::end);
    let (explained, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let messages = message::messages(explained, options.context);
    let FrameContext { direction, compression } = options.context;
    // What explains them may show only in what follows.
    let judged = explain_frames(bytes, direction, compression);
    let findings = &judged.findings;
    for (index, frame) in found.iter().enumerate() {
        if index > 0 {
            page.blank();
            page.blank();
        }
        let broken = broken_bits(findings, frame);
        frame::explain(&mut page, frame, FramePlace { index, of: found.len() }, broken);
        for message in messages.iter().filter(|message| message.end == frame.end()) {
            message::explain(&mut page, message);
        }
    }
    if !rest.is_empty() {
        page.blank();
        let rest = page::number(rest.len());
        page.paragraph(0, &format!("{rest} more bytes follow, which are not explained here."));
    }
    rule::judge(&mut page, &judged, bytes);
    page.finish()
}

/// Explains a rule.
pub fn rule(rule: &Rule, options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    rule::explain(&mut page, rule);
    page.finish()
}

/// Explains a close code.
pub fn close_code(code: u16, options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    close_code::explain(&mut page, code);
    page.finish()
}

/// The bits of a frame's header that break a rule.
fn broken_bits(findings: &[Finding], frame: &GivenFrame<'_>) -> Vec<Bits> {
    let start = length_u64(frame.start);
    let here = findings.iter().filter(|finding| finding.offset == Some(start));
    here.filter_map(|finding| finding.bits).collect()
}

/// A frame in the bytes.
#[derive(Clone, Copy, Debug)]
struct GivenFrame<'a> {
    /// Offset of its first byte.
    start: usize,
    /// Its bytes and all that follow.
    bytes: &'a [u8],
    /// Its header; `None` where that is cut short.
    header: Option<FrameHeader>,
}

/// Which of the frames it is.
#[derive(Clone, Copy, Debug)]
struct FramePlace {
    /// Counted from 0.
    index: usize,
    of: usize,
}

impl<'a> GivenFrame<'a> {
    /// Bytes of its header.
    fn header_bytes(&self) -> &'a [u8] {
        self.bytes.get(..self.header_length()).unwrap_or(self.bytes)
    }

    /// As much of its payload as is there, as sent.
    fn payload(&self) -> &'a [u8] {
        let after = self.bytes.get(self.header_length()..).unwrap_or_default();
        let length = self.header.map_or(0, |header| length_usize(header.payload_length));
        after.get(..length).unwrap_or(after)
    }

    /// Payload bytes that are declared and not there.
    fn missing(&self) -> u64 {
        let declared = self.header.map_or(0, |header| header.payload_length);
        declared.saturating_sub(length_u64(self.payload().len()))
    }

    /// Offset one past its last byte.
    fn end(&self) -> usize {
        let length = self.header_bytes().len().saturating_add(self.payload().len());
        self.start.saturating_add(length)
    }

    /// Whether it looks like text, HTTP for example, rather than like a frame.
    fn is_text(&self) -> bool {
        // Real frames that begin with printable ASCII are rare: FIN would be 0, and some RSV bit 1.
        is_text(self.bytes) && self.header.is_none_or(|header| header.rsv != 0)
    }

    fn header_length(&self) -> usize {
        self.header.map_or(self.bytes.len(), |header| usize::from(header.header_length))
    }
}

/// Finds the frames in the bytes: at most [`MOST_FRAMES`].
fn walk(bytes: &[u8]) -> Vec<GivenFrame<'_>> {
    let mut found: Vec<GivenFrame<'_>> = Vec::new();
    let mut start = 0;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let header = frame_header(rest).ok().map(|(_, header)| header);
        let frame = GivenFrame { start, bytes: rest, header };
        start = frame.end();
        found.push(frame);
        if found.len() == MOST_FRAMES || frame.is_text() {
            break;
        }
    }
    found
}

/// Frames that are explained of one input: more than anybody reads.
const MOST_FRAMES: usize = 50;

#[cfg(test)]
mod tests;
