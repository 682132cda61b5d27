//! Sec-WebSocket-Extensions (RFC 6455 §9.1) and what permessage-deflate makes of it (RFC 7692 §7.1).

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{cut, map, opt};
use nom::error::Error;
use nom::multi::fold_many0;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Offset, Parser};

/// The extensions of one Sec-WebSocket-Extensions value, as far as it can be read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExtensionList {
    /// In order; one that is malformed is there with the parameters before the fault.
    pub extensions: Vec<Extension>,
    /// Offset in the value of the first byte that does not match the grammar. Reading continues
    /// after the next comma.
    pub malformed: Option<usize>,
}

/// One extension, offered or accepted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Extension {
    /// Its name as sent.
    pub name: String,
    /// Its parameters in order, repetitions included.
    pub params: Vec<Param>,
}

/// One parameter of an extension.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Param {
    /// Its name as sent.
    pub name: String,
    /// Its value, without quotes and escapes. Bytes that are not UTF-8 are replaced.
    pub value: Option<String>,
}

/// Reads the value of Sec-WebSocket-Extensions; several fields of that name are joined with `, `
/// before.
///
/// Empty list members are skipped (RFC 9110 §5.6.1.2). A value without any extension is
/// malformed at its end.
pub fn parse(value: &[u8]) -> ExtensionList {
    let mut list = ExtensionList::default();
    let mut input = value;
    while !input.is_empty() {
        let (rest, extension) = member(input);
        list.extensions.extend(extension);
        match rest {
            Ending::Whole(rest) if matches!(rest.first(), None | Some(b',')) => {
                input = skip_comma(rest);
            }
            Ending::Whole(rest) | Ending::Fault(rest) => {
                list.malformed = list.malformed.or_else(|| Some(value.offset(rest)));
                input = skip_comma(rest);
            }
        }
    }
    if list.extensions.is_empty() {
        list.malformed = list.malformed.or(Some(value.len()));
    }
    list
}

impl ExtensionList {
    /// The extensions called `name`, in any letter case.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Extension> {
        self.extensions.iter().filter(move |extension| extension.name.eq_ignore_ascii_case(name))
    }
}

impl Extension {
    /// The first parameter called `name`, in any letter case.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name.eq_ignore_ascii_case(name))
    }
}

/// What the two sides of a connection agreed for permessage-deflate, each for what it sends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DeflateParams {
    /// What the client sends.
    pub client: SideParams,
    /// What the server sends.
    pub server: SideParams,
}

/// How one side compresses (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SideParams {
    /// It begins each message without the history of those before (§7.1.1).
    pub no_context_takeover: bool,
    /// Base-2 logarithm of its LZ77 window in bytes, 8 to 15 (§7.1.2).
    pub window_bits: u8,
}

impl Default for SideParams {
    fn default() -> Self {
        Self { no_context_takeover: false, window_bits: MAX_WINDOW_BITS }
    }
}

impl DeflateParams {
    /// What the first `permessage-deflate` of a response says; `None` if it has none.
    ///
    /// Parameters with a value that the standard does not allow count as absent: a larger window
    /// and a kept context decode what a smaller one and none do.
    pub fn from_accepted(accepted: &ExtensionList) -> Option<Self> {
        accepted.named(PERMESSAGE_DEFLATE).next().map(|extension| Self {
            client: SideParams {
                no_context_takeover: is_flag(extension.param(CLIENT_NO_CONTEXT_TAKEOVER)),
                window_bits: window_bits(extension.param(CLIENT_MAX_WINDOW_BITS)),
            },
            server: SideParams {
                no_context_takeover: is_flag(extension.param(SERVER_NO_CONTEXT_TAKEOVER)),
                window_bits: window_bits(extension.param(SERVER_MAX_WINDOW_BITS)),
            },
        })
    }
}

fn is_flag(param: Option<&Param>) -> bool {
    param.is_some_and(|param| param.value.is_none())
}

/// RFC 7692 §7.1.2: a decimal integer from 8 to 15 without leading zeroes.
fn window_bits(param: Option<&Param>) -> u8 {
    let value = param.and_then(|param| param.value.as_deref());
    let digits = value.filter(|value| !value.starts_with(['0', '+']));
    let bits = digits.and_then(|digits| digits.parse().ok());
    bits.filter(|bits| (MIN_WINDOW_BITS..=MAX_WINDOW_BITS).contains(bits))
        .unwrap_or(MAX_WINDOW_BITS)
}

/// Where reading of a list member stopped.
#[derive(Clone, Copy, Debug)]
enum Ending<'a> {
    /// Where it may end.
    Whole(&'a [u8]),
    /// Where the grammar demands something else.
    Fault(&'a [u8]),
}

/// `extension = extension-token *( ";" extension-param )`, as far as it goes.
fn member(input: &[u8]) -> (Ending<'_>, Option<Extension>) {
    let Ok((mut input, name)) = spaced(token).parse(input) else {
        return (Ending::Whole(skip_space(input)), None);
    };
    let mut extension = Extension { name: text(name), params: Vec::new() };
    loop {
        match preceded(spaced(tag(";")), cut(param)).parse(input) {
            Ok((rest, param)) => {
                extension.params.push(param);
                input = rest;
            }
            Err(nom::Err::Failure(fault)) => return (Ending::Fault(fault.input), Some(extension)),
            Err(_) => return (Ending::Whole(skip_space(input)), Some(extension)),
        }
    }
}

/// `extension-param = token [ "=" ( token | quoted-string ) ]`.
fn param(input: &[u8]) -> IResult<&[u8], Param> {
    let value = alt((map(token, text), map(quoted_string, |bytes| text(&bytes))));
    let value = opt(preceded(spaced(tag("=")), cut(value)));
    let (rest, (name, value)) = (spaced(token), value).parse(input)?;
    Ok((rest, Param { name: text(name), value }))
}

/// RFC 9110 §5.6.4; the bytes within, without escapes.
fn quoted_string(input: &[u8]) -> IResult<&[u8], Vec<u8>> {
    let plain = take_while1(|byte| byte != b'"' && byte != b'\\');
    let escaped = preceded(tag("\\"), nom::bytes::complete::take(1_usize));
    let content = fold_many0(alt((plain, escaped)), Vec::new, |mut bytes, part: &[u8]| {
        bytes.extend_from_slice(part);
        bytes
    });
    delimited(tag("\""), content, tag("\"")).parse(input)
}

/// RFC 9110 §5.6.2.
fn token(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    take_while1(is_token).parse(input)
}

/// `parser` with optional whitespace around it (implied *LWS of RFC 2616 §2.1, which RFC 6455 §9.1
/// builds upon).
fn spaced<'a, P>(parser: P) -> impl Parser<&'a [u8], Output = P::Output, Error = Error<&'a [u8]>>
where
    P: Parser<&'a [u8], Error = Error<&'a [u8]>>,
{
    delimited(take_while(is_space), parser, take_while(is_space))
}

fn skip_space(input: &[u8]) -> &[u8] {
    let start = input.iter().position(|byte| !is_space(*byte)).unwrap_or(input.len());
    input.get(start..).unwrap_or_default()
}

/// What follows the next comma that is not within quotes.
fn skip_comma(input: &[u8]) -> &[u8] {
    let mut quoted = false;
    let comma = input.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    comma.and_then(|at| input.get(at.saturating_add(1)..)).unwrap_or_default()
}

/// Line ends count as space: a folded field has them.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Name of the compression extension (RFC 7692 §7).
pub const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

/// RFC 7692 §7.1.1.1.
pub const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";

/// RFC 7692 §7.1.1.2.
pub const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";

/// RFC 7692 §7.1.2.1.
pub const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";

/// RFC 7692 §7.1.2.2.
pub const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// Smallest window that may be agreed, in bits (RFC 7692 §7.1.2).
pub const MIN_WINDOW_BITS: u8 = 8;

/// Largest window, and the one without a parameter, in bits (RFC 7692 §7.1.2).
pub const MAX_WINDOW_BITS: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    /// `name;param;param=value,name`, the way the tables below write a list.
    fn shown(list: &ExtensionList) -> String {
        let param = |param: &Param| match &param.value {
            Some(value) => format!(";{}={value}", param.name),
            None => format!(";{}", param.name),
        };
        let extension =
            |e: &Extension| e.name.clone() + &e.params.iter().map(param).collect::<String>();
        list.extensions.iter().map(extension).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn lists_are_read_as_far_as_they_go() {
        #[rustfmt::skip]
        let rows: &[(&str, &str, &str, Option<usize>)] = &[
            ("RFC 6455 9.1, one",       "foo",                             "foo", None),
            ("RFC 6455 9.1, params",    "bar; baz=2",                      "bar;baz=2", None),
            ("RFC 6455 9.1, list",      "foo, bar; baz=2",                 "foo,bar;baz=2", None),
            ("RFC 6455 11.3.2",         "deflate-stream",                  "deflate-stream", None),
            ("RFC 6455 11.3.2, list",   "mux; max-channels=4; flow-control, deflate-stream",
                                        "mux;max-channels=4;flow-control,deflate-stream", None),
            ("RFC 7692 7.1, quoted",    "permessage-deflate; client_max_window_bits; server_max_window_bits=\"10\"",
                                        "permessage-deflate;client_max_window_bits;server_max_window_bits=10", None),
            ("escapes and commas",      "a; b=\"c\\\"d, e;\" , f",         "a;b=c\"d, e;,f", None),
            ("no spaces",               "a;b;c=d,e",                       "a;b;c=d,e", None),
            ("spaces everywhere",       " a ; b = c ,\td ",                "a;b=c,d", None),
            ("empty members",           ", a,, b ,",                       "a,b", None),
            ("folded",                  "a;\r\n b",                        "a;b", None),
            ("nothing",                 "",                                "", Some(0)),
            ("only commas",             ", ,",                             "", Some(3)),
            ("value missing",           "a; b=, c",                        "a,c", Some(5)),
            ("parameter missing",       "a; b;, c",                        "a;b,c", Some(5)),
            ("name missing",            "; b, c",                          "c", Some(0)),
            ("two words",               "a b, c",                          "a,c", Some(2)),
            ("quote never closed",      "a; b=\"c, d",                     "a", Some(10)),
            ("ends too early",          "a;",                              "a", Some(2)),
            ("odd byte",                "a; b=1/2, c",                     "a;b=1,c", Some(6)),
        ];
        for (name, value, expected, malformed) in rows {
            let list = parse(value.as_bytes());
            assert_eq!((shown(&list).as_str(), list.malformed), (*expected, *malformed), "{name}");
        }
    }

    #[test]
    fn each_side_has_its_own_deflate_parameters() {
        let side =
            |no_context_takeover, window_bits| SideParams { no_context_takeover, window_bits };
        let both = |client, server| Some(DeflateParams { client, server });
        let usual = side(false, 15);
        #[rustfmt::skip]
        let rows: &[(&str, &str, Option<DeflateParams>)] = &[
            ("plain",              "permessage-deflate",                                both(usual, usual)),
            ("other letter case",  "Permessage-Deflate",                                both(usual, usual)),
            ("server context",     "permessage-deflate; server_no_context_takeover",    both(usual, side(true, 15))),
            ("client context",     "permessage-deflate; client_no_context_takeover",    both(side(true, 15), usual)),
            ("server window",      "permessage-deflate; server_max_window_bits=10",     both(usual, side(false, 10))),
            ("client window",      "permessage-deflate; client_max_window_bits=8",      both(side(false, 8), usual)),
            ("quoted window",      "permessage-deflate; client_max_window_bits=\"9\"",  both(side(false, 9), usual)),
            ("after another",     "foo, permessage-deflate; server_max_window_bits=9", both(usual, side(false, 9))),
            ("first of two",       "permessage-deflate, permessage-deflate; server_max_window_bits=9", both(usual, usual)),
            ("too small",          "permessage-deflate; client_max_window_bits=7",      both(usual, usual)),
            ("too large",          "permessage-deflate; client_max_window_bits=16",     both(usual, usual)),
            ("leading zero",       "permessage-deflate; client_max_window_bits=08",     both(usual, usual)),
            ("no number",          "permessage-deflate; client_max_window_bits=+9",     both(usual, usual)),
            ("window without value", "permessage-deflate; client_max_window_bits",      both(usual, usual)),
            ("flag with a value",  "permessage-deflate; server_no_context_takeover=1",  both(usual, usual)),
            ("another extension",  "x-webkit-deflate-frame",                            None),
            ("nothing",            "",                                                  None),
        ];
        for (name, value, expected) in rows {
            assert_eq!(DeflateParams::from_accepted(&parse(value.as_bytes())), *expected, "{name}");
        }
    }

    #[test]
    fn every_prefix_and_random_bytes_are_survived() {
        let value = b"a; b=\"c\\\"\", permessage-deflate; client_max_window_bits=12, d";
        for length in 0..=value.len() {
            let list = parse(&value[..length]);
            assert!(list.malformed.is_none_or(|offset| offset <= length));
        }
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let alphabet = b"ab,;=\" \\/\xff\r\n";
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    alphabet[usize::try_from(state % 12).unwrap()]
                })
                .collect();
            let list = parse(&bytes);
            assert!(list.malformed.is_none_or(|offset| offset <= bytes.len()), "{bytes:?}");
        }
    }
}
