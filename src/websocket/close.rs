//! The payload of a Close frame.

/// Code and reason of a Close frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Close<'a> {
    /// The status code, legal or not; `None` for an empty payload, and for a single byte.
    pub code: Option<u16>,
    /// The reason, as sent: it ought to be UTF-8.
    pub reason: &'a [u8],
}

/// Splits a Close frame's payload into code and reason.
///
/// `payload` is unmasked. An empty payload is legal and means "no code given", which is not the
/// same as code 1005 on the wire. A payload of one byte breaks a rule; it has neither.
///
/// Source: RFC 6455 §5.5.1. The code is not checked here.
pub fn close_payload(payload: &[u8]) -> Close<'_> {
    match payload {
        [high, low, reason @ ..] => Close { code: Some(u16::from_be_bytes([*high, *low])), reason },
        [] | [_] => Close { code: None, reason: &[] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_splits_into_code_and_reason() {
        type CloseCase = (&'static str, &'static [u8], Option<u16>, &'static [u8]);
        let cases: &[CloseCase] = &[
            ("code and reason", b"\x03\xe8bye", Some(1000), b"bye"),
            ("code only", b"\x03\xe9", Some(1001), b""),
            ("empty", b"", None, b""),
            ("one byte", b"\x03", None, b""),
            ("illegal code, reason not UTF-8", b"\x00\x00\xff", Some(0), b"\xff"),
        ];
        for (name, payload, code, reason) in cases {
            assert_eq!(close_payload(payload), Close { code: *code, reason }, "{name}");
        }
    }
}
