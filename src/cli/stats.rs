//! `wslens stats`: how much of what.

use std::io::Write;

use super::capture::CaptureArgs;
use super::drive::drive;
use super::filter::{FilterArgs, kept};
use super::output::format_parser;
use super::progress::Scrolling;
use crate::analysis::{Analyzer, AnalyzerOptions};
use crate::findings::Settings;
use crate::pipeline::Pipeline;
use crate::report::filtered::{Filtered, Intake};
use crate::report::stats::Stats;
use crate::report::{Detail, LineFormat, Selection};
use crate::timeline::filter::FilterNeed;
use crate::websocket::Digest;

/// Count connections, messages, frames and bytes
///
/// Shows what became of the connections, messages by kind and direction, payload bytes on the wire
/// and inflated, rates, the largest message, and what is missing.
#[derive(Debug, clap::Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    capture: CaptureArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<LineFormat>(), default_value = "text")]
    format: LineFormat,
}

/// Runs `stats`.
///
/// # Errors
///
/// As [`FilterArgs::filter`], [`CaptureArgs::open`] and [`drive`].
pub(super) fn run(args: &StatsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let filter = args.filter.filter()?;
    let analysis = AnalyzerOptions {
        keep: filter.as_ref().map_or(DECODED, |filter| kept(filter, DECODED)),
        decode_as: args.capture.decode_as().to_vec(),
        keylog: args.capture.keylog()?,
        ..AnalyzerOptions::default()
    };
    let mut report = Stats::new(out, args.format);
    let Some(filter) = filter else {
        // Nothing is judged: that takes time, and numbers are what was asked for.
        let analyzer = Analyzer::new(analysis);
        return drive(args.capture.open()?, analyzer, Scrolling::No, &mut report);
    };
    let judges = filter.needs().has(FilterNeed::Findings);
    let intake = Intake {
        selection: Selection::default(),
        detail: Detail::Messages,
        keep: DECODED,
        digest: Digest::Unwanted,
    };
    let mut filtered = Filtered::new(&mut report, filter, intake);
    let opened = args.capture.open()?;
    if judges {
        let settings = Settings { each: u64::MAX, ..Settings::default() };
        drive(opened, Pipeline::new(analysis, settings), Scrolling::No, &mut filtered)
    } else {
        drive(opened, Analyzer::new(analysis), Scrolling::No, &mut filtered)
    }
}

/// Bytes kept of each message: one, so that every payload is decoded (unmasked, inflated, judged)
/// as it is for `print`, binary ones included. What `stats` takes is then what decoding takes.
const DECODED: usize = 1;
