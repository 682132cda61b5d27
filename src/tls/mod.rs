//! What TLS shows of itself without its secrets (records, hellos, certificates and alerts in the clear), key logs,
//! and what is in the records if their secrets are known. Facts only; rules evaluate them.
//!
//! RFC 8446 (TLS 1.3) and RFC 5246 (TLS 1.2) are the standards meant.

pub mod alert;
mod certificate;
mod cipher_suite;
mod crypto;
mod decryptor;
mod early_data;
mod facts;
mod half;
mod hello;
mod key_schedule;
mod keylog;
mod message;
mod plaintext;
mod protection;
mod record;
mod resumption;
mod search;
mod session;
mod session_secrets;
mod version;

pub use alert::Alert;
pub use certificate::{Certificate, CertificateName, MOST_NAMES};
pub use cipher_suite::suite_name;
pub use facts::{Facts, Foreign, Known, LastRecord, MOST_FOREIGN, Seen, SideFacts};
pub use hello::{ClientHello, MOST_LISTED, ServerHello};
pub use keylog::{KeyLog, KeyLogError, KeySource, LoggedSecret};
pub use plaintext::{Missing, PlainRecord};
pub use record::{ContentType, begins_record, is_client_hello, may_begin_record};
pub use resumption::Resumptions;
pub use session::{Observation, RecordSeen, SavedSession, Session, SessionEvent};
pub use session_secrets::{SecretText, SessionSecrets, without_secrets};
pub use version::Version;
