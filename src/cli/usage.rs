//! Responses to command lines that cannot be run: help, version, or one line with the error.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::text::escape::escape;

/// Writes help or version to `out`; everything else is an error in one line.
pub(super) fn answer(
    error: &clap::Error,
    arguments: &[OsString],
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Written by clap itself, which handles colors.
            error.print()?;
            out.flush()?;
            Ok(())
        }
        _ => anyhow::bail!("{}; see wslens --help", complaint(error, arguments)),
    }
}

/// Turns any text into one line that is safe for a terminal.
pub(super) fn one_line(text: &str) -> String {
    line_of(&text.split_whitespace().collect::<Vec<_>>().join(" "), LINE_LIMIT)
}

/// The same for a command, which is neither cut nor are its blanks changed.
pub(super) fn whole_line(text: &str) -> String {
    line_of(text, usize::MAX)
}

fn line_of(text: &str, limit: usize) -> String {
    let mut line = String::new();
    escape(text.as_bytes(), limit, &mut line);
    line
}

/// The error in the arguments: the first paragraph of clap's message.
fn complaint(error: &clap::Error, arguments: &[OsString]) -> String {
    if let Some(first) = arguments.get(1).and_then(|first| first.to_str())
        && matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::ArgumentConflict)
        && !first.starts_with('-')
        && !is_known(first)
        && !Path::new(first).exists()
    {
        return format!("there is no subcommand and no file '{first}'");
    }
    let whole = error.to_string();
    let paragraph = whole.split("\n\n").next().unwrap_or(&whole);
    let text = paragraph.trim_start_matches("error: ");
    // The suggestion is a separate paragraph.
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(near)) => format!("{text} (did you mean '{near}'?)"),
        Some(_) | None => text.to_owned(),
    }
}

/// Whether a word is the name of a subcommand.
fn is_known(word: &str) -> bool {
    super::command().get_subcommands().any(|command| command.get_name() == word)
}

/// The most columns of a line.
const LINE_LIMIT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint_of(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let error = super::super::command().try_get_matches_from(&arguments).unwrap_err();
        one_line(&complaint(&error, &arguments))
    }

    #[test]
    fn every_wrong_command_line_gets_one_line() {
        #[rustfmt::skip]
        let cases: &[(&[&str], &str)] = &[
            (&["wslens", "print", "x", "--quiet", "y"], "unexpected argument '--quiet' found"),
            (&["wslens", "print", "x", "--secrets", "y"], "unexpected argument '--secrets' found (did you mean '--with-secrets'?)"),
            (&["wslens", "print", "x", "--frame"], "unexpected argument '--frame' found (did you mean '--frames'?)"),
            (&["wslens", "verify", "x", "--format", "ndjson"], "there is no subcommand and no file 'verify'"),
            (&["wslens", "check", "x", "--only", "WS-G"], "invalid value 'WS-G' for '--only <RULES>': unknown rule or group 'WS-G'; did you mean 'WS-F'?"),
            (&["wslens", "check", "x", "--fail-on", "fatal"], "invalid value 'fatal' for '--fail-on <SEVERITY>' [possible values: error, warning, note, never]"),
            (&["wslens", "-i", "lo", "x.pcap"], "the argument '--interface <INTERFACE>' cannot be used with '[FILE]...'"),
            (&["wslens", "print", "x", "--format", "xml"], "invalid value 'xml' for '--format <FORMAT>' [possible values: text, ndjson]"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(complaint_of(arguments), *expected, "{arguments:?}");
        }
    }

    #[test]
    fn nothing_can_break_the_line() {
        assert_eq!(one_line("a\n  b\r\n\x1b[2J"), "a b \\x1b[2J");
    }
}
