//! `wslens keys list`: which sessions can be decrypted.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use super::super::ExitStatus;
use super::super::output::format_parser;
use super::sessions::{Completeness, SecretSource, Survey, TlsSession};
use crate::report::LineFormat;
use crate::stream::length_u64;
use crate::text::page::safe;
use crate::text::words::{counted, hex_digits};
use crate::tls::suite_name;

/// List the TLS sessions of a capture, and which secrets there are for each
///
/// For each connection that speaks TLS: version, cipher suite, server name, whether all secrets that
/// decrypting it needs are in the capture or in a key log, and the random by which key logs have
/// them. The last line has the totals, and for how many sessions that are not in the
/// capture there are secrets.
///
/// Exit code 1 if secrets of a session are missing; 0 if there are all, or no TLS.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Capture to read
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    /// Key log to look for secrets in, besides the capture
    ///
    /// Can be repeated.
    #[arg(long, value_name = "FILE")]
    keylog: Vec<PathBuf>,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<LineFormat>(), default_value = "text")]
    format: LineFormat,
}

/// A session as a line of ndjson.
#[derive(Serialize)]
struct SessionLine<'a> {
    r#type: &'static str,
    connection: u64,
    client: String,
    server: String,
    version: Option<String>,
    cipher: Option<String>,
    sni: Option<String>,
    client_random: Option<String>,
    /// `complete`, `partial`, `none`, `unneeded`.
    secrets: &'static str,
    /// Of the secrets that there are.
    labels: Vec<&'static str>,
    /// `embedded`, or the path of a key log.
    sources: Vec<&'a str>,
    /// Whether a comment of the capture has some, which are not used.
    in_comment: bool,
}

/// The totals as a line of ndjson.
#[derive(Serialize)]
struct SummaryLine {
    r#type: &'static str,
    sessions: u64,
    complete: u64,
    partial: u64,
    none: u64,
    unneeded: u64,
    /// Sessions that are not in the capture, but have secrets.
    foreign_sessions: u64,
}

/// Runs `keys list`.
///
/// # Errors
///
/// As [`Survey::of`]; if the list cannot be written; if the capture is damaged, after the list of what
/// precedes the damage.
pub(super) fn run(args: &ListArgs, out: &mut dyn Write) -> anyhow::Result<ExitStatus> {
    let survey = Survey::of(&args.capture, &args.keylog)?;
    let totals = totals(&survey);
    match args.format {
        LineFormat::Text => write_text(&survey, &totals, out)?,
        LineFormat::Ndjson => {
            for session in &survey.sessions {
                writeln!(out, "{}", serde_json::to_string(&line(&survey, session))?)?;
            }
            writeln!(out, "{}", serde_json::to_string(&totals)?)?;
        }
    }
    out.flush()?;
    survey.end()?;
    let is_missing = totals.none > 0 || totals.partial > 0;
    Ok(if is_missing { ExitStatus::Findings } else { ExitStatus::Fine })
}

fn totals(survey: &Survey) -> SummaryLine {
    let count = |wanted| {
        let sessions = survey.sessions.iter();
        length_u64(sessions.filter(|it| survey.completeness(it) == wanted).count())
    };
    SummaryLine {
        r#type: "summary",
        sessions: length_u64(survey.sessions.len()),
        complete: count(Completeness::Complete),
        partial: count(Completeness::Partial),
        none: count(Completeness::None),
        unneeded: count(Completeness::Unneeded),
        foreign_sessions: length_u64(survey.foreign()),
    }
}

fn line<'a>(survey: &'a Survey, session: &TlsSession) -> SessionLine<'a> {
    SessionLine {
        r#type: "tls_session",
        connection: session.number,
        client: session.client.to_string(),
        server: session.server.to_string(),
        version: session.version.map(|version| version.to_string()),
        cipher: session.suite.map(cipher),
        sni: session.server_name.as_deref().map(|name| String::from_utf8_lossy(name).into_owned()),
        client_random: session.randoms.first().map(|random| hex_digits(random)),
        secrets: match survey.completeness(session) {
            Completeness::Complete => "complete",
            Completeness::Partial => "partial",
            Completeness::None => "none",
            Completeness::Unneeded => "unneeded",
        },
        labels: labels(survey, session),
        sources: sources(survey, session),
        in_comment: survey.is_in_comment(session),
    }
}

/// Writes a line for each session, in columns, and one with the totals.
fn write_text(survey: &Survey, totals: &SummaryLine, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; COLUMNS]> =
        survey.sessions.iter().map(|session| columns(survey, session)).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let blanks = width.saturating_sub(cell.chars().count()).saturating_add(2);
            line.extend(std::iter::repeat_n(' ', blanks));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    let mut parts = Vec::new();
    for (number, words) in [
        (totals.complete, "with all secrets"),
        (totals.partial, "with only some"),
        (totals.none, "with none"),
        (totals.unneeded, "without encrypted records"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    let mut summary = counted(totals.sessions, "TLS session");
    if !parts.is_empty() {
        summary.push_str(": ");
        summary.push_str(&parts.join(", "));
    }
    if totals.foreign_sessions > 0 {
        summary.push_str("; secrets of ");
        summary.push_str(&counted(totals.foreign_sessions, "session"));
        summary.push_str(" that are not in the capture");
    }
    writeln!(out, "{summary}")
}

fn columns(survey: &Survey, session: &TlsSession) -> [String; COLUMNS] {
    let absent = || "-".to_owned();
    let name = session.server_name.as_deref();
    [
        format!("#{}", session.number),
        format!("{} → {}", session.client, session.server),
        session.version.map_or_else(absent, |version| version.to_string()),
        session.suite.map_or_else(absent, cipher),
        name.map_or_else(absent, |name| safe(name, NAME_COLUMNS)),
        format!("secrets: {}", secrets(survey, session)),
        match session.randoms.first() {
            Some(random) => format!("random {}", hex_digits(random)),
            None => "ClientHello not captured".to_owned(),
        },
    ]
}

/// What there is of the secrets of a session, in words.
fn secrets(survey: &Survey, session: &TlsSession) -> String {
    let from = || format!(" ({})", sources(survey, session).join(", "));
    match survey.completeness(session) {
        Completeness::Complete => format!("complete{}", from()),
        Completeness::Partial => {
            format!("only {}{}", labels(survey, session).join(", "), from())
        }
        Completeness::None if survey.is_in_comment(session) => {
            "none, but a comment of the capture has some".to_owned()
        }
        Completeness::None => "none".to_owned(),
        Completeness::Unneeded => "none, nothing is encrypted".to_owned(),
    }
}

fn labels(survey: &Survey, session: &TlsSession) -> Vec<&'static str> {
    let secrets = session.randoms.first().map_or(&[][..], |random| survey.all.secrets(random));
    secrets.iter().map(|secret| secret.label).collect()
}

/// Where the secrets of a session are.
fn sources<'a>(survey: &'a Survey, session: &TlsSession) -> Vec<&'a str> {
    let Some(random) = session.randoms.first() else { return Vec::new() };
    let has_some = |source: &&SecretSource| !source.log.secrets(random).is_empty();
    survey.sources.iter().filter(has_some).map(SecretSource::name).collect()
}

fn cipher(suite: u16) -> String {
    suite_name(suite).map_or_else(|| format!("{suite:#06x}"), str::to_owned)
}

/// How many columns a line has.
const COLUMNS: usize = 7;

/// The most columns of a server name.
const NAME_COLUMNS: usize = 60;
