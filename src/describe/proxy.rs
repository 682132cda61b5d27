//! Proxies on the way of a connection, and stray bytes, in words.

use crate::analysis::event::{
    Intermediary, IntermediaryKind, SocksExchange, SocksOutcome, StrayBytes, StrayPlace,
};
use crate::proxy::{ProxyCommand, ProxyHeader, method_name};
use crate::text::amount::counted;
use crate::text::words::hex;

/// What a proxy did, or what stray bytes are, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyWords {
    /// What it is.
    pub name: String,
    /// Text from the network that follows it, with the blanks before it, unescaped.
    pub details: Vec<u8>,
    /// How it is to be taken.
    pub tone: ProxyTone,
}

/// How something about a proxy is to be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyTone {
    /// All is well.
    Good,
    /// Worth a look.
    Strange,
    /// It refused.
    Failure,
}

/// `PROXY v1: client 192.0.2.7:51820, connected to 192.0.2.1:80`
pub fn proxy_header(header: &ProxyHeader) -> ProxyWords {
    let mut name = format!("PROXY v{}: ", header.version.number());
    let mut details = Vec::new();
    match (header.command, &header.source) {
        (ProxyCommand::Local, _) => name.push_str("the proxy itself, as for a health check"),
        (ProxyCommand::Proxy, None) => name.push_str("client unknown"),
        (ProxyCommand::Proxy, Some(source)) => {
            name.push_str("client");
            details.extend(format!(" {source}").into_bytes());
            if let Some(destination) = &header.destination {
                details.extend(format!(", connected to {destination}").into_bytes());
            }
        }
    }
    if header.is_encrypted == Some(true) {
        details.extend(b" by TLS");
    }
    for (word, value) in [(" for ", &header.authority), ("  ALPN ", &header.protocol)] {
        if let Some(value) = value {
            details.extend(word.as_bytes());
            details.extend(value);
        }
    }
    ProxyWords { name, details, tone: ProxyTone::Good }
}

/// `SOCKS5 proxy opened a connection to chat.example.org:80`
pub fn socks(socks: &SocksExchange) -> ProxyWords {
    let version = socks.version.name();
    let target = socks.target().map(|target| format!(" {target}")).unwrap_or_default();
    let (name, mut details, tone) = match socks.outcome {
        SocksOutcome::Opened => {
            (format!("{version} proxy opened a connection to"), target, ProxyTone::Good)
        }
        SocksOutcome::Refused => {
            let reason = socks.reason().unwrap_or_default();
            let name = format!("{version} proxy refused: {reason}; asked for");
            (name, target, ProxyTone::Failure)
        }
        SocksOutcome::NoMethod | SocksOutcome::LoginFailed => {
            let reason = socks.reason().unwrap_or_default();
            (format!("{version} proxy refused: {reason}"), String::new(), ProxyTone::Failure)
        }
        SocksOutcome::Unfinished if socks.request.is_some() => {
            (format!("no answer from the {version} proxy about"), target, ProxyTone::Failure)
        }
        SocksOutcome::Unfinished => {
            (format!("{version} dialog without a request"), String::new(), ProxyTone::Failure)
        }
        SocksOutcome::Unreadable => {
            let method = socks.method.map_or("unknown", method_name);
            let name = format!("{version} proxy: what follows cannot be read ({method})");
            (name, String::new(), ProxyTone::Strange)
        }
    };
    if let Some(user) = &socks.user {
        details.push_str(" as user ");
        details.push_str(&String::from_utf8_lossy(user));
    }
    ProxyWords { name, details: details.into_bytes(), tone }
}

/// `SSH instead of an HTTP response: SSH-2.0-OpenSSH_9.2`
pub fn stray_bytes(stray: &StrayBytes) -> ProxyWords {
    let mut amount = String::new();
    counted(&mut amount, stray.span.length(), "byte");
    let what = stray.protocol.map_or(amount, |protocol| protocol.name().to_owned());
    let (place, tone) = match stray.place {
        StrayPlace::Greeting => ("from the server before any request", ProxyTone::Strange),
        StrayPlace::BeforeRequest => ("before the request", ProxyTone::Strange),
        StrayPlace::InsteadOfRequest => ("instead of an HTTP request", ProxyTone::Strange),
        StrayPlace::BeforeResponse => ("before the status line", ProxyTone::Strange),
        StrayPlace::InsteadOfResponse => ("instead of an HTTP response", ProxyTone::Failure),
        StrayPlace::BeforeFrames => ("between head and first frame", ProxyTone::Strange),
        StrayPlace::UnfinishedProxyHeader => {
            ("of a PROXY header that never ended", ProxyTone::Failure)
        }
        StrayPlace::UnfinishedResponse => {
            ("of a response whose head never ended", ProxyTone::Failure)
        }
    };
    let mut details = b"  ".to_vec();
    if is_readable(&stray.bytes) {
        details.extend(&stray.bytes);
    } else {
        details.extend(hex(&stray.bytes).into_bytes());
    }
    ProxyWords { name: format!("{what} {place}:"), details, tone }
}

/// A proxy on the way in words.
pub fn intermediary(intermediary: &Intermediary) -> ProxyWords {
    match &intermediary.kind {
        IntermediaryKind::Header(header) => proxy_header(header),
        IntermediaryKind::Socks(exchange) => socks(exchange),
        IntermediaryKind::Connect { target, status } => {
            let is_opened = status.is_some_and(|status| (200..300).contains(&status));
            let name = match status {
                Some(_) if is_opened => "HTTP proxy opened a tunnel to".to_owned(),
                Some(status) => format!("HTTP proxy refused ({status}) a tunnel to"),
                None => "no response from the HTTP proxy about a tunnel to".to_owned(),
            };
            let tone = if is_opened { ProxyTone::Good } else { ProxyTone::Failure };
            ProxyWords { name, details: [b" ", target.as_slice()].concat(), tone }
        }
    }
}

/// Whether bytes are readable as they are: most of them are printable.
fn is_readable(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ').count();
    printable.saturating_mul(2) > bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::OtherProtocol;
    use crate::proxy::{Parsed, SocksReply, SocksVersion, proxy_header as parse, socks5_request};
    use crate::stream::{Direction, Origin, Span};

    fn line(words: &ProxyWords) -> String {
        words.name.clone() + &String::from_utf8_lossy(&words.details)
    }

    #[test]
    fn proxies_say_for_whom_and_to_where() {
        let rows: &[(&[u8], &str)] = &[
            (
                b"PROXY TCP4 192.0.2.7 192.0.2.1 51820 80\r\n",
                "PROXY v1: client 192.0.2.7:51820, connected to 192.0.2.1:80",
            ),
            (b"PROXY UNKNOWN\r\n", "PROXY v1: client unknown"),
            (
                b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
                "PROXY v2: the proxy itself, as for a health check",
            ),
        ];
        for (bytes, expected) in rows {
            let Parsed::Whole(header, _) = parse(bytes) else { panic!("{expected}") };
            assert_eq!(line(&proxy_header(&header)), *expected);
        }
        let Parsed::Whole(request, _) = socks5_request(b"\x05\x01\0\x03\x01a\0\x50") else {
            panic!("it is a request");
        };
        let mut exchange = SocksExchange {
            version: SocksVersion::V5,
            method: Some(2),
            user: Some(b"me".to_vec()),
            request: Some(request),
            reply: Some(SocksReply { version: SocksVersion::V5, code: 5 }),
            outcome: SocksOutcome::Refused,
        };
        let expected = "SOCKS5 proxy refused: connection refused (5); asked for a:80 as user me";
        assert_eq!(
            (line(&socks(&exchange)).as_str(), socks(&exchange).tone),
            (expected, ProxyTone::Failure)
        );
        exchange.outcome = SocksOutcome::Opened;
        exchange.user = None;
        assert_eq!(line(&socks(&exchange)), "SOCKS5 proxy opened a connection to a:80");
        exchange.outcome = SocksOutcome::NoMethod;
        assert_eq!(line(&socks(&exchange)), "SOCKS5 proxy refused: no acceptable methods (0xff)");
    }

    #[test]
    fn stray_bytes_are_quoted() {
        let stray = |place, bytes: &[u8], protocol| {
            let mut span = Span::at(10, Origin::default());
            span.end += u64::try_from(bytes.len()).unwrap();
            let direction = Direction::ServerToClient;
            line(&stray_bytes(&StrayBytes {
                direction,
                place,
                bytes: bytes.to_vec(),
                span,
                protocol,
            }))
        };
        assert_eq!(
            stray(StrayPlace::BeforeResponse, b"\xef\xbb\xbf", None),
            "3 bytes before the status line:  ef bb bf"
        );
        assert_eq!(
            stray(StrayPlace::InsteadOfResponse, b"SSH-2.0-x\r\n", Some(OtherProtocol::Ssh)),
            "SSH instead of an HTTP response:  SSH-2.0-x\r\n"
        );
    }
}
