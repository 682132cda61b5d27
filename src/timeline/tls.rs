//! Steps of TLS that have rows, with what a line shows of them.

use crate::analysis::event::Connection;
use crate::stream::{Origin, Span};
use crate::timeline::row::{Row, RowId, RowKind};
use crate::tls::{Alert, Certificate, ClientHello, Facts, Observation, ServerHello};

/// Which step of TLS a row is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsStep {
    /// The first message of the client, or another one that the server asked for.
    ClientHello,
    /// The first message of the server.
    ServerHello,
    /// The server asks for another `ClientHello`.
    HelloRetryRequest,
    /// The server's certificate.
    Certificate,
    /// An alert in the clear.
    Alert(Alert),
    /// Both sides have finished the handshake.
    Established,
    /// A handshake begins inside an established session.
    Renegotiation,
    /// An encrypted record does not open, though others did.
    Refused,
    /// No TLS, but other bytes.
    Foreign,
}

impl TlsStep {
    /// The step that was observed; `None` for what has no row.
    pub(super) fn of(seen: &Observation<'_>) -> Option<Self> {
        Some(match seen {
            Observation::ClientHello(..) => Self::ClientHello,
            Observation::ServerHello(hello, _) if hello.retry => Self::HelloRetryRequest,
            Observation::ServerHello(..) => Self::ServerHello,
            Observation::Certificate(..) => Self::Certificate,
            Observation::Alert(alert, _) => Self::Alert(*alert),
            Observation::Established(_) => Self::Established,
            Observation::Renegotiation(_) => Self::Renegotiation,
            Observation::Refused(_) => Self::Refused,
            Observation::Foreign(..) => Self::Foreign,
            Observation::Record(_) | Observation::Protocol(..) | Observation::Lost => return None,
        })
    }
}

/// What steps of TLS say, by their rows.
///
/// Some hundred bytes for each: a connection has a handful of them, whatever it carries.
#[derive(Debug, Default)]
pub(super) struct TlsRows {
    /// In the order of their rows.
    rows: Vec<(RowId, TlsContent)>,
}

/// What a step says.
#[derive(Clone, Debug)]
enum TlsContent {
    ClientHello(Box<ClientHello>),
    ServerHello(Box<ServerHello>),
    Certificate(Box<Certificate>),
    /// How long the handshake took, in nanoseconds, if its beginning was captured, and what was agreed upon.
    Established(Option<u64>, Box<str>),
    Foreign(Box<[u8]>),
}

/// A step of TLS, as it was observed.
#[derive(Clone, Copy, Debug)]
pub struct TlsSeen<'t> {
    /// What was observed; the times within its span are that of the row.
    pub seen: Observation<'t>,
    /// How long the handshake took, in nanoseconds: known when it is over.
    pub duration: Option<u64>,
    /// What was agreed upon, in words, with bytes from the network: known when the handshake is over, and else
    /// empty.
    pub session: &'t str,
}

impl TlsRows {
    /// Keeps what a row's line shows.
    pub(super) fn push(&mut self, id: RowId, seen: &Observation<'_>, connection: &Connection) {
        let content = match *seen {
            Observation::ClientHello(hello, _) => TlsContent::ClientHello(Box::new(hello.clone())),
            Observation::ServerHello(hello, _) => TlsContent::ServerHello(Box::new(hello.clone())),
            Observation::Certificate(certificate, _) => {
                TlsContent::Certificate(Box::new(certificate.clone()))
            }
            Observation::Established(_) => {
                let tls = connection.tls.as_deref();
                let session = tls.map(Facts::in_words).unwrap_or_default();
                TlsContent::Established(tls.and_then(Facts::duration), session.into_boxed_str())
            }
            Observation::Foreign(bytes, _) => {
                TlsContent::Foreign(bytes.get(..MOST_FOREIGN).unwrap_or(bytes).into())
            }
            // The row itself says all of it, or there is none.
            Observation::Alert(..)
            | Observation::Renegotiation(_)
            | Observation::Refused(_)
            | Observation::Protocol(..)
            | Observation::Record(_)
            | Observation::Lost => return,
        };
        self.rows.push((id, content));
    }

    /// What the step of a row says; `None` for other rows.
    pub(super) fn get(&self, row: &Row) -> Option<TlsSeen<'_>> {
        let RowKind::Tls(step) = row.kind else { return None };
        let at = |packet| Origin { packet, time: row.time };
        let span = Span {
            start: row.offset,
            end: row.offset.saturating_add(row.length),
            first: at(row.first),
            last: at(row.last),
        };
        let alone = |seen| Some(TlsSeen { seen, duration: None, session: "" });
        if let TlsStep::Alert(alert) = step {
            return alone(Observation::Alert(alert, span));
        }
        if step == TlsStep::Refused {
            return alone(Observation::Refused(span));
        }
        if step == TlsStep::Renegotiation {
            return alone(Observation::Renegotiation(span));
        }
        let place = self.rows.binary_search_by_key(&row.id, |(id, _)| *id).ok()?;
        let (_, content) = self.rows.get(place)?;
        match content {
            TlsContent::ClientHello(hello) => alone(Observation::ClientHello(hello, span)),
            TlsContent::ServerHello(hello) => alone(Observation::ServerHello(hello, span)),
            TlsContent::Certificate(certificate) => {
                alone(Observation::Certificate(certificate, span))
            }
            TlsContent::Established(duration, session) => {
                let seen = Observation::Established(span);
                Some(TlsSeen { seen, duration: *duration, session })
            }
            TlsContent::Foreign(bytes) => alone(Observation::Foreign(bytes, span)),
        }
    }

    /// Memory taken, in bytes, without names and certificates.
    pub(super) fn memory(&self) -> usize {
        self.rows.capacity().saturating_mul(size_of::<(RowId, TlsContent)>())
    }
}

/// How many bytes are kept of data that is not TLS: a line has no room for more.
const MOST_FOREIGN: usize = 256;
