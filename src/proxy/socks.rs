//! SOCKS 4, 4a and 5: what a client asks of a proxy, and what the proxy answers.
//!
//! SOCKS 4 and 4a are described by their authors (Ying-Da Lee's memos), SOCKS 5 by RFC 1928, its login
//! by RFC 1929.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::bytes::streaming::{take, take_until};
use nom::number::streaming::{be_u8, be_u16};
use nom::{IResult, Parser};

use super::{Parsed, ProxyTarget};

/// Version of SOCKS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocksVersion {
    /// 4: addresses of IPv4 only.
    V4,
    /// 4a: the same, and names.
    V4a,
    /// 5.
    V5,
}

impl SocksVersion {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "SOCKS4",
            Self::V4a => "SOCKS4a",
            Self::V5 => "SOCKS5",
        }
    }
}

/// What a client asks for (RFC 1928 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocksCommand {
    /// 1: a connection to the target.
    Connect,
    /// 2: to wait for a connection from the target.
    Bind,
    /// 3: to forward datagrams.
    UdpAssociate,
}

impl SocksCommand {
    fn from_wire(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Connect,
            2 => Self::Bind,
            3 => Self::UdpAssociate,
            _ => return None,
        })
    }

    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::UdpAssociate => "udp_associate",
        }
    }
}

/// A request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SocksRequest {
    /// 4, 4a or 5.
    pub version: SocksVersion,
    /// What is asked for.
    pub command: SocksCommand,
    /// Of what.
    pub target: ProxyTarget,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocksReply {
    /// 4 (for 4a as well) or 5.
    pub version: SocksVersion,
    /// As sent: 90 (SOCKS 4) or 0 (SOCKS 5) grants the request.
    pub code: u8,
}

impl SocksReply {
    /// Whether the request is granted.
    pub fn is_granted(self) -> bool {
        match self.version {
            SocksVersion::V4 | SocksVersion::V4a => self.code == 90,
            SocksVersion::V5 => self.code == 0,
        }
    }

    /// The meaning of the code (RFC 1928 §6).
    pub fn meaning(self) -> &'static str {
        match (self.version, self.code) {
            (SocksVersion::V4 | SocksVersion::V4a, 90) => "request granted",
            (SocksVersion::V4 | SocksVersion::V4a, 91) => "request rejected or failed",
            (SocksVersion::V4 | SocksVersion::V4a, 92) => {
                "the proxy cannot reach identd on the client"
            }
            (SocksVersion::V4 | SocksVersion::V4a, 93) => "identd reports another user",
            (SocksVersion::V5, 0) => "succeeded",
            (SocksVersion::V5, 1) => "general SOCKS server failure",
            (SocksVersion::V5, 2) => "connection not allowed by ruleset",
            (SocksVersion::V5, 3) => "network unreachable",
            (SocksVersion::V5, 4) => "host unreachable",
            (SocksVersion::V5, 5) => "connection refused",
            (SocksVersion::V5, 6) => "TTL expired",
            (SocksVersion::V5, 7) => "command not supported",
            (SocksVersion::V5, 8) => "address type not supported",
            _ => "unassigned reply code",
        }
    }
}

/// A request of SOCKS 4 or 4a: version, command, port, address, user, and in 4a a name.
pub fn socks4_request(bytes: &[u8]) -> Parsed<SocksRequest> {
    Parsed::of(bytes, request_4(bytes))
}

fn request_4(bytes: &[u8]) -> IResult<&[u8], SocksRequest> {
    let (rest, _) = version(4, bytes)?;
    let (rest, command) = command(rest)?;
    if command == SocksCommand::UdpAssociate {
        return Err(foreign(rest));
    }
    let (rest, port) = be_u16.parse(rest)?;
    if port == 0 {
        return Err(foreign(rest));
    }
    let (rest, address) = ipv4(rest)?;
    let (rest, _user) = text(rest)?;
    let [a, b, c, d] = address.octets();
    if [a, b, c] != [0; 3] || d == 0 {
        let target = ProxyTarget::Address(SocketAddr::new(address.into(), port));
        return Ok((rest, SocksRequest { version: SocksVersion::V4, command, target }));
    }
    let (rest, name) = text(rest)?;
    let target = ProxyTarget::Name(name.to_vec(), port);
    Ok((rest, SocksRequest { version: SocksVersion::V4a, command, target }))
}

/// Bytes up to a NUL, which nobody needs many of.
fn text(bytes: &[u8]) -> IResult<&[u8], &[u8]> {
    let limited = bytes.get(..MAX_TEXT).unwrap_or(bytes);
    let result: IResult<&[u8], &[u8]> = take_until(&b"\0"[..]).parse(limited);
    match result {
        Ok((_, text)) => Ok((bytes.get(text.len().saturating_add(1)..).unwrap_or_default(), text)),
        Err(_) if bytes.len() >= MAX_TEXT => Err(foreign(bytes)),
        Err(error) => Err(error),
    }
}

/// The answer to a request of SOCKS 4: 0, code, port, address.
pub fn socks4_reply(bytes: &[u8]) -> Parsed<SocksReply> {
    let read = |bytes| {
        let (rest, _) = version(0, bytes)?;
        let (rest, code) = be_u8.parse(rest)?;
        if !(90..=93).contains(&code) {
            return Err(foreign(rest));
        }
        let (rest, _) = take(6_usize).parse(rest)?;
        Ok((rest, SocksReply { version: SocksVersion::V4, code }))
    };
    Parsed::of(bytes, read(bytes))
}

/// The methods of authentication that a client of SOCKS 5 offers (RFC 1928 §3).
pub fn methods(bytes: &[u8]) -> Parsed<Vec<u8>> {
    let read = |bytes| {
        let (rest, _) = version(5, bytes)?;
        let (rest, count) = be_u8.parse(rest)?;
        if count == 0 {
            return Err(foreign(rest));
        }
        let (rest, methods): (&[u8], &[u8]) = take(count).parse(rest)?;
        Ok((rest, methods.to_vec()))
    };
    match Parsed::of(bytes, read(bytes)) {
        // As far as they are there, they must be such as may be offered.
        Parsed::Short if bytes.get(2..).is_some_and(|it| it.contains(&SOCKS5_NO_METHOD)) => {
            Parsed::Foreign
        }
        Parsed::Whole(methods, _) if methods.contains(&SOCKS5_NO_METHOD) => Parsed::Foreign,
        parsed => parsed,
    }
}

/// The method that a proxy chooses (RFC 1928 §3).
pub fn methods_reply(bytes: &[u8]) -> Parsed<u8> {
    let read = |bytes| {
        let (rest, _) = version(5, bytes)?;
        be_u8.parse(rest)
    };
    Parsed::of(bytes, read(bytes))
}

/// The user that a client names (RFC 1929 §2); its password is skipped.
pub fn login(bytes: &[u8]) -> Parsed<Vec<u8>> {
    let read = |bytes| {
        let (rest, _) = version(1, bytes)?;
        let (rest, length) = be_u8.parse(rest)?;
        let (rest, user): (&[u8], &[u8]) = take(length).parse(rest)?;
        let (rest, length) = be_u8.parse(rest)?;
        let (rest, _password) = take(length).parse(rest)?;
        Ok((rest, user.to_vec()))
    };
    Parsed::of(bytes, read(bytes))
}

/// The status of a login (RFC 1929 §2): 0 accepts it.
pub fn login_reply(bytes: &[u8]) -> Parsed<u8> {
    let read = |bytes| {
        let (rest, _) = version(1, bytes)?;
        be_u8.parse(rest)
    };
    Parsed::of(bytes, read(bytes))
}

/// A request of SOCKS 5 (RFC 1928 §4).
pub fn socks5_request(bytes: &[u8]) -> Parsed<SocksRequest> {
    let read = |bytes| {
        let (rest, _) = version(5, bytes)?;
        let (rest, command) = command(rest)?;
        let (rest, _reserved) = be_u8.parse(rest)?;
        let (rest, target) = target(rest)?;
        Ok((rest, SocksRequest { version: SocksVersion::V5, command, target }))
    };
    Parsed::of(bytes, read(bytes))
}

/// The answer to a request of SOCKS 5 (RFC 1928 §6).
pub fn socks5_reply(bytes: &[u8]) -> Parsed<SocksReply> {
    let read = |bytes| {
        let (rest, _) = version(5, bytes)?;
        let (rest, code) = be_u8.parse(rest)?;
        let (rest, _reserved) = be_u8.parse(rest)?;
        let (rest, _bound) = target(rest)?;
        Ok((rest, SocksReply { version: SocksVersion::V5, code }))
    };
    Parsed::of(bytes, read(bytes))
}

/// What a method of authentication is (RFC 1928 §3, and IANA's registry of SOCKS methods).
pub fn method_name(method: u8) -> &'static str {
    match method {
        SOCKS5_NO_LOGIN => "no authentication",
        SOCKS5_GSSAPI => "GSSAPI",
        SOCKS5_LOGIN => "username/password",
        SOCKS5_NO_METHOD => "no acceptable methods",
        3..=0x7f => "a method assigned by IANA",
        0x80..=0xfe => "a private method",
    }
}

/// Type of address, address, port (RFC 1928 §5).
fn target(bytes: &[u8]) -> IResult<&[u8], ProxyTarget> {
    let (rest, kind) = be_u8.parse(bytes)?;
    match kind {
        1 => {
            let (rest, address) = ipv4(rest)?;
            let (rest, port) = be_u16.parse(rest)?;
            Ok((rest, ProxyTarget::Address(SocketAddr::new(address.into(), port))))
        }
        3 => {
            let (rest, length) = be_u8.parse(rest)?;
            let (rest, name): (&[u8], &[u8]) = take(length).parse(rest)?;
            let (rest, port) = be_u16.parse(rest)?;
            Ok((rest, ProxyTarget::Name(name.to_vec(), port)))
        }
        4 => {
            let (rest, octets): (&[u8], &[u8]) = take(16_usize).parse(rest)?;
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap_or_default());
            let (rest, port) = be_u16.parse(rest)?;
            Ok((rest, ProxyTarget::Address(SocketAddr::new(address.into(), port))))
        }
        _ => Err(foreign(rest)),
    }
}

fn ipv4(bytes: &[u8]) -> IResult<&[u8], Ipv4Addr> {
    let (rest, octets): (&[u8], &[u8]) = take(4_usize).parse(bytes)?;
    Ok((rest, Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap_or_default())))
}

fn version(wanted: u8, bytes: &[u8]) -> IResult<&[u8], u8> {
    let (rest, version) = be_u8.parse(bytes)?;
    if version == wanted { Ok((rest, version)) } else { Err(foreign(rest)) }
}

fn command(bytes: &[u8]) -> IResult<&[u8], SocksCommand> {
    let (rest, command) = be_u8.parse(bytes)?;
    match SocksCommand::from_wire(command) {
        Some(command) => Ok((rest, command)),
        None => Err(foreign(rest)),
    }
}

fn foreign(rest: &[u8]) -> nom::Err<nom::error::Error<&[u8]>> {
    nom::Err::Error(nom::error::Error::new(rest, nom::error::ErrorKind::Verify))
}

/// No authentication (RFC 1928 §3).
pub const SOCKS5_NO_LOGIN: u8 = 0;

/// GSSAPI (RFC 1961): all that follows may be encapsulated.
pub const SOCKS5_GSSAPI: u8 = 1;

/// Username and password (RFC 1929).
pub const SOCKS5_LOGIN: u8 = 2;

/// No acceptable methods (RFC 1928 §3).
pub const SOCKS5_NO_METHOD: u8 = 0xff;

/// The longest user or name of SOCKS 4 that is taken for one, with its NUL, in bytes.
const MAX_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts what bytes are read as, and that no beginning of them is read as anything.
    fn check<T: PartialEq + std::fmt::Debug>(
        name: &str,
        bytes: &[u8],
        parse: fn(&[u8]) -> Parsed<T>,
        expected: T,
    ) {
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Parsed::Short, "{name}, cut at {cut}");
        }
        let more = [bytes, b"more"].concat();
        assert_eq!(parse(&more), Parsed::Whole(expected, bytes.len()), "{name}");
    }

    fn request(version: SocksVersion, target: ProxyTarget) -> SocksRequest {
        SocksRequest { version, command: SocksCommand::Connect, target }
    }

    #[test]
    fn requests_and_replies_of_socks_4_are_read_however_they_are_cut() {
        let address = ProxyTarget::Address("192.0.2.7:80".parse().unwrap());
        let name = ProxyTarget::Name(b"chat.example.org".to_vec(), 443);
        check(
            "4",
            b"\x04\x01\0\x50\xc0\0\x02\x07me\0",
            socks4_request,
            request(SocksVersion::V4, address),
        );
        check(
            "4a",
            b"\x04\x01\x01\xbb\0\0\0\x01\0chat.example.org\0",
            socks4_request,
            request(SocksVersion::V4a, name),
        );
        for code in 90..=93 {
            let reply = SocksReply { version: SocksVersion::V4, code };
            check("reply", &[0, code, 0, 80, 1, 2, 3, 4], socks4_reply, reply);
            assert_eq!(reply.is_granted(), code == 90);
        }
    }

    #[test]
    fn the_dialog_of_socks_5_is_read_however_it_is_cut() {
        check("methods", b"\x05\x03\0\x01\x02", methods, vec![0, 1, 2]);
        check("the method", b"\x05\x02", methods_reply, SOCKS5_LOGIN);
        check("none", b"\x05\xff", methods_reply, SOCKS5_NO_METHOD);
        check("login", b"\x01\x02me\x06secret", login, b"me".to_vec());
        check("its status", b"\x01\x01", login_reply, 1);
        let ipv4 = ProxyTarget::Address("192.0.2.7:80".parse().unwrap());
        let ipv6 = ProxyTarget::Address("[2001:db8::7]:80".parse().unwrap());
        let name = ProxyTarget::Name(b"a.example".to_vec(), 80);
        check(
            "IPv4",
            b"\x05\x01\0\x01\xc0\0\x02\x07\0\x50",
            socks5_request,
            request(SocksVersion::V5, ipv4),
        );
        check(
            "name",
            b"\x05\x01\0\x03\x09a.example\0\x50",
            socks5_request,
            request(SocksVersion::V5, name),
        );
        let octets = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let bytes = [b"\x05\x01\0\x04", &octets[..], b"\0\x50"].concat();
        check("IPv6", &bytes, socks5_request, request(SocksVersion::V5, ipv6));
        let reply = SocksReply { version: SocksVersion::V5, code: 5 };
        check("reply", b"\x05\x05\0\x01\0\0\0\0\0\0", socks5_reply, reply);
        assert_eq!((reply.is_granted(), reply.meaning()), (false, "connection refused"));
    }

    #[test]
    fn other_protocols_are_not_socks() {
        let rows: &[(&str, &[u8])] = &[
            ("DCE/RPC", b"\x05\x00\x0b\x03\x10\0\0\0"),
            ("Cassandra", b"\x04\x00\0\0\x05\0\0\0\0"),
            ("an unknown command", b"\x04\x07\0\x50\x01\x02\x03\x04\0"),
            ("no port", b"\x04\x01\0\0\x01\x02\x03\x04\0"),
            ("all methods are none", b"\x05\x02\xff\xff"),
            ("a request", b"GET / HTTP/1.1\r\n\r\n"),
            ("TLS", b"\x16\x03\x01\0\x05"),
        ];
        for (name, bytes) in rows {
            assert_eq!(socks4_request(bytes), Parsed::Foreign, "{name}");
            assert_eq!(methods(bytes), Parsed::Foreign, "{name}");
        }
        let endless = [&b"\x04\x01\0\x50\x01\x02\x03\x04"[..], &[b'x'; 300]].concat();
        assert_eq!(socks4_request(&endless), Parsed::Foreign);
        assert_eq!(socks4_reply(b"\0\x05"), Parsed::Foreign);
        assert_eq!(socks5_reply(b"HTTP/1.1 400"), Parsed::Foreign);
    }

    #[test]
    fn every_code_has_a_meaning() {
        for code in 0..=8 {
            let reply = SocksReply { version: SocksVersion::V5, code };
            assert_ne!(reply.meaning(), "unassigned reply code");
        }
        let unassigned = SocksReply { version: SocksVersion::V5, code: 9 };
        assert_eq!(unassigned.meaning(), "unassigned reply code");
        assert_eq!(method_name(0x80), "a private method");
    }
}
