//! `wslens print`: handshakes and messages.

use std::io::Write;

use super::capture::{CaptureArgs, SourceArgs};
use super::drive::{drive, look_ahead};
use super::filter::{FilterArgs, kept, named};
use super::output::{ColorArgs, Screen, format_parser};
use super::progress::Scrolling;
use crate::analysis::AnalyzerOptions;
use crate::analysis::event::ConnectionId;
use crate::findings::Settings;
use crate::pipeline::Pipeline;
use crate::report::filtered::{Filtered, Intake};
use crate::report::ndjson::{Ndjson, NdjsonOptions};
use crate::report::text::{Text, TextOptions};
use crate::report::{Breadth, Detail, LineFormat, Listing, Report, Selection};
use crate::timeline::filter::{Filter, Matcher};
use crate::websocket::Digest;

/// Print handshakes and messages, one line each
///
/// Shows handshakes, messages with their size and beginning, how connections ended, and what is
/// missing from the capture. --format ndjson writes every message in full, for programs.
#[derive(Debug, clap::Args)]
#[group(id = "print", skip)]
#[command(arg_required_else_help = false)]
pub(super) struct PrintArgs {
    #[command(flatten)]
    capture: CaptureArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<LineFormat>(), default_value = "text")]
    format: LineFormat,

    /// Show every frame, before its message
    #[arg(long)]
    frames: bool,

    /// Write at most this many bytes of each message with --format ndjson
    ///
    /// Longer messages are cut and get the SHA-256 of their complete content. Lines of text show what
    /// fits the terminal.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_PAYLOAD)]
    max_payload: usize,

    /// Only this connection
    ///
    /// Its number as printed. Can be repeated. Row numbers and the summary are still those of the
    /// whole capture.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    /// Also show connections that are not WebSocket
    #[arg(long)]
    all: bool,

    /// Show each finding on a line of its own
    ///
    /// Without it, lines of text are marked and name the broken rules. wslens check explains them.
    #[arg(long)]
    findings: bool,

    #[command(flatten)]
    color: ColorArgs,
}

impl PrintArgs {
    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.capture.live_source()
    }
}

/// Runs `print`.
///
/// # Errors
///
/// As [`FilterArgs::filter`], [`CaptureArgs::selected`] and [`drive`].
pub(super) fn run(args: &PrintArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let selection = Selection {
        connections: args.connection.iter().copied().map(ConnectionId).collect(),
        breadth: if args.all { Breadth::All } else { Breadth::Relevant },
    };
    let detail = if args.frames { Detail::Frames } else { Detail::Messages };
    let findings = if args.findings { Listing::Yes } else { Listing::No };
    let filter = args.filter.filter()?;
    match args.format {
        LineFormat::Text => {
            let screen = Screen::of_standard_output();
            let style = args.color.style(screen);
            let options =
                TextOptions { selection, detail, findings, style, columns: screen.columns };
            as_text(&args.capture, filter, options, out)
        }
        LineFormat::Ndjson => {
            let keep = args.max_payload;
            let intake =
                Intake { selection: selection.clone(), detail, keep, digest: Digest::Wanted };
            let options = NdjsonOptions { selection, detail, findings, max_payload: keep };
            let mut report = Ndjson::new(out, options);
            print(&args.capture, (filter, intake), Settings::default(), &mut report)
        }
    }
}

/// Runs `wslens FILE`.
///
/// # Errors
///
/// As [`FilterArgs::filter`], [`CaptureArgs::selected`] and [`drive`].
pub(super) fn show(
    capture: &CaptureArgs,
    (filter, connections): (&FilterArgs, &[u64]),
    color: ColorArgs,
    screen: Screen,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let options = TextOptions {
        selection: Selection {
            connections: connections.iter().copied().map(ConnectionId).collect(),
            ..Selection::default()
        },
        detail: Detail::Messages,
        findings: Listing::No,
        style: color.style(screen),
        columns: screen.columns,
    };
    as_text(capture, filter.filter()?, options, out)
}

fn as_text(
    capture: &CaptureArgs,
    filter: Option<Filter>,
    options: TextOptions,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let settings = match options.findings {
        // Every row is marked, the thousandth like the first.
        Listing::No => Settings { each: u64::MAX, ..Settings::default() },
        Listing::Yes => Settings::default(),
    };
    let intake = Intake {
        selection: options.selection.clone(),
        detail: options.detail,
        keep: PREVIEW_BYTES,
        digest: Digest::Unwanted,
    };
    print(capture, (filter, intake), settings, &mut Text::new(out, options))
}

/// Reads a capture and writes the report, or the part of it that matches a filter.
fn print<R: Report>(
    capture: &CaptureArgs,
    (filter, intake): (Option<Filter>, Intake),
    settings: Settings,
    report: &mut R,
) -> anyhow::Result<()> {
    let options = AnalyzerOptions::for_rules();
    let keep = options.keep.max(intake.keep);
    let analysis = AnalyzerOptions {
        keep: filter.as_ref().map_or(keep, |filter| kept(filter, keep)),
        digest: intake.digest == Digest::Wanted,
        decode_as: capture.decode_as().to_vec(),
        keylog: capture.keylog()?,
        ..options
    };
    let connections: Vec<u64> = intake.selection.connections.iter().map(|id| id.0).collect();
    let names = named(filter.as_ref(), &connections);
    let pipeline = || Pipeline::new(analysis.clone(), settings).with_named(names.clone());
    let selected = capture.selected()?;
    let again = || selected.open_again();
    let hindsight = look_ahead(filter.as_ref(), again, pipeline, Scrolling::Yes);
    let mut opened = selected.open()?;
    opened.wanted = intake.selection.connections.iter().map(|it| it.0).collect();
    match filter {
        None => drive(opened, pipeline(), Scrolling::Yes, report),
        Some(filter) => {
            let matcher = Matcher::new(filter).with_hindsight(hindsight.clone());
            let mut filtered = Filtered::new(report, matcher, intake);
            drive(opened, pipeline().with_hindsight(hindsight), Scrolling::Yes, &mut filtered)
        }
    }
}

/// The default of `--max-payload`, in bytes.
const MAX_PAYLOAD: usize = 64 << 10;

/// The most content that a line of text can show, in bytes: a Close reason must be complete.
const PREVIEW_BYTES: usize = 2048;
