//! JSON, laid out for reading: as far as it goes, whole or cut, right or wrong.
//!
//! Nothing is recursive, so that no depth is too deep. What is wrong is marked, and reading continues.

mod identity;
mod place;
#[cfg(test)]
mod tests;

use crate::tui::inspector::document::{
    Document, DocumentLine, DocumentToken, DocumentTokenKind, Fold,
};

pub use identity::identity;
pub(super) use place::{JsonPlace, place_of};

/// A content that is JSON, or was meant to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct JsonDocument {
    /// Its lines.
    pub(super) document: Document,
    /// Where it stops being JSON first, in bytes.
    pub(super) fault: Option<usize>,
    /// Whether it ends within a value.
    pub(super) is_cut: bool,
}

impl JsonDocument {
    /// Whether nothing is before the value.
    pub(super) fn starts_with_value(&self) -> bool {
        self.document.tokens.first().is_some_and(|token| token.kind == DocumentTokenKind::Open)
    }
}

/// Reads a content that begins as an object or array does; a few digits before it, as engine.io has
/// them, are not JSON but harmless.
///
/// `None` for everything else, and for what goes wrong before anything was right.
pub(super) fn read(content: &[u8]) -> Option<JsonDocument> {
    let start = content.iter().position(|byte| !is_space(*byte))?;
    let digits = content.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let body = start.saturating_add(digits);
    if digits > LONGEST_PREFIX || !matches!(content.get(body), Some(b'{' | b'[')) {
        return None;
    }
    let mut reader = JsonReader::new(content);
    if digits > 0 {
        reader.add(DocumentTokenKind::Literal, start, body);
    }
    reader.read(body);
    let is_json = reader.fault.is_none() || reader.values > FEWEST_VALUES;
    is_json.then(|| reader.finish())
}

/// What is read, and how far.
struct JsonReader<'a> {
    content: &'a [u8],
    document: Document,
    /// The first token of the line that is being filled.
    line: usize,
    open: Vec<JsonContainer>,
    expect: Expect,
    fault: Option<usize>,
    is_cut: bool,
    /// Scalar values that stood where they may.
    values: usize,
}

/// An object or array that is open.
struct JsonContainer {
    kind: JsonContainerKind,
    layout: JsonLayout,
    /// The line that it opened on.
    line: usize,
    members: usize,
    path: u64,
    /// Stands for the member that is being read.
    member: u64,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum JsonContainerKind {
    Object,
    Array,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum JsonLayout {
    /// All of it in one line.
    Line,
    /// A line for each member.
    Lines,
}

/// What may come next (RFC 8259).
#[derive(Clone, Copy, Eq, PartialEq)]
enum Expect {
    Value,
    /// Behind `[`.
    ValueOrEnd,
    Name,
    /// Behind `{`.
    NameOrEnd,
    Colon,
    CommaOrEnd,
}

impl<'a> JsonReader<'a> {
    fn new(content: &'a [u8]) -> Self {
        Self {
            content,
            document: Document::default(),
            line: 0,
            open: Vec::new(),
            expect: Expect::Value,
            fault: None,
            is_cut: false,
            values: 0,
        }
    }

    fn read(&mut self, mut at: usize) {
        while let Some(byte) = self.content.get(at).copied() {
            if is_space(byte) {
                at = at.saturating_add(1);
                continue;
            }
            if self.document.tokens.len() >= MOST_TOKENS {
                // More than anybody reads: the rest is shown as it is.
                self.break_line();
                self.add(DocumentTokenKind::Text, at, self.content.len());
                return;
            }
            let (kind, end) = self.token(at, byte);
            match kind {
                DocumentTokenKind::Open => self.opened(at, byte),
                DocumentTokenKind::Close => self.closed(at, byte),
                DocumentTokenKind::Comma => self.comma(at),
                DocumentTokenKind::Colon => self.colon(at),
                DocumentTokenKind::String => self.string(at, end),
                DocumentTokenKind::Number | DocumentTokenKind::Literal => self.value(kind, at, end),
                DocumentTokenKind::Name | DocumentTokenKind::Bad | DocumentTokenKind::Text => {
                    self.wrong(at);
                    self.add(DocumentTokenKind::Bad, at, end);
                }
            }
            at = end;
        }
    }

    /// The kind of the token that begins here, and where it ends.
    fn token(&mut self, at: usize, byte: u8) -> (DocumentTokenKind, usize) {
        let next = at.saturating_add(1);
        match byte {
            b'{' | b'[' => (DocumentTokenKind::Open, next),
            b'}' | b']' => (DocumentTokenKind::Close, next),
            b',' => (DocumentTokenKind::Comma, next),
            b':' => (DocumentTokenKind::Colon, next),
            b'"' => (DocumentTokenKind::String, self.string_end(at)),
            _ => {
                let rest = self.content.get(at..).unwrap_or_default();
                let length = rest.iter().take_while(|byte| !is_delimiter(**byte)).count().max(1);
                let end = at.saturating_add(length);
                let word = rest.get(..length).unwrap_or_default();
                (self.word(word, end), end)
            }
        }
    }

    /// What a word is that ends at `end`.
    fn word(&mut self, word: &[u8], end: usize) -> DocumentTokenKind {
        let is_last = end == self.content.len();
        if is_number(word) {
            return DocumentTokenKind::Number;
        }
        let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
        if literals.contains(&word) {
            return DocumentTokenKind::Literal;
        }
        // The beginning of one, where the content ends.
        if is_last && literals.iter().any(|literal| literal.starts_with(word)) {
            self.is_cut = true;
            return DocumentTokenKind::Literal;
        }
        if is_last && word.first().is_some_and(|byte| *byte == b'-' || byte.is_ascii_digit()) {
            let mut whole = word.to_vec();
            whole.push(b'0');
            if is_number(&whole) {
                self.is_cut = true;
                return DocumentTokenKind::Number;
            }
        }
        DocumentTokenKind::Bad
    }

    fn string_end(&mut self, at: usize) -> usize {
        let mut end = at.saturating_add(1);
        loop {
            match self.content.get(end) {
                Some(b'"') => return end.saturating_add(1),
                Some(b'\\') => end = end.saturating_add(2),
                Some(_) => end = end.saturating_add(1),
                None => {
                    self.is_cut = true;
                    return self.content.len();
                }
            }
        }
    }

    fn opened(&mut self, at: usize, byte: u8) {
        let (kind, expect) = match byte {
            b'{' => (JsonContainerKind::Object, Expect::NameOrEnd),
            _ => (JsonContainerKind::Array, Expect::ValueOrEnd),
        };
        self.begin_value(at);
        let path = self.open.last().map_or(PATH, |container| container.member);
        let is_short = match kind {
            JsonContainerKind::Array => self.is_short_array(at),
            JsonContainerKind::Object => self.is_empty(at),
        };
        let is_inline = self.open.last().is_some_and(|it| it.layout == JsonLayout::Line);
        let layout = if is_short || is_inline { JsonLayout::Line } else { JsonLayout::Lines };
        self.add(DocumentTokenKind::Open, at, at.saturating_add(1));
        let line = self.document.lines.len();
        self.open.push(JsonContainer { kind, layout, line, members: 0, path, member: path });
        self.expect = expect;
        if layout == JsonLayout::Lines {
            self.break_line_at(self.open.len().saturating_sub(1));
            if let Some(line) = self.document.lines.get_mut(line) {
                line.fold = Some(Fold { close: usize::MAX, members: 0, path });
            }
        }
    }

    fn closed(&mut self, at: usize, byte: u8) {
        let may_end =
            matches!(self.expect, Expect::CommaOrEnd | Expect::ValueOrEnd | Expect::NameOrEnd);
        let Some(container) = self.open.pop() else {
            self.wrong(at);
            self.add(DocumentTokenKind::Bad, at, at.saturating_add(1));
            return;
        };
        let fits = match container.kind {
            JsonContainerKind::Object => byte == b'}',
            JsonContainerKind::Array => byte == b']',
        };
        if !fits || !may_end {
            self.wrong(at);
        }
        if container.layout == JsonLayout::Lines {
            self.break_line_at(self.open.len().saturating_add(1));
            let close = self.document.lines.len();
            if let Some(line) = self.document.lines.get_mut(container.line)
                && let Some(fold) = &mut line.fold
            {
                *fold = Fold { close, members: container.members, ..*fold };
            }
        }
        let kind = if fits { DocumentTokenKind::Close } else { DocumentTokenKind::Bad };
        self.add(kind, at, at.saturating_add(1));
        self.expect = Expect::CommaOrEnd;
        self.end_of_value();
    }

    fn comma(&mut self, at: usize) {
        let is_right = self.expect == Expect::CommaOrEnd && !self.open.is_empty();
        if !is_right {
            self.wrong(at);
        }
        self.add(DocumentTokenKind::Comma, at, at.saturating_add(1));
        let container = self.open.last();
        self.expect = match container.map(|it| it.kind) {
            Some(JsonContainerKind::Object) => Expect::Name,
            Some(JsonContainerKind::Array) | None => Expect::Value,
        };
        if container.is_none_or(|it| it.layout == JsonLayout::Lines) {
            self.break_line();
        }
    }

    fn colon(&mut self, at: usize) {
        if self.expect != Expect::Colon {
            self.wrong(at);
        }
        self.add(DocumentTokenKind::Colon, at, at.saturating_add(1));
        self.expect = Expect::Value;
    }

    fn string(&mut self, at: usize, end: usize) {
        if !matches!(self.expect, Expect::Name | Expect::NameOrEnd) {
            self.value(DocumentTokenKind::String, at, end);
            return;
        }
        let name = hash(self.open.last().map_or(PATH, |it| it.path), self.content.get(at..end));
        if let Some(container) = self.open.last_mut() {
            container.member = name;
            container.members = container.members.saturating_add(1);
        }
        self.add(DocumentTokenKind::Name, at, end);
        self.expect = Expect::Colon;
    }

    fn value(&mut self, kind: DocumentTokenKind, at: usize, end: usize) {
        if self.begin_value(at) {
            self.values = self.values.saturating_add(1);
        }
        self.add(kind, at, end);
        self.expect = Expect::CommaOrEnd;
        self.end_of_value();
    }

    /// Counts a value; returns whether one is allowed here.
    fn begin_value(&mut self, at: usize) -> bool {
        let is_right = matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
        if !is_right {
            self.wrong(at);
        }
        if let Some(container) = self.open.last_mut()
            && container.kind == JsonContainerKind::Array
        {
            let index = container.members.to_le_bytes();
            container.member = hash(container.path, Some(&index));
            container.members = container.members.saturating_add(1);
        }
        is_right
    }

    /// Behind a value that is in no other, another may follow.
    fn end_of_value(&mut self) {
        if self.open.is_empty() {
            self.break_line();
            self.expect = Expect::Value;
        }
    }

    fn wrong(&mut self, at: usize) {
        self.fault = self.fault.or(Some(at));
    }

    fn add(&mut self, kind: DocumentTokenKind, start: usize, end: usize) {
        let end = end.min(self.content.len());
        self.document.tokens.push(DocumentToken { kind, start, end });
    }

    fn break_line(&mut self) {
        self.break_line_at(self.open.len());
    }

    /// Ends the line that is being filled, if anything is in it.
    fn break_line_at(&mut self, depth: usize) {
        let end = self.document.tokens.len();
        if end > self.line {
            self.document.lines.push(DocumentLine { depth, first: self.line, end, fold: None });
            self.line = end;
        }
    }

    /// Whether an array of a few scalars begins here, that is best read in one line.
    fn is_short_array(&self, at: usize) -> bool {
        let near = self.content.get(at.saturating_add(1)..).unwrap_or_default();
        let near = near.get(..SHORT).unwrap_or(near);
        let mut is_in_string = false;
        let mut is_escaped = false;
        for byte in near {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_in_string = !is_in_string,
                _ if is_in_string => {}
                b']' => return true,
                b'[' | b'{' | b'}' => return false,
                _ => {}
            }
        }
        false
    }

    fn is_empty(&self, at: usize) -> bool {
        let after = self.content.get(at.saturating_add(1)..).unwrap_or_default();
        let near = after.get(..SHORT).unwrap_or(after);
        near.iter().find(|byte| !is_space(**byte)) == Some(&b'}')
    }

    fn finish(mut self) -> JsonDocument {
        self.break_line();
        let lines = self.document.lines.len();
        for container in &self.open {
            if let Some(line) = self.document.lines.get_mut(container.line)
                && let Some(fold) = &mut line.fold
            {
                *fold = Fold { close: lines, members: container.members, ..*fold };
            }
        }
        let is_cut = self.is_cut || !self.open.is_empty();
        JsonDocument { document: self.document, fault: self.fault, is_cut }
    }
}

/// RFC 8259 §6.
fn is_number(word: &[u8]) -> bool {
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let (whole, rest) = digits(rest);
    if whole.is_empty() || whole.len() > 1 && whole.first() == Some(&b'0') {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        Some(rest) => match digits(rest) {
            ([], _) => return false,
            (_, rest) => rest,
        },
        None => rest,
    };
    match rest.split_first() {
        None => true,
        Some((b'e' | b'E', rest)) => {
            let rest = match rest.split_first() {
                Some((b'+' | b'-', rest)) => rest,
                Some(_) | None => rest,
            };
            matches!(digits(rest), ([_, ..], []))
        }
        Some(_) => false,
    }
}

fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at_checked(count).unwrap_or((bytes, &[]))
}

/// FNV-1a, going on from `path`.
fn hash(path: u64, bytes: Option<&[u8]>) -> u64 {
    bytes
        .unwrap_or_default()
        .iter()
        .fold(path, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// RFC 8259 §2.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_delimiter(byte: u8) -> bool {
    is_space(byte) || b"{}[],:\"".contains(&byte)
}

/// The path of the outermost value: FNV's offset basis.
const PATH: u64 = 0xcbf2_9ce4_8422_2325;

/// Bytes of an array that is in one line, at most.
const SHORT: usize = 60;

/// Digits that may precede the JSON of an engine.io packet.
const LONGEST_PREFIX: usize = 4;

/// Values that must be right before something is wrong, or it is some other text.
const FEWEST_VALUES: usize = 1;

/// Tokens that are laid out, at most.
const MOST_TOKENS: usize = 1 << 19;
