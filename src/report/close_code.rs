//! Registered names of close codes.

/// The registered name of a close code; for the others, what their range is for.
///
/// Source: IANA, "WebSocket Close Code Number Registry"; ranges from RFC 6455 §7.4.2.
pub(super) fn name(code: u16) -> &'static str {
    match NAMES.iter().find(|(known, _)| *known == code) {
        Some((_, name)) => name,
        None => match code {
            0..1000 => "unused range",
            1000..3000 => "unregistered",
            3000..4000 => "library or framework",
            4000..5000 => "private use",
            5000.. => "out of range",
        },
    }
}

/// Codes and names of the registry.
#[rustfmt::skip]
const NAMES: &[(u16, &str)] = &[
    (1000, "normal closure"),
    (1001, "going away"),
    (1002, "protocol error"),
    (1003, "unsupported data"),
    (1004, "reserved"),
    (1005, "no status received"),
    (1006, "abnormal closure"),
    (1007, "invalid payload data"),
    (1008, "policy violation"),
    (1009, "message too big"),
    (1010, "mandatory extension"),
    (1011, "internal error"),
    (1012, "service restart"),
    (1013, "try again later"),
    (1014, "bad gateway"),
    (1015, "TLS handshake"),
    (3000, "unauthorized"),
    (3003, "forbidden"),
    (3008, "timeout"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_name() {
        let cases = [
            (1000, "normal closure"),
            (1016, "unregistered"),
            (3000, "unauthorized"),
            (3001, "library or framework"),
            (4999, "private use"),
            (0, "unused range"),
            (65_535, "out of range"),
        ];
        for (code, expected) in cases {
            assert_eq!(name(code), expected, "{code}");
        }
    }
}
