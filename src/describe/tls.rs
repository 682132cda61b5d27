//! Steps of TLS in words.

use crate::text::amount::duration;
use crate::tls::{Certificate, ClientHello, Observation, ServerHello, suite_name};

/// A step of TLS in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsWords {
    /// What it is.
    pub name: String,
    /// What it says, with the blanks before it: text from the network among it, unescaped.
    pub details: Vec<u8>,
    /// How it is to be taken.
    pub tone: TlsTone,
}

/// How a step of TLS is to be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsTone {
    /// The client continues.
    Client,
    /// The server continues.
    Server,
    /// Nothing that needs attention.
    Aside,
    /// The handshake, or the connection, fails by it.
    Failure,
}

/// Words for a step of TLS; `None` for what is not shown.
///
/// `after` is how long the handshake took, in nanoseconds, and `session` what was agreed upon
/// ([`Facts::in_words`](crate::tls::Facts::in_words)): reported when it is over.
pub fn tls_step(seen: &Observation<'_>, after: Option<u64>, session: &str) -> Option<TlsWords> {
    Some(match *seen {
        Observation::ClientHello(hello, _) => client_hello(hello),
        Observation::ServerHello(hello, _) => server_hello(hello),
        Observation::Certificate(found, _) => certificate(found),
        Observation::Alert(alert, _) => TlsWords {
            name: format!("TLS {alert}"),
            details: Vec::new(),
            tone: if alert.is_closure() { TlsTone::Aside } else { TlsTone::Failure },
        },
        Observation::Established(_) => {
            let mut name = "TLS established".to_owned();
            if let Some(after) = after {
                name.push_str(" after ");
                duration(&mut name, after);
            }
            let before = if session.is_empty() { "" } else { "  " };
            let details = [before, session].concat().into_bytes();
            TlsWords { name, details, tone: TlsTone::Aside }
        }
        Observation::Foreign(bytes, _) => TlsWords {
            name: "no TLS, but".to_owned(),
            details: [b" ", bytes].concat(),
            tone: TlsTone::Failure,
        },
        Observation::Renegotiation(_) => TlsWords {
            name: "TLS renegotiation".to_owned(),
            details: Vec::new(),
            tone: TlsTone::Aside,
        },
        Observation::Refused(span) => TlsWords {
            name: "TLS record does not open".to_owned(),
            details: format!("  {} bytes", span.length()).into_bytes(),
            tone: TlsTone::Failure,
        },
        Observation::Record(_) | Observation::Protocol(..) | Observation::Lost => return None,
    })
}

fn client_hello(hello: &ClientHello) -> TlsWords {
    let mut details = format!("  up to {}", hello.highest_version()).into_bytes();
    if let Some(name) = &hello.server_name {
        details.extend_from_slice(b"  SNI ");
        details.extend_from_slice(name);
    }
    add_protocols(&mut details, hello.protocols.iter().map(Vec::as_slice));
    TlsWords { name: "TLS ClientHello".to_owned(), details, tone: TlsTone::Client }
}

fn server_hello(hello: &ServerHello) -> TlsWords {
    let name = if hello.retry { "TLS HelloRetryRequest" } else { "TLS ServerHello" };
    let suite = suite_name(hello.suite)
        .map_or_else(|| format!("cipher suite {:#06x}", hello.suite), str::to_owned);
    let mut details = format!("  {}  {suite}", hello.version).into_bytes();
    add_protocols(&mut details, hello.protocol.iter().map(Vec::as_slice));
    TlsWords { name: name.to_owned(), details, tone: TlsTone::Server }
}

fn certificate(certificate: &Certificate) -> TlsWords {
    let signed = if certificate.is_self_signed {
        "self-signed".to_owned()
    } else {
        format!("issued by {}", certificate.issuer)
    };
    let details = format!("  {}  {signed}", certificate.subject).into_bytes();
    TlsWords { name: "TLS certificate".to_owned(), details, tone: TlsTone::Server }
}

fn add_protocols<'a>(details: &mut Vec<u8>, protocols: impl Iterator<Item = &'a [u8]>) {
    let mut before: &[u8] = b"  ALPN ";
    for protocol in protocols {
        details.extend_from_slice(before);
        details.extend_from_slice(protocol);
        before = b", ";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Span;
    use crate::tls::Alert;

    fn words(seen: &Observation<'_>, after: Option<u64>) -> (String, TlsTone) {
        let words = tls_step(seen, after, "TLS 1.3, SNI example.org").unwrap();
        (words.name + &String::from_utf8(words.details).unwrap(), words.tone)
    }

    #[test]
    fn steps_say_what_they_agree_on() {
        let span = Span::default();
        let hello = ClientHello {
            server_name: Some(b"example.org".to_vec()),
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            ..ClientHello::default()
        };
        let answer = ServerHello { suite: 0x1301, ..ServerHello::default() };
        let retry = ServerHello { suite: 0xfafa, retry: true, ..ServerHello::default() };
        let alert = |level, description| Observation::Alert(Alert { level, description }, span);
        let version = hello.highest_version();
        #[rustfmt::skip]
        let cases = [
            (Observation::ClientHello(&hello, span), TlsTone::Client,
                format!("TLS ClientHello  up to {version}  SNI example.org  ALPN h2, http/1.1")),
            (Observation::ServerHello(&answer, span), TlsTone::Server,
                format!("TLS ServerHello  {}  TLS_AES_128_GCM_SHA256", answer.version)),
            (Observation::ServerHello(&retry, span), TlsTone::Server,
                format!("TLS HelloRetryRequest  {}  cipher suite 0xfafa", retry.version)),
            (alert(2, 45), TlsTone::Failure, "TLS fatal alert certificate_expired (45)".to_owned()),
            (alert(1, 0), TlsTone::Aside, "TLS warning alert close_notify (0)".to_owned()),
            (Observation::Foreign(b"HTTP/1.1 400", span), TlsTone::Failure, "no TLS, but HTTP/1.1 400".to_owned()),
        ];
        for (seen, tone, expected) in cases {
            assert_eq!(words(&seen, None), (expected, tone));
        }
        let again = words(&Observation::Renegotiation(span), None);
        assert_eq!(again, ("TLS renegotiation".to_owned(), TlsTone::Aside));
        let established = words(&Observation::Established(span), Some(1_500_000));
        assert_eq!(
            established,
            ("TLS established after 1.5 ms  TLS 1.3, SNI example.org".to_owned(), TlsTone::Aside)
        );
        assert_eq!(tls_step(&Observation::Lost, None, ""), None);
    }
}
