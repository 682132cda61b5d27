//! The header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::bytes::streaming::{tag, take};
use nom::number::streaming::{be_u8, be_u16};
use nom::{IResult, Parser};

use super::Parsed;

/// What a proxy says about the connection for which it opened this one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyHeader {
    /// Its version.
    pub version: ProxyVersion,
    /// Whether it speaks for somebody.
    pub command: ProxyCommand,
    /// The real client; `None` if the proxy does not know it, or speaks for itself.
    pub source: Option<ProxyAddress>,
    /// What the real client connected to.
    pub destination: Option<ProxyAddress>,
    /// The host name that the client asked for (`PP2_TYPE_AUTHORITY`, in version 2).
    pub authority: Option<Vec<u8>>,
    /// The protocol that was agreed on by ALPN (`PP2_TYPE_ALPN`, in version 2).
    pub protocol: Option<Vec<u8>>,
    /// Whether the client connected to the proxy by TLS (`PP2_CLIENT_SSL`); `None` if not said.
    pub is_encrypted: Option<bool>,
}

/// Version of the PROXY protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyVersion {
    /// A line of text (§2.1).
    V1,
    /// Binary (§2.2).
    V2,
}

impl ProxyVersion {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// For whom a proxy opened the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyCommand {
    /// For itself, a health check for example: its own address is the real one.
    Local,
    /// For a client.
    Proxy,
}

impl ProxyCommand {
    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Proxy => "proxy",
        }
    }
}

/// An address of the connection that a proxy speaks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProxyAddress {
    /// Address and port.
    Ip(SocketAddr),
    /// A socket of the file system: its path.
    Unix(Vec<u8>),
}

impl ProxyAddress {
    /// The address, if it is one of IP.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for ProxyAddress {
    /// `192.0.2.7:51820`, `unix:/run/a.sock`; paths may contain anything.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", String::from_utf8_lossy(path)),
        }
    }
}

/// Reads the header of a stream, if it begins with one.
pub fn proxy_header(bytes: &[u8]) -> Parsed<ProxyHeader> {
    if bytes.first() == Some(&b'P') {
        return version_1(bytes);
    }
    Parsed::of(bytes, version_2(bytes))
}

/// `PROXY TCP4 192.0.2.7 192.0.2.1 51820 80\r\n` (§2.1)
fn version_1(bytes: &[u8]) -> Parsed<ProxyHeader> {
    if !bytes.iter().zip(V1_START).all(|(seen, wanted)| seen == wanted) {
        return Parsed::Foreign;
    }
    let beginning = bytes.get(..MAX_V1).unwrap_or(bytes);
    let Some(end) = beginning.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < MAX_V1 { Parsed::Short } else { Parsed::Foreign };
    };
    let line = beginning.get(V1_START.len()..end).and_then(|line| std::str::from_utf8(line).ok());
    let Some(addresses) = line.and_then(line_addresses) else { return Parsed::Foreign };
    let [source, destination] = addresses.map(|address| address.map(ProxyAddress::Ip));
    let header = ProxyHeader {
        version: ProxyVersion::V1,
        command: ProxyCommand::Proxy,
        source,
        destination,
        authority: None,
        protocol: None,
        is_encrypted: None,
    };
    Parsed::Whole(header, end.saturating_add(2))
}

/// Source and destination of a line of version 1; what follows `UNKNOWN` must be ignored.
fn line_addresses(line: &str) -> Option<[Option<SocketAddr>; 2]> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some([None, None]);
    }
    let (source, destination): (IpAddr, IpAddr) =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (source_port, destination_port) =
        (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let fits = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let sockets = [(source, source_port), (destination, destination_port)];
    (fits && words.next().is_none())
        .then(|| sockets.map(|(address, port)| Some(SocketAddr::new(address, port))))
}

/// Signature, version and command, family, length, addresses, TLVs (§2.2).
fn version_2(bytes: &[u8]) -> IResult<&[u8], ProxyHeader> {
    let (rest, _) = tag(V2_SIGNATURE).parse(bytes)?;
    let (rest, (version_command, family, length)) = (be_u8, be_u8, be_u16).parse(rest)?;
    let command = match version_command {
        0x20 => ProxyCommand::Local,
        0x21 => ProxyCommand::Proxy,
        _ => return Err(nom::Err::Error(foreign(rest))),
    };
    let (rest, body) = take(length).parse(rest)?;
    let (addresses, values) = match command {
        // What the block says of addresses must be ignored (§2.2).
        ProxyCommand::Local => ([None, None], body.get(address_length(family)..)),
        ProxyCommand::Proxy => (block_addresses(family, body), body.get(address_length(family)..)),
    };
    let [source, destination] = addresses;
    let mut header = ProxyHeader {
        version: ProxyVersion::V2,
        command,
        source,
        destination,
        authority: None,
        protocol: None,
        is_encrypted: None,
    };
    add_values(&mut header, values.unwrap_or_default());
    Ok((rest, header))
}

/// Bytes of the addresses of a family (§2.2: high half the family, low half the transport).
fn address_length(family: u8) -> usize {
    match family >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    }
}

fn block_addresses(family: u8, body: &[u8]) -> [Option<ProxyAddress>; 2] {
    let read = match family >> 4 {
        1 => ipv4_block(body).ok().map(|(_, it)| it),
        2 => ipv6_block(body).ok().map(|(_, it)| it),
        3 => {
            let path = |range| body.get(range).map(until_nul).map(ProxyAddress::Unix);
            path(0..108).zip(path(108..216)).map(|(source, destination)| [source, destination])
        }
        _ => None,
    };
    read.map_or([None, None], |addresses| addresses.map(Some))
}

fn ipv4_block(body: &[u8]) -> IResult<&[u8], [ProxyAddress; 2]> {
    let address = || take(4_usize).map(|it: &[u8]| <[u8; 4]>::try_from(it).unwrap_or_default());
    let (rest, (source, destination, from, to)) =
        (address(), address(), be_u16, be_u16).parse(body)?;
    let sockets = [(source, from), (destination, to)].map(|(address, port)| {
        ProxyAddress::Ip(SocketAddr::new(Ipv4Addr::from(address).into(), port))
    });
    Ok((rest, sockets))
}

fn ipv6_block(body: &[u8]) -> IResult<&[u8], [ProxyAddress; 2]> {
    let address = || take(16_usize).map(|it: &[u8]| <[u8; 16]>::try_from(it).unwrap_or_default());
    let (rest, (source, destination, from, to)) =
        (address(), address(), be_u16, be_u16).parse(body)?;
    let sockets = [(source, from), (destination, to)].map(|(address, port)| {
        ProxyAddress::Ip(SocketAddr::new(Ipv6Addr::from(address).into(), port))
    });
    Ok((rest, sockets))
}

/// The path of a socket: what comes before its first NUL.
fn until_nul(path: &[u8]) -> Vec<u8> {
    path.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// Reads type, length, value, one after the other (§2.2.1 to §2.2.8), as far as they go.
fn add_values(header: &mut ProxyHeader, mut values: &[u8]) {
    while let Ok((rest, (kind, value))) = value(values) {
        match kind {
            TYPE_ALPN => header.protocol = Some(value.to_vec()),
            TYPE_AUTHORITY => header.authority = Some(value.to_vec()),
            TYPE_SSL => {
                header.is_encrypted = value.first().map(|client| client & CLIENT_SSL != 0);
            }
            _ => {}
        }
        values = rest;
    }
}

fn value(values: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (rest, (kind, length)) = (be_u8, be_u16).parse(values)?;
    let (rest, value) = take(length).parse(rest)?;
    Ok((rest, (kind, value)))
}

fn foreign(rest: &[u8]) -> nom::error::Error<&[u8]> {
    nom::error::Error::new(rest, nom::error::ErrorKind::Tag)
}

/// How a line of version 1 begins.
const V1_START: &[u8] = b"PROXY ";

/// The longest line of version 1, with its CRLF, in bytes (§2.1).
const MAX_V1: usize = 107;

/// How a header of version 2 begins (§2.2).
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header, in bytes: one of version 2, whose length has 16 bits.
pub const MAX_PROXY_HEADER: usize = 16 + 0xffff;

/// `PP2_TYPE_ALPN` (§2.2.1).
const TYPE_ALPN: u8 = 0x01;

/// `PP2_TYPE_AUTHORITY` (§2.2.2).
const TYPE_AUTHORITY: u8 = 0x02;

/// `PP2_TYPE_SSL` (§2.2.6).
const TYPE_SSL: u8 = 0x20;

/// `PP2_CLIENT_SSL`: the client connected over TLS (§2.2.6).
const CLIENT_SSL: u8 = 0x01;

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2_header(version_command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[version_command, family], &length, body].concat()
    }

    fn words(header: &ProxyHeader) -> String {
        let address = |it: &Option<ProxyAddress>| {
            it.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
        };
        let text = |it: &Option<Vec<u8>>| {
            it.as_ref()
                .map_or_else(|| "-".to_owned(), |it| String::from_utf8_lossy(it).into_owned())
        };
        format!(
            "v{} {} {} > {} {} {} {:?}",
            header.version.number(),
            header.command.name(),
            address(&header.source),
            address(&header.destination),
            text(&header.authority),
            text(&header.protocol),
            header.is_encrypted,
        )
    }

    fn headers() -> Vec<(&'static str, Vec<u8>, &'static str)> {
        let ipv4 = [192, 0, 2, 7, 192, 0, 2, 1, 0xca, 0x6c, 0, 80];
        let mut ipv6 = [0; 36];
        ipv6[..2].copy_from_slice(&[0x20, 0x01]);
        ipv6[15] = 7;
        ipv6[31] = 1;
        ipv6[32..].copy_from_slice(&[1, 0, 0, 80]);
        let mut unix = vec![0; 216];
        unix[..8].copy_from_slice(b"/run/one");
        unix[108..116].copy_from_slice(b"/run/two");
        let values =
            b"\x01\x00\x08http/1.1\x02\x00\x0bexample.org\x20\x00\x05\x01\0\0\0\0\x04\x00\x02\0\0";
        vec![
            (
                "TCP4",
                b"PROXY TCP4 192.0.2.7 192.0.2.1 51820 80\r\n".to_vec(),
                "v1 proxy 192.0.2.7:51820 > 192.0.2.1:80 - - None",
            ),
            (
                "TCP6",
                b"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n".to_vec(),
                "v1 proxy [2001:db8::7]:1 > [2001:db8::1]:65535 - - None",
            ),
            ("unknown", b"PROXY UNKNOWN\r\n".to_vec(), "v1 proxy - > - - - None"),
            (
                "unknown with words",
                b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
                "v1 proxy - > - - - None",
            ),
            (
                "version 2, IPv4",
                version_2_header(0x21, 0x11, &ipv4),
                "v2 proxy 192.0.2.7:51820 > 192.0.2.1:80 - - None",
            ),
            (
                "version 2, IPv6",
                version_2_header(0x21, 0x21, &ipv6),
                "v2 proxy [2001::7]:256 > [::1]:80 - - None",
            ),
            (
                "version 2, UNIX",
                version_2_header(0x21, 0x31, &unix),
                "v2 proxy unix:/run/one > unix:/run/two - - None",
            ),
            (
                "version 2, with values",
                version_2_header(0x21, 0x11, &[&ipv4[..], values].concat()),
                "v2 proxy 192.0.2.7:51820 > 192.0.2.1:80 example.org http/1.1 Some(true)",
            ),
            (
                "a value that is cut",
                version_2_header(0x21, 0x11, &[&ipv4[..], b"\x02\x00\xff"].concat()),
                "v2 proxy 192.0.2.7:51820 > 192.0.2.1:80 - - None",
            ),
            ("LOCAL", version_2_header(0x20, 0x00, b""), "v2 local - > - - - None"),
            (
                "LOCAL with addresses",
                version_2_header(0x20, 0x11, &ipv4),
                "v2 local - > - - - None",
            ),
            ("unspecified family", version_2_header(0x21, 0x00, b""), "v2 proxy - > - - - None"),
            (
                "too short for its family",
                version_2_header(0x21, 0x11, b"\x01\x02"),
                "v2 proxy - > - - - None",
            ),
        ]
    }

    #[test]
    fn headers_are_read_however_they_are_cut() {
        for (name, header, expected) in headers() {
            for cut in 1..header.len() {
                assert_eq!(proxy_header(&header[..cut]), Parsed::Short, "{name}, cut at {cut}");
            }
            let bytes = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            let Parsed::Whole(read, length) = proxy_header(&bytes) else { panic!("{name}") };
            assert_eq!((words(&read).as_str(), length), (expected, header.len()), "{name}");
        }
        assert_eq!(proxy_header(b""), Parsed::Short);
    }

    #[test]
    fn other_protocols_begin_otherwise() {
        let mut wrong_version = version_2_header(0x31, 0x11, &[0; 12]);
        let too_long = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; MAX_V1]].concat();
        wrong_version.push(0);
        let rows: &[&[u8]] = &[
            b"POST / HTTP/1.1\r\n",
            b"PROPFIND / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 51820\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 51820 80 1\r\n",
            b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 99999 80\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
            b"\r\nGET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n",
            b"\x16\x03\x01",
            &wrong_version,
            &too_long,
        ];
        for bytes in rows {
            assert_eq!(proxy_header(bytes), Parsed::Foreign, "{}", bytes.escape_ascii());
        }
    }
}
