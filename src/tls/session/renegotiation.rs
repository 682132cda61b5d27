//! Handshakes inside an established session.

use super::super::record::ContentType;
use super::{Observation, RecordSeen, Session, SessionEvent, see};
use crate::stream::{Direction, PerDirection};

/// A handshake that takes place inside an established session (RFC 5246 §7.4.1.1).
#[derive(Debug, Default)]
pub(super) struct Renegotiation {
    /// Who uses its keys by now.
    has_changed: PerDirection<bool>,
}

impl Session {
    /// Reports the first record of a handshake inside an established session: its content may be hidden, but its
    /// type is not.
    pub(super) fn renegotiate(
        &mut self,
        direction: Direction,
        record: RecordSeen,
        out: &mut impl FnMut(SessionEvent<'_>),
    ) {
        if self.is_modern() || !self.is_established {
            return;
        }
        match (record.kind, &mut self.renegotiation) {
            (ContentType::Handshake, None) => {
                self.renegotiation = Some(Renegotiation::default());
                see(out, Observation::Renegotiation(record.span));
            }
            (ContentType::ChangeCipherSpec, Some(under_way)) => {
                *under_way.has_changed.get_mut(direction) = true;
            }
            // Both have finished it.
            (ContentType::ApplicationData, Some(Renegotiation { has_changed }))
                if has_changed.client && has_changed.server =>
            {
                self.renegotiation = None;
            }
            _ => {}
        }
    }
}
