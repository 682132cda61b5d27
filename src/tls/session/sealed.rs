//! Encrypted records: opened, and what is in them.

#[cfg(test)]
mod tests;

use super::super::alert::Alert;
use super::super::decryptor::{Opening, Stage};
use super::super::keylog::KeyLog;
use super::super::plaintext::{Missing, PlainRecord};
use super::super::protection::OpenedRecord;
use super::super::record::{ContentType, HEADER_LENGTH, RecordHeader};
use super::super::version::Version;
use super::{Observation, RecordSeen, SavedSession, Session, SessionEvent, see};
use crate::stream::{Buffer, Chunk, Direction, Span, length_u64};

/// An encrypted record, and the state before it if that is of use.
struct SealedRecord {
    record: RecordSeen,
    body: Buffer,
    before: Option<Box<SavedSession>>,
}

impl Session {
    /// Takes an encrypted record that is whole.
    pub(super) fn sealed(
        &mut self,
        direction: Direction,
        header: RecordHeader,
        record: RecordSeen,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        let mut body = self.sides.get_mut(direction).take_body();
        match self.decryptor.open(direction, header, body.bytes_mut(), log) {
            Opening::Opened { record: opened, stage, skipped } => {
                let is_data = opened.kind == ContentType::ApplicationData;
                if stage == Stage::Application && self.version.is_none() {
                    // In the middle: that the handshake is over is nothing new.
                    (self.version, self.is_answered) = (Some(Version::TLS_1_3), true);
                    self.is_established = true;
                    self.progress.client.is_finished = true;
                    self.progress.server.is_finished = true;
                }
                if stage == Stage::Application {
                    self.progress.get_mut(direction).is_finished = true;
                    self.progress.get_mut(direction).has_data |= is_data;
                }
                self.renegotiate(direction, record, out);
                let is_first = is_data && !self.lost.get(direction).has_data;
                let before = is_first.then(|| {
                    let decryptor = self.decryptor.rewound(direction);
                    Box::new(SavedSession { decryptor, ..self.save(direction) })
                });
                let sealed = SealedRecord { record, body, before };
                let body = self.opened(direction, (opened, stage, skipped), sealed, log, out);
                self.sides.get_mut(direction).recycle(body);
                see(out, Observation::Record(RecordSeen { is_data, is_opened: true, ..record }));
                self.establish(record.span, out);
            }
            Opening::Refused => {
                self.sides.get_mut(direction).recycle(body);
                self.lose(direction, record.span);
                if self.decryptor.opened(direction) > 0 {
                    see(out, Observation::Refused(record.span));
                }
                self.record(direction, record, log, out);
            }
            Opening::NoKeys => {
                self.sides.get_mut(direction).recycle(body);
                self.lose(direction, record.span);
                self.record(direction, record, log, out);
            }
        }
    }

    /// Takes what an encrypted record contains. Gives its bytes back.
    fn opened(
        &mut self,
        direction: Direction,
        (opened, stage, skipped): (OpenedRecord, Stage, Option<u64>),
        SealedRecord { record, body, before }: SealedRecord,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) -> Buffer {
        let content = opened.content.clone();
        match opened.kind {
            ContentType::ApplicationData => {
                let missing = self.missing(direction, skipped);
                let lost = self.lost.get_mut(direction);
                (lost.bytes, lost.has_data) = (0, true);
                lost.is_padded |= opened.is_padded;
                let plain = PlainRecord { body, content, span: record.span, missing, before };
                if stage == Stage::Early {
                    return self.early.take(plain, out);
                }
                out(SessionEvent::Data(direction, &plain));
                return plain.body;
            }
            ContentType::Handshake => {
                for chunk in body.chunks().scan(0_usize, |at, chunk| {
                    let (start, length) = (*at, chunk.bytes.len());
                    *at = at.saturating_add(length);
                    let end = content.end.saturating_sub(start).min(length);
                    Some(chunk.take(end).skip(content.start.saturating_sub(start)))
                }) {
                    self.inner_messages(direction, chunk, log, out);
                }
            }
            ContentType::Alert => {
                if let Some([level, description]) = body.bytes().get(content) {
                    let alert = Alert { level: *level, description: *description };
                    see(out, Observation::Alert(alert, record.span));
                }
            }
            ContentType::ChangeCipherSpec | ContentType::Heartbeat => {}
        }
        body
    }

    fn inner_messages(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        let mut chunk = chunk;
        while let Some((message, left)) = self.sides.get_mut(direction).push_plain(chunk) {
            chunk = left;
            self.message(direction, &message, log, out);
        }
    }

    /// Looks for a record among bytes whose records are not known, and reads on with it.
    pub(super) fn search(
        &mut self,
        direction: Direction,
        log: &KeyLog,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        while let Some(search) = self.sides.get_mut(direction).search() {
            let Some((at, header)) = search.candidate() else { return search.trim() };
            let mut body = search.body((at, header));
            let passed = search.passed();
            // Which number it has is not known yet, nor whether it is one.
            let mut trial = self.decryptor.clone();
            trial.miss(direction, passed);
            if let Opening::Opened { .. } = trial.open(direction, header, &mut body, log) {
                let (passed, rest) = self.sides.get_mut(direction).find(at);
                self.decryptor.miss(direction, passed);
                let lost = self.lost.get_mut(direction);
                lost.bytes = lost.bytes.saturating_add(passed);
                for chunk in rest.chunks() {
                    self.push(direction, chunk, log, out);
                }
                return;
            }
            self.decryptor.tire(direction, &trial);
        }
    }

    /// Notes a record that cannot be decrypted.
    pub(super) fn lose(&mut self, direction: Direction, span: Span) {
        let lost = self.lost.get_mut(direction);
        lost.bytes = lost.bytes.saturating_add(span.length());
    }

    /// How much application data is missing before a record; `skipped` records are.
    fn missing(&self, direction: Direction, skipped: Option<u64>) -> Missing {
        let lost = self.lost.get(direction);
        if lost.bytes == 0 || !lost.has_data {
            return Missing::Nothing;
        }
        let overhead = self.decryptor.overhead(direction).filter(|_| !lost.is_padded);
        let exact = overhead.zip(skipped).and_then(|(overhead, skipped)| {
            let each = length_u64(overhead).saturating_add(length_u64(HEADER_LENGTH));
            lost.bytes.checked_sub(each.checked_mul(skipped)?)
        });
        exact.map_or(Missing::UpTo(lost.bytes), Missing::Bytes)
    }
}
