//! Alerts: how one side reports that it gives up, and why.

use std::fmt;

/// An alert as on the wire, legal or not (RFC 8446 §6, RFC 5246 §7.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Alert {
    /// 1 is a warning, 2 is fatal. TLS 1.3 goes by the description alone.
    pub level: u8,
    /// What is wrong.
    pub description: u8,
}

impl Alert {
    /// The name of its description in the standards; `None` if they define none.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.description).map(|(_, name)| *name)
    }

    /// Whether its level ends the connection.
    pub fn is_fatal(self) -> bool {
        self.level == FATAL
    }

    /// Whether it is about the certificate of the other side, or that one is missing.
    pub fn is_about_identity(self) -> bool {
        matches!(
            self.description,
            BAD_CERTIFICATE
                | UNSUPPORTED_CERTIFICATE
                | CERTIFICATE_REVOKED
                | CERTIFICATE_EXPIRED
                | CERTIFICATE_UNKNOWN
                | UNKNOWN_CA
                | ACCESS_DENIED
                | CERTIFICATE_REQUIRED
        )
    }

    /// Whether it only announces the end: `close_notify` or `user_canceled` (RFC 8446 §6.1).
    pub fn is_closure(self) -> bool {
        matches!(self.description, CLOSE_NOTIFY | USER_CANCELED)
    }
}

impl fmt::Display for Alert {
    /// `fatal alert unknown_ca (48)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            WARNING => f.write_str("warning ")?,
            FATAL => f.write_str("fatal ")?,
            other => write!(f, "level {other} ")?,
        }
        write!(f, "alert {} ({})", self.name().unwrap_or("without a name"), self.description)
    }
}

/// Nothing more will be sent.
pub const CLOSE_NOTIFY: u8 = 0;
/// The two sides have no algorithms or settings in common.
pub const HANDSHAKE_FAILURE: u8 = 40;
/// The certificate is corrupt, or its signatures do not fit.
pub const BAD_CERTIFICATE: u8 = 42;
/// The certificate is of a kind that cannot be used.
pub const UNSUPPORTED_CERTIFICATE: u8 = 43;
/// The certificate was revoked.
pub const CERTIFICATE_REVOKED: u8 = 44;
/// The certificate has expired, or is not valid yet.
pub const CERTIFICATE_EXPIRED: u8 = 45;
/// Something else is wrong with the certificate.
pub const CERTIFICATE_UNKNOWN: u8 = 46;
/// The certificate was issued by an authority that the sender does not trust.
pub const UNKNOWN_CA: u8 = 48;
/// The certificate is valid, but its owner may not do this.
pub const ACCESS_DENIED: u8 = 49;
/// The version that was offered is not supported.
pub const PROTOCOL_VERSION: u8 = 70;
/// The server requires more security than the client offers.
pub const INSUFFICIENT_SECURITY: u8 = 71;
/// The peer has a failure of its own.
pub const INTERNAL_ERROR: u8 = 80;
/// The user gave up.
pub const USER_CANCELED: u8 = 90;
/// The server has no such name.
pub const UNRECOGNIZED_NAME: u8 = 112;
/// The server requires a certificate and the client has none.
pub const CERTIFICATE_REQUIRED: u8 = 116;
/// The two sides have no application protocol (ALPN) in common.
pub const NO_APPLICATION_PROTOCOL: u8 = 120;

const WARNING: u8 = 1;
const FATAL: u8 = 2;

/// Descriptions by number: RFC 8446 appendix B.2, with those that older versions had.
const NAMES: &[(u8, &str)] = &[
    (CLOSE_NOTIFY, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (21, "decryption_failed"),
    (22, "record_overflow"),
    (30, "decompression_failure"),
    (HANDSHAKE_FAILURE, "handshake_failure"),
    (41, "no_certificate"),
    (BAD_CERTIFICATE, "bad_certificate"),
    (UNSUPPORTED_CERTIFICATE, "unsupported_certificate"),
    (CERTIFICATE_REVOKED, "certificate_revoked"),
    (CERTIFICATE_EXPIRED, "certificate_expired"),
    (CERTIFICATE_UNKNOWN, "certificate_unknown"),
    (47, "illegal_parameter"),
    (UNKNOWN_CA, "unknown_ca"),
    (ACCESS_DENIED, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (60, "export_restriction"),
    (PROTOCOL_VERSION, "protocol_version"),
    (INSUFFICIENT_SECURITY, "insufficient_security"),
    (INTERNAL_ERROR, "internal_error"),
    (86, "inappropriate_fallback"),
    (USER_CANCELED, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (111, "certificate_unobtainable"),
    (UNRECOGNIZED_NAME, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (114, "bad_certificate_hash_value"),
    (115, "unknown_psk_identity"),
    (CERTIFICATE_REQUIRED, "certificate_required"),
    (NO_APPLICATION_PROTOCOL, "no_application_protocol"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_and_numbered() {
        let rows = [
            ([2, 48], "fatal alert unknown_ca (48)"),
            ([1, 0], "warning alert close_notify (0)"),
            ([2, 70], "fatal alert protocol_version (70)"),
            ([1, 112], "warning alert unrecognized_name (112)"),
            ([7, 250], "level 7 alert without a name (250)"),
        ];
        for ([level, description], expected) in rows {
            assert_eq!(Alert { level, description }.to_string(), expected);
        }
    }

    #[test]
    fn goodbyes_are_distinguished_from_failures() {
        let is_closure = |description| Alert { level: 1, description }.is_closure();
        assert!(is_closure(0) && is_closure(90));
        assert!(!is_closure(48) && !is_closure(100));
    }

    #[test]
    fn numbers_are_in_order_and_named_once() {
        assert!(NAMES.is_sorted_by(|(one, _), (other, _)| one < other));
    }
}
