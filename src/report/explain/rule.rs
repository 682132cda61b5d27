//! A rule, as a dictionary has it, and what rules say of frames.

use std::fmt::Write;

use super::conversation::JudgedHttp;
use super::page::Page;
use super::pasted::PastedHttp;
use super::{broken_bits, frame, walk};
use crate::describe::decoded_again;
use crate::describe::frame::{FrameContext, anatomy};
use crate::findings::{
    AppliesTo, Bits, Example, Finding, JudgedFrames, Rule, Severity, judge_frames,
};
use crate::stream::{Direction, Side, length_u64, length_usize};
use crate::text::escape::escape;
use crate::text::role::Role;
use crate::websocket::Compression;
use crate::websocket::extension::SideParams;

/// Explains a rule.
pub(super) fn explain(page: &mut Page, rule: &Rule) {
    page.heading(&format!("{}: {}", rule.id, rule.title));
    page.blank();
    if rule.is_cause() {
        page.term("Kind", CAUSE_COLUMN, "cause: a conclusion, drawn when a connection has ended");
        page.term("Explains", CAUSE_COLUMN, rule.explains().question());
        page.term("Who can act", CAUSE_COLUMN, responsible(rule.applies_to));
        page.term("Test", CAUSE_COLUMN, rule.explanation);
        let consequences = rule.consequences_in_words();
        if !consequences.is_empty() {
            page.term("Consequences", CAUSE_COLUMN, &consequences);
        }
    } else {
        page.term("Severity", COLUMN, severity(rule.severity));
        page.term("Binds", COLUMN, bound(rule.applies_to));
        page.term("Meaning", COLUMN, rule.explanation);
    }
    let column = if rule.is_cause() { CAUSE_COLUMN } else { COLUMN };
    page.term("What to do", column, rule.remedy);
    if !rule.section.is_empty() {
        page.term("Source", column, rule.section);
    }
    page.blank();
    match rule.example {
        Example::Client(bytes) => frames(page, rule, bytes, Some(Direction::ClientToServer)),
        Example::Server(bytes) => frames(page, rule, bytes, Some(Direction::ServerToClient)),
        Example::Deflated(bytes) => {
            page.options.context.compression = Compression::Deflate(SideParams::default());
            frames(page, rule, bytes, Some(Direction::ClientToServer));
        }
        Example::Text(text) => {
            page.heading("Example");
            page.blank();
            for line in text.lines() {
                page.paragraph(2, line);
            }
        }
    }
}

/// Draws an example, with the broken bits named below.
fn frames(page: &mut Page, rule: &Rule, bytes: &[u8], direction: Option<Direction>) {
    let compression = page.options.context.compression;
    page.options.context = FrameContext { direction, compression };
    let sender = match direction {
        Some(Direction::ClientToServer) => "a client",
        Some(Direction::ServerToClient) => "a server",
        None => "a peer",
    };
    page.heading(&format!("Example: what {sender} sends"));
    page.blank();
    let findings = judge_frames(bytes, direction, compression);
    for found in walk(bytes) {
        if found.is_text() {
            page.push("  ");
            page.foreign(found.bytes, 0);
            page.end_line();
            return;
        }
        frame::draw_header(page, &found, broken_bits(&findings, &found, 0));
        page.blank();
    }
    for finding in findings.iter().filter(|finding| finding.rule.id == rule.id) {
        page.paragraph(2, &format!("Here: {}.", place(finding, bytes)));
    }
    page.paragraph(2, "What every bit means:");
    let hex = crate::text::words::hex(bytes);
    let side = match direction {
        Some(Direction::ServerToClient) => "--side server ",
        Some(Direction::ClientToServer) => "--side client ",
        None => "",
    };
    let deflate = if compression == Compression::None { "" } else { "--deflate " };
    page.paragraph(4, &format!("wslens explain {side}{deflate}\"{hex}\""));
}

/// Says what rules frames break by themselves, and what explains that, at the end of their page.
pub(super) fn judge(page: &mut Page, judged: &JudgedFrames, bytes: &[u8]) {
    let sender = Side::sender(judged.direction).name();
    let JudgedFrames { cause, findings, .. } = judged;
    page.blank();
    let tested = format!("Tested on these bytes as those of a {sender}.");
    let place = |finding: &Finding| place(finding, bytes);
    conclude(page, (cause.as_ref(), findings), &tested, &place);
}

/// The same of heads, and of the frames that begin at an offset of what the server sends.
pub(super) fn judge_http(page: &mut Page, http: &PastedHttp, judged: &JudgedHttp, frames: usize) {
    let JudgedHttp { cause, findings, if_whole, .. } = judged;
    page.blank();
    let bytes = http.sides.server.bytes.get(frames..).unwrap_or_default();
    let place = |finding: &Finding| {
        let is_of_frames = finding.rule.group() != "HS" && !finding.rule.is_cause();
        let offset = finding.offset.and_then(|at| at.checked_sub(length_u64(frames)));
        let offset = offset.filter(|_| is_of_frames);
        place(&Finding { offset, ..finding.clone() }, bytes)
    };
    let tested = "Tested on what was pasted; what came before or after it is not known.";
    conclude(page, (cause.as_ref(), findings), tested, &place);
    if !if_whole.is_empty() {
        page.blank();
        page.heading("If nothing of the head is missing here");
        for finding in if_whole {
            found(page, finding, &place);
        }
    }
    let is_refusal = judged.handshake.response.is_some() && !judged.is_accepted();
    if is_refusal && http.only().is_some() {
        page.blank();
        page.paragraph(
            0,
            "Why a server refuses shows in the request, too: give it before the response.",
        );
    }
}

/// The cause, what follows from it, and what else was found.
fn conclude(
    page: &mut Page,
    (cause, findings): (Option<&Finding>, &[Finding]),
    tested: &str,
    place: &dyn Fn(&Finding) -> String,
) {
    if let Some(cause) = cause {
        page.heading("The cause");
        found(page, cause, place);
        page.paragraph(4, tested);
    }
    let is_consequence = |finding: &&Finding| cause.is_some_and(|it| finding.is_consequence_of(it));
    let (consequences, broken): (Vec<_>, Vec<_>) = findings.iter().partition(is_consequence);
    if !consequences.is_empty() {
        page.blank();
        page.heading("Consequences");
        page.blank();
        for finding in consequences {
            page.paragraph(2, &format!("{}  {}", finding.rule.id, finding.rule.title));
        }
    }
    if cause.is_none() && broken.is_empty() {
        page.paragraph(0, "No rule is broken, as far as these bytes alone show.");
    }
    if broken.is_empty() {
        return;
    }
    if cause.is_some() {
        page.blank();
    }
    page.heading(match (cause.is_some(), broken.len()) {
        (true, _) => "Other findings",
        (false, 1) => "The rule that is broken",
        (false, _) => "The rules that are broken",
    });
    for finding in broken {
        found(page, finding, place);
    }
}

/// What was found, why, and what to do.
fn found(page: &mut Page, finding: &Finding, place: &dyn Fn(&Finding) -> String) {
    page.blank();
    let (mark, role) = match finding.severity {
        Severity::Error => ("✖", Role::Error),
        Severity::Warning => ("▲", Role::Warning),
        Severity::Note => ("·", Role::Dim),
    };
    page.push("  ");
    page.words(role, &format!("{mark} {}  ", finding.rule.id));
    page.words(Role::Title, finding.rule.title);
    page.end_line();
    page.paragraph(4, &place(finding));
    for line in decoded_again::lines(&finding.decoded_again) {
        page.paragraph(4, &line);
    }
    page.paragraph(4, finding.rule.explanation);
    page.paragraph(4, &format!("Do: {}", finding.remedy));
    if !finding.rule.section.is_empty() {
        page.paragraph(4, finding.rule.section);
    }
}

/// Evidence, and the bits that are wrong.
fn place(finding: &Finding, bytes: &[u8]) -> String {
    let offset = finding.offset.unwrap_or_default();
    let mut text = String::new();
    escape(finding.evidence.as_bytes(), usize::MAX, &mut text);
    if offset > 0 {
        write!(text, " (frame at byte {offset})").ok();
    }
    let start = length_usize(offset);
    if let Some(name) = finding.bits.and_then(|bits| field(bits, bytes.get(start..)?)) {
        write!(text, "; look at {name} in the drawing").ok();
    }
    text
}

/// The name of the field that begins with some bits.
fn field(bits: Bits, header: &[u8]) -> Option<&'static str> {
    let context = FrameContext { direction: None, compression: Compression::None };
    let fields = anatomy(header, context);
    fields
        .iter()
        .find(|field| field.start_bit == u16::from(bits.start))
        .map(|field| field.kind.name())
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error: a MUST is violated, or the connection failed",
        Severity::Warning => "warning: a SHOULD is violated, or trouble is likely",
        Severity::Note => "note: worth knowing; nothing is wrong",
    }
}

fn bound(bound: AppliesTo) -> &'static str {
    match bound {
        AppliesTo::Client => "the client",
        AppliesTo::Server => "the server",
        AppliesTo::Both => "both peers",
        AppliesTo::Nobody => "neither: a condition of the network or of the capture",
    }
}

/// Who has to change something about a cause.
fn responsible(bound: AppliesTo) -> &'static str {
    match bound {
        AppliesTo::Client => "the client",
        AppliesTo::Server => "the server",
        AppliesTo::Both => "the client or the server, whichever is named",
        AppliesTo::Nobody => "neither: something between them, or the capture",
    }
}

/// The column where the text after a term begins.
const COLUMN: usize = 14;

/// The same for a cause.
const CAUSE_COLUMN: usize = 16;
