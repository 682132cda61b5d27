//! What proxies add in front of a stream: the header of the PROXY protocol, and the dialog of SOCKS.
//! Byte parsers only; the layers of `analysis` pass on what follows.
//!
//! Every parser takes all bytes from the beginning and is asked again with more of them, so it does not
//! matter how they were cut. HTTP's CONNECT is in `http`.

mod header;
mod socks;

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use nom::IResult;

pub use self::header::{
    MAX_PROXY_HEADER, ProxyAddress, ProxyCommand, ProxyHeader, ProxyVersion, proxy_header,
};
pub use self::socks::{
    SOCKS5_GSSAPI, SOCKS5_LOGIN, SOCKS5_NO_LOGIN, SOCKS5_NO_METHOD, SocksCommand, SocksReply,
    SocksRequest, SocksVersion, login, login_reply, method_name, methods, methods_reply,
    socks4_reply, socks4_request, socks5_reply, socks5_request,
};

/// What is at the beginning of bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Parsed<T> {
    /// This, of so many bytes.
    Whole(T, usize),
    /// The beginning of it, perhaps.
    Short,
    /// Something else; more bytes will not change that.
    Foreign,
}

impl<T> Parsed<T> {
    /// What a parser made of all bytes so far.
    fn of(bytes: &[u8], result: IResult<&[u8], T>) -> Self {
        match result {
            Ok((rest, whole)) => Self::Whole(whole, bytes.len().saturating_sub(rest.len())),
            Err(nom::Err::Incomplete(_)) => Self::Short,
            Err(nom::Err::Error(_) | nom::Err::Failure(_)) => Self::Foreign,
        }
    }
}

/// Where a client wants to be connected to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProxyTarget {
    /// An address.
    Address(SocketAddr),
    /// A name that the proxy looks up, as it was sent, and a port.
    Name(Vec<u8>, u16),
}

impl ProxyTarget {
    /// Its address, if it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Name(name, port) => {
                let name = std::str::from_utf8(name).ok()?;
                name.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, *port))
            }
        }
    }

    /// The name, if it is one.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Address(_) => None,
            Self::Name(name, _) => Some(String::from_utf8_lossy(name)),
        }
    }
}

impl fmt::Display for ProxyTarget {
    /// `example.org:80`, `192.0.2.7:80`, `[2001:db8::7]:80`; names may contain anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{}:{port}", String::from_utf8_lossy(name)),
        }
    }
}
