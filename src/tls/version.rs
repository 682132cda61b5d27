//! Protocol versions.

use std::fmt;

/// A protocol version as on the wire, known or not (RFC 8446 §4.1.2, §4.2.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(pub u16);

impl Version {
    /// SSL 3.0.
    pub const SSL_3: Self = Self(0x0300);
    /// TLS 1.0.
    pub const TLS_1_0: Self = Self(0x0301);
    /// TLS 1.1.
    pub const TLS_1_1: Self = Self(0x0302);
    /// TLS 1.2.
    pub const TLS_1_2: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS_1_3: Self = Self(0x0304);

    /// Whether it is a value that only tests whether peers ignore what they do not know (RFC 8701).
    pub fn is_grease(self) -> bool {
        is_grease(self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SSL_3 => f.write_str("SSL 3.0"),
            Self::TLS_1_0 => f.write_str("TLS 1.0"),
            Self::TLS_1_1 => f.write_str("TLS 1.1"),
            Self::TLS_1_2 => f.write_str("TLS 1.2"),
            Self::TLS_1_3 => f.write_str("TLS 1.3"),
            Self(other) => write!(f, "TLS version {other:#06x}"),
        }
    }
}

/// Whether a value of two bytes is one of those reserved by RFC 8701 §2: twice the same byte, which ends in A.
pub(super) fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_the_names_people_use() {
        let rows = [
            (0x0300, "SSL 3.0"),
            (0x0301, "TLS 1.0"),
            (0x0303, "TLS 1.2"),
            (0x0304, "TLS 1.3"),
            (0x7f1c, "TLS version 0x7f1c"),
        ];
        for (value, name) in rows {
            assert_eq!(Version(value).to_string(), name);
        }
    }

    #[test]
    fn grease_is_distinguished_from_versions() {
        for value in [0x0a0a, 0x7a7a, 0xfafa] {
            assert!(Version(value).is_grease(), "{value:#06x}");
        }
        for value in [0x0304, 0x0a1a, 0x0b0b] {
            assert!(!Version(value).is_grease(), "{value:#06x}");
        }
    }
}
