//! One direction: its records, and the messages of the handshake in them.

use super::alert::Alert;
use super::message::{Message, Messages};
use super::record::{ContentType, HEADER_LENGTH, Header, RecordHeader, header};
use super::search::RecordSearch;
use super::session::RecordSeen;
use crate::stream::{Buffer, Chunk, Gap, Span, length_u64, length_usize};

/// Reads the records of one direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    state: State,
    messages: Messages,
    /// Whether some bytes of the handshake are missing: message boundaries are no longer known.
    is_cut: bool,
    /// Whether its sender encrypts from here on.
    is_protected: bool,
    /// What was read of an encrypted record, without its header; `None` if such records are not wanted as a
    /// whole.
    body: Option<Buffer>,
    /// Whether a record was seen.
    has_begun: bool,
}

#[derive(Debug)]
enum State {
    /// So many bytes of a header.
    Header([u8; HEADER_LENGTH], usize, Span),
    Body(Open),
    /// It never was TLS.
    Foreign,
    /// Where the next record begins is unknown.
    Lost,
    /// It is looked for in what follows.
    Search(Box<RecordSearch>),
}

/// A record under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    header: RecordHeader,
    left: usize,
    span: Span,
    alert: [u8; ALERT_LENGTH],
    /// Whether it is kept as a whole.
    is_sealed: bool,
    /// Whether bytes of it are missing.
    is_cut: bool,
}

/// What a step found.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// More bytes are needed.
    Nothing,
    Message(Message),
    Alert(Alert, Span),
    /// A record is whole.
    Record(RecordSeen),
    /// An encrypted record is whole, and can be taken by [`Half::take_body`].
    Sealed(RecordHeader, RecordSeen),
    /// No record begins here, and none came before: bytes that were held, and those of the chunk.
    Foreign(Vec<u8>, Chunk<'a>),
    /// No record begins here, though some came before.
    Lost,
    /// There are more bytes among which a record is looked for.
    Search,
}

impl Default for State {
    fn default() -> Self {
        Self::Header([0; HEADER_LENGTH], 0, Span::default())
    }
}

impl Half {
    /// Memory taken by a message that is not whole yet, in bytes.
    pub(super) fn memory(&self) -> usize {
        let search = match &self.state {
            State::Search(search) => search.memory(),
            State::Header(..) | State::Body(_) | State::Foreign | State::Lost => 0,
        };
        let body = self.body.as_ref().map_or(0, Buffer::memory);
        self.messages.memory().saturating_add(body).saturating_add(search)
    }

    /// Gives up a message and an encrypted record that are not whole yet, to save memory.
    pub(super) fn evict(&mut self) {
        self.messages.evict();
        if let Some(body) = &mut self.body {
            *body = Buffer::default();
        }
        match &mut self.state {
            State::Body(open) => open.is_cut = true,
            State::Search(search) => search.pass(0),
            State::Header(..) | State::Foreign | State::Lost => {}
        }
    }

    /// What is looked through for a record, if its place is unknown.
    pub(super) fn search(&mut self) -> Option<&mut RecordSearch> {
        match &mut self.state {
            State::Search(search) => Some(search),
            State::Header(..) | State::Body(_) | State::Foreign | State::Lost => None,
        }
    }

    /// A record was found at a place of what was looked through; gives how many bytes precede it, and what is
    /// to be read now.
    pub(super) fn find(&mut self, at: usize) -> (u64, Buffer) {
        self.messages = Messages::default();
        match std::mem::take(&mut self.state) {
            State::Search(search) => search.found(at),
            State::Header(..) | State::Body(_) | State::Foreign | State::Lost => {
                (0, Buffer::default())
            }
        }
    }

    /// The beginning of its stream was not captured: it begins with a record, or one is looked for.
    pub(super) fn begin_midstream(&mut self) {
        self.has_begun = true;
        self.collect(true);
    }

    /// Keeps encrypted records as a whole from now on, or no longer.
    pub(super) fn collect(&mut self, collects: bool) {
        self.body = if collects { Some(self.body.take().unwrap_or_default()) } else { None };
    }

    /// The bytes of the record that is whole now.
    pub(super) fn take_body(&mut self) -> Buffer {
        self.body.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes bytes back that are no longer needed: their memory is used for the next record.
    pub(super) fn recycle(&mut self, mut body: Buffer) {
        body.clear();
        if let Some(place) = &mut self.body {
            *place = body;
        }
    }

    /// Takes decrypted bytes of messages of the handshake.
    pub(super) fn push_plain<'a>(&mut self, chunk: Chunk<'a>) -> Option<(Message, Chunk<'a>)> {
        self.messages.push(chunk)
    }

    /// Whether it is between two records, with no message begun.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Header(_, 0, _)) && self.messages.is_between()
    }

    /// Reads on between two records of a sender that encrypts.
    pub(super) fn resume(&mut self) {
        (self.is_protected, self.has_begun) = (true, true);
        self.collect(true);
    }

    /// Whether a step may find something without further bytes.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Body(Open { left: 0, .. }))
    }

    /// Whether nothing more can be read.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Lost | State::Search(_))
    }

    /// Its sender encrypts from here on.
    pub(super) fn protect(&mut self) {
        self.is_protected = true;
    }

    /// Reads on, and gives what is left of the chunk.
    pub(super) fn step<'a>(&mut self, chunk: Chunk<'a>) -> (Step<'a>, Chunk<'a>) {
        let nothing_left = chunk.skip(chunk.bytes.len());
        match &mut self.state {
            State::Header(bytes, have, span) => {
                let begun = (*bytes, *have, *span);
                self.header(begun, chunk)
            }
            State::Body(open) => {
                let open = *open;
                if open.left == 0 { (self.end(open), chunk) } else { self.body(open, chunk) }
            }
            State::Foreign => (Step::Foreign(Vec::new(), chunk), nothing_left),
            State::Lost => (Step::Nothing, nothing_left),
            State::Search(search) => {
                search.push(chunk);
                (Step::Search, nothing_left)
            }
        }
    }

    /// Skips missing bytes, if it is known what they are; else, a record is looked for if records are wanted as a
    /// whole. Gives what there is of a hello that they cut.
    pub(super) fn gap(&mut self, gap: Gap) -> Option<Message> {
        let before = match &mut self.state {
            State::Body(open) => {
                let is_clear = open.header.kind == ContentType::Handshake && !open.is_sealed;
                let hello = if is_clear { self.messages.give_up() } else { None };
                self.is_cut |= is_clear;
                if length_usize(gap.length) <= open.left {
                    open.left = open.left.saturating_sub(length_usize(gap.length));
                    open.span.extend(gap.end(), gap.origin);
                    open.is_cut = true;
                    return hello;
                }
                let before = open.span.length();
                self.lose(before, gap.length);
                return hello;
            }
            State::Header(_, have, _) => length_u64(*have),
            State::Search(search) => {
                search.pass(gap.length);
                return None;
            }
            State::Foreign => return None,
            State::Lost => 0,
        };
        self.lose(before, gap.length);
        None
    }

    /// The place of the next record is unknown, after so many bytes of one, and missing ones.
    fn lose(&mut self, before: u64, missing: u64) {
        self.state = if self.body.is_some() {
            let mut search = RecordSearch::default();
            search.pass(before.saturating_add(missing));
            State::Search(Box::new(search))
        } else {
            State::Lost
        };
    }

    fn header<'a>(
        &mut self,
        (mut bytes, have, mut span): ([u8; HEADER_LENGTH], usize, Span),
        chunk: Chunk<'a>,
    ) -> (Step<'a>, Chunk<'a>) {
        let part = chunk.take(HEADER_LENGTH.saturating_sub(have));
        for (place, byte) in bytes.iter_mut().skip(have).zip(part.bytes) {
            *place = *byte;
        }
        let now = have.saturating_add(part.bytes.len());
        if have == 0 {
            span = Span::at(part.offset, part.origin);
        }
        match header(bytes.get(..now).unwrap_or_default()) {
            Header::Foreign => {
                let nothing_left = chunk.skip(chunk.bytes.len());
                if self.has_begun && self.body.is_some() {
                    let mut search = RecordSearch::default();
                    let held = bytes.get(..have).unwrap_or_default();
                    search.push(Chunk { offset: span.start, bytes: held, origin: span.first });
                    search.push(chunk);
                    self.state = State::Search(Box::new(search));
                    return (Step::Search, nothing_left);
                }
                if self.has_begun {
                    self.state = State::Lost;
                    return (Step::Lost, nothing_left);
                }
                self.state = State::Foreign;
                let held = bytes.get(..have).unwrap_or_default().to_vec();
                return (Step::Foreign(held, chunk), nothing_left);
            }
            Header::Short => {
                span.extend(part.end(), part.origin);
                self.state = State::Header(bytes, now, span);
            }
            Header::Whole(header) => {
                span.extend(part.end(), part.origin);
                self.has_begun = true;
                let (left, is_sealed) = (usize::from(header.length), self.seals(header.kind));
                if let Some(body) = &mut self.body {
                    body.clear();
                }
                let alert = [0; ALERT_LENGTH];
                let open = Open { header, left, span, alert, is_sealed, is_cut: false };
                self.state = State::Body(open);
            }
        }
        (Step::Nothing, chunk.skip(part.bytes.len()))
    }

    fn body<'a>(&mut self, mut open: Open, chunk: Chunk<'a>) -> (Step<'a>, Chunk<'a>) {
        let part = chunk.take(open.left);
        let mut taken = part.bytes.len();
        let mut step = Step::Nothing;
        if open.is_sealed {
            if let Some(body) = self.body.as_mut().filter(|_| !open.is_cut) {
                body.push(part);
            }
        } else if open.header.kind == ContentType::Handshake && !self.is_protected && !self.is_cut {
            if let Some((message, left)) = self.messages.push(part) {
                taken = taken.saturating_sub(left.bytes.len());
                step = Step::Message(message);
            }
        } else if open.header.kind == ContentType::Alert {
            let at = usize::from(open.header.length).saturating_sub(open.left);
            for (place, byte) in open.alert.iter_mut().skip(at).zip(part.bytes) {
                *place = *byte;
            }
        }
        let taken = chunk.take(taken);
        open.span.extend(taken.end(), taken.origin);
        open.left = open.left.saturating_sub(taken.bytes.len());
        self.state = State::Body(open);
        if open.left == 0
            && let Some(alert) = open.alert()
        {
            step = Step::Alert(alert, open.span);
        }
        (step, chunk.skip(taken.bytes.len()))
    }

    fn end<'a>(&mut self, open: Open) -> Step<'a> {
        self.state = State::default();
        let kind = open.header.kind;
        let is_protected = match kind {
            ContentType::ApplicationData => true,
            ContentType::ChangeCipherSpec => false,
            ContentType::Alert => open.alert().is_none(),
            ContentType::Handshake | ContentType::Heartbeat => self.is_protected,
        };
        let record = RecordSeen {
            kind,
            length: open.header.length,
            is_protected,
            is_data: false,
            is_opened: false,
            span: open.span,
        };
        if open.is_sealed && !open.is_cut {
            Step::Sealed(open.header, record)
        } else {
            Step::Record(record)
        }
    }

    /// Whether a record that begins now is encrypted and wanted as a whole.
    fn seals(&self, kind: ContentType) -> bool {
        let is_encrypted = match kind {
            ContentType::ApplicationData => true,
            ContentType::Alert | ContentType::Handshake | ContentType::Heartbeat => {
                self.is_protected
            }
            ContentType::ChangeCipherSpec => false,
        };
        self.body.is_some() && is_encrypted
    }
}

impl Open {
    /// The alert in it, if unencrypted: encryption makes it longer.
    fn alert(&self) -> Option<Alert> {
        let [level, description] = self.alert;
        let is_clear = self.header.kind == ContentType::Alert
            && !self.is_sealed
            && usize::from(self.header.length) == ALERT_LENGTH;
        is_clear.then_some(Alert { level, description })
    }
}

/// Bytes of an alert (RFC 8446 §6).
const ALERT_LENGTH: usize = 2;
