//! `wslens explain`: frames bit by bit, close codes, rules.

mod bytes;

use std::io::{self, Read, Write};

use clap::ValueEnum;

use super::output::{ColorArgs, Screen, format_parser};
use crate::describe::frame::FrameContext;
use crate::describe::frame::drawing::Borders;
use crate::findings::{self, RuleName};
use crate::report::explain::{self, ExplainFormat, ExplainOptions};
use crate::report::rules::{self, RulesExtent, RulesFormat, RulesOptions};
use crate::stream::{Direction, length_u64};
use crate::websocket::Compression;
use crate::websocket::extension::SideParams;

/// Explain the bytes of frames, heads of HTTP, a close code, or a rule
///
/// The bytes of a frame in hexadecimal: "81 85 37 fa 21 3d 7f 9f 4d 51 58" shows every bit and what
/// it means. The notations of most programs are accepted: 8185 37fa, 0x81, 0x85, "\x81\x85",
/// 81:85:37, a C array, lines of hexdump -C or xxd. There may be several frames, and the last may be
/// truncated. - reads them from standard input. If they break rules, the causes that bytes can show by
/// themselves (WHY-01 to WHY-13) are tested on them, if --side is not given for both senders.
///
/// The request of an opening handshake, its response, or both, as text, as bytes, or as written by
/// curl -v, with frames of the server after it. The causes that they can show are tested on them;
/// nothing is concluded from what was not given: time, the end of the connection, the other peer.
///
/// A close code: 1006. A number of one to five digits is always a close code; write 0x1006 or "10
/// 06" for bytes.
///
/// The id of a rule or cause: WS-F07, WHY-14.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// Bytes in hexadecimal, heads as text, - for standard input, a close code, or the id of a rule
    #[arg(value_name = "WHAT", required = true)]
    what: Vec<String>,

    /// Who sent the frames
    #[arg(long, value_name = "SIDE", value_enum)]
    side: Option<SenderArg>,

    /// permessage-deflate was negotiated: inflate compressed messages
    #[arg(long)]
    deflate: bool,

    /// Write ASCII only
    #[arg(long)]
    ascii: bool,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<ExplainFormat>(), default_value = "text")]
    format: ExplainFormat,

    #[command(flatten)]
    color: ColorArgs,
}

/// The peer that sent the frames.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SenderArg {
    /// the peer that opened the connection
    Client,
    /// the peer that accepted it
    Server,
}

/// Runs `explain`.
///
/// # Errors
///
/// If the argument cannot be explained, standard input cannot be read, or the page cannot be
/// written.
pub(super) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let options = args.options();
    let what = args.what.join(" ");
    match Topic::of(&what)? {
        Topic::CloseCode(code) => explain::close_code(code, &options, args.format, out)?,
        Topic::Rule(id) => rule(id, &options, args.format, out)?,
        Topic::Bytes(bytes) => explain::bytes(&bytes, &options, args.format, out)?,
        Topic::StandardInput => {
            let bytes = read(&mut io::stdin().lock())?;
            explain::bytes(&bytes, &options, args.format, out)?;
        }
    }
    out.flush()?;
    Ok(())
}

impl ExplainArgs {
    fn options(&self) -> ExplainOptions {
        ExplainOptions {
            context: FrameContext {
                direction: self.side.map(|side| match side {
                    SenderArg::Client => Direction::ClientToServer,
                    SenderArg::Server => Direction::ServerToClient,
                }),
                compression: if self.deflate {
                    Compression::Deflate(SideParams::default())
                } else {
                    Compression::None
                },
            },
            borders: if self.ascii { Borders::Ascii } else { Borders::Lines },
            style: self.color.style(Screen::of_standard_output()),
        }
    }
}

/// What to explain.
#[derive(Debug, Eq, PartialEq)]
enum Topic<'a> {
    CloseCode(u16),
    Rule(&'a str),
    Bytes(Vec<u8>),
    StandardInput,
}

impl<'a> Topic<'a> {
    /// Determines from its form what an argument means.
    fn of(text: &'a str) -> anyhow::Result<Self> {
        if explain::is_http(text.as_bytes()) {
            return Ok(Self::Bytes(text.as_bytes().to_vec()));
        }
        let text = text.trim();
        if text == "-" {
            return Ok(Self::StandardInput);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && (1..=CODE_DIGITS).contains(&text.len()) {
            return match text.parse() {
                Ok(code) => Ok(Self::CloseCode(code)),
                Err(_) => anyhow::bail!(
                    "{text} is not a close code: the largest is 65535; for bytes, write 0x or spaces"
                ),
            };
        }
        if is_rule_id(text) {
            return Ok(Self::Rule(text));
        }
        match bytes::from_text(text) {
            Some(bytes) => Ok(Self::Bytes(bytes)),
            None => anyhow::bail!(
                "'{}' is not bytes of a frame in hexadecimal (\"81 85 37 fa\"), a head of HTTP, a close code (1006) or the id of a rule (WS-F07)",
                shortened(text)
            ),
        }
    }
}

/// Whether a text has the form of a rule's id, such as `WS-F07` or `HS-40`, in any letter case.
///
/// Every group has a letter that is not a hexadecimal digit, so bytes are never mistaken for one.
fn is_rule_id(text: &str) -> bool {
    let Some((group, number)) = text.split_once('-') else { return false };
    let digits = number.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (2..=3).contains(&group.len())
        && group.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && group.bytes().any(|byte| byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit())
        && number.len().saturating_sub(digits.len()) <= 1
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Explains a rule.
fn rule(
    id: &str,
    options: &ExplainOptions,
    format: ExplainFormat,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Some(rule) = findings::rule(id) else {
        anyhow::bail!(
            "there is no rule or cause {}; wslens rules lists them",
            id.to_ascii_uppercase()
        );
    };
    match format {
        ExplainFormat::Text => out.write_all(explain::rule(rule, options).as_bytes())?,
        ExplainFormat::Ndjson => {
            let names = RuleName::parse(rule.id).ok().into_iter().collect();
            let (extent, style) = (RulesExtent::Full, options.style.clone());
            let options = RulesOptions { names, extent, style, columns: None };
            rules::write(RulesFormat::Ndjson, &options, out)?;
        }
    }
    Ok(())
}

/// Reads frames: bytes as they are, or in hexadecimal.
fn read(input: &mut dyn Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(MOST_INPUT.saturating_add(1)).read_to_end(&mut bytes)?;
    if length_u64(bytes.len()) > MOST_INPUT {
        anyhow::bail!(
            "standard input has more than 16 MiB, too much to explain; for a capture, use wslens print --frames -"
        );
    }
    let text = std::str::from_utf8(&bytes).ok();
    if let Some(decoded) = text.and_then(bytes::from_text) {
        bytes = decoded;
    }
    if bytes.is_empty() {
        anyhow::bail!("standard input is empty; give the bytes of a frame");
    }
    Ok(bytes)
}

/// The beginning of a text, to be quoted in an error.
fn shortened(text: &str) -> String {
    let beginning: String = text.chars().take(QUOTED).collect();
    if beginning.len() < text.len() { format!("{beginning}…") } else { beginning }
}

/// The most digits of a close code.
const CODE_DIGITS: usize = 5;

/// The most characters that an error quotes.
const QUOTED: usize = 40;

/// The most bytes read from standard input.
const MOST_INPUT: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_distinguished_by_their_form() {
        let cases = [
            ("1006", Topic::CloseCode(1006)),
            (" 429 ", Topic::CloseCode(429)),
            ("8105", Topic::CloseCode(8105)),
            ("65535", Topic::CloseCode(65_535)),
            ("WS-F07", Topic::Rule("WS-F07")),
            ("ws-f07", Topic::Rule("ws-f07")),
            ("HS-40", Topic::Rule("HS-40")),
            ("h2-01", Topic::Rule("h2-01")),
            ("81 05", Topic::Bytes(vec![0x81, 0x05])),
            ("0x8105", Topic::Bytes(vec![0x81, 0x05])),
            ("810548", Topic::Bytes(vec![0x81, 0x05, 0x48])),
            ("81-05", Topic::Bytes(vec![0x81, 0x05])),
            ("-", Topic::StandardInput),
        ];
        for (text, expected) in cases {
            assert_eq!(Topic::of(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let cases = [
            ("hello", "is not bytes"),
            ("", "is not bytes"),
            ("81 5", "is not bytes"),
            ("WS-", "is not bytes"),
            ("99999", "not a close code"),
            ("feed.pcap", "is not bytes"),
        ];
        for (text, expected) in cases {
            let error = Topic::of(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn input_may_be_bytes_or_text() {
        let hello: &[u8] = b"\x81\x05Hello";
        let cases: &[(&str, &[u8], &[u8])] = &[
            ("bytes", hello, hello),
            ("hexadecimal", b"81 05 48 65 6c 6c 6f\n", hello),
            ("xxd", b"00000000: 8105 4865 6c6c 6f                        ..Hello\n", hello),
            ("text that is not hexadecimal", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n"),
        ];
        for (name, input, expected) in cases {
            let mut input = *input;
            assert_eq!(read(&mut input).unwrap(), *expected, "{name}");
        }
        assert!(read(&mut &b""[..]).is_err());
    }
}
