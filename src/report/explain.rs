//! Pages that explain: the bytes of frames, bit by bit, heads of HTTP, close codes and rules.

mod close_code;
mod conversation;
mod frame;
mod head;
mod message;
mod ndjson;
mod page;
mod pasted;
mod payload;
mod rule;

use std::io;

use self::page::Page;
use self::pasted::PastedHttp;
use super::OutputFormat;
use super::style::Style;
use crate::describe::frame::FrameContext;
use crate::describe::frame::drawing::Borders;
use crate::findings::{Bits, Finding, Rule, explain_frames};
use crate::stream::{Direction, length_u64, length_usize};
use crate::websocket::Compression;
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

/// An output format of explanations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ExplainFormat {
    /// Pages for people.
    #[default]
    Text,
    /// One JSON object a line.
    Ndjson,
}

impl OutputFormat for ExplainFormat {
    const TABLE: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Text, "text", "pages for people"),
        (Self::Ndjson, "ndjson", "one JSON object per line, for programs"),
    ];
}

/// Whether bytes begin with a head of HTTP.
pub fn is_http(bytes: &[u8]) -> bool {
    PastedHttp::of(bytes).is_some()
}

/// Explains bytes: heads of HTTP and what follows them, unless it is said who sent them; otherwise frames.
///
/// # Errors
///
/// When the explanation cannot be written.
pub fn bytes(
    bytes: &[u8],
    options: &ExplainOptions,
    format: ExplainFormat,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        ExplainFormat::Ndjson => ndjson::bytes(bytes, options.context, out),
        ExplainFormat::Text => {
            let text = match http_in(bytes, options.context) {
                Some(pasted) => http(&pasted, options),
                None => frames(bytes, options),
            };
            out.write_all(text.as_bytes())
        }
    }
}

/// The heads that bytes begin with, if nobody said that they are frames.
fn http_in(bytes: &[u8], context: FrameContext) -> Option<PastedHttp> {
    PastedHttp::of(bytes).filter(|_| context.direction.is_none())
}

/// Explains heads, and the frames that follow them.
fn http(http: &PastedHttp, options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    let judged = conversation::judge(http);
    head::explain(&mut page, http, &judged);
    head::after(&mut page, http, &judged);
    let server = &http.sides.server.bytes;
    let after_head = pasted::head_of(server).map_or(0, |(_, end)| end);
    let start = judged.frames_at.map_or(after_head, length_usize);
    let rest = server.get(start..).filter(|rest| judged.is_accepted() && !rest.is_empty());
    if let Some(rest) = rest {
        page.blank();
        page.blank();
        let direction = Some(Direction::ServerToClient);
        let compression = match judged.compression {
            Compression::None => options.context.compression,
            agreed @ (Compression::Deflate(_) | Compression::Unknown) => agreed,
        };
        page.options.context = FrameContext { direction, compression };
        each(&mut page, rest, &judged.findings, start);
    }
    rule::judge_http(&mut page, http, &judged, start);
    page.finish()
}

/// Explains the frames that `bytes` are, one after the other.
///
/// `bytes` begin with a frame, and belong to one direction of one connection. The last frame may be
/// cut short, anywhere.
pub fn frames(bytes: &[u8], options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    let FrameContext { direction, compression } = options.context;
    // What explains them may show only in what follows.
    let judged = explain_frames(bytes, direction, compression);
    each(&mut page, bytes, &judged.findings, 0);
    rule::judge(&mut page, &judged, bytes);
    page.finish()
}

/// Explains each frame of `bytes`, which begin at an offset of the stream in which rules were broken.
fn each(page: &mut Page, bytes: &[u8], findings: &[Finding], offset: usize) {
    let found = walk(bytes);
    let end = found.last().map_or(0, GivenFrame::end);
    let (explained, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let messages = message::messages(explained, page.options.context);
    for (index, frame) in found.iter().enumerate() {
        if index > 0 {
            page.blank();
            page.blank();
        }
        let broken = broken_bits(findings, frame, offset);
        frame::explain(page, frame, FramePlace { index, of: found.len() }, broken);
        for message in messages.iter().filter(|message| message.end == frame.end()) {
            message::explain(page, message);
        }
    }
    if !rest.is_empty() {
        page.blank();
        let rest = page::number(rest.len());
        page.paragraph(0, &format!("{rest} more bytes follow, which are not explained here."));
    }
}

/// Explains a rule.
pub fn rule(rule: &Rule, options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    rule::explain(&mut page, rule);
    page.finish()
}

/// Explains a close code.
///
/// # Errors
///
/// When the explanation cannot be written.
pub fn close_code(
    code: u16,
    options: &ExplainOptions,
    format: ExplainFormat,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        ExplainFormat::Ndjson => ndjson::close_code(code, out),
        ExplainFormat::Text => out.write_all(close_code_page(code, options).as_bytes()),
    }
}

fn close_code_page(code: u16, options: &ExplainOptions) -> String {
    let mut page = Page::new(options);
    close_code::explain(&mut page, code);
    page.finish()
}

/// The bits of a frame's header that break a rule; its bytes begin at an offset of the stream.
fn broken_bits(findings: &[Finding], frame: &GivenFrame<'_>, offset: usize) -> Vec<Bits> {
    let start = length_u64(offset.saturating_add(frame.start));
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
