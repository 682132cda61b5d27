//! `wslens stats`: counts and rates.

use std::io::Write;

use super::capture::{CaptureArgs, SourceArgs};
use super::drive::{drive, look_ahead};
use super::filter::{FilterArgs, kept, named};
use super::output::format_parser;
use super::progress::Scrolling;
use crate::analysis::AnalyzerOptions;
use crate::findings::Settings;
use crate::pipeline::Pipeline;
use crate::report::filtered::{Filtered, Intake};
use crate::report::stats::Stats;
use crate::report::{Detail, LineFormat, Selection};
use crate::timeline::filter::{FilterNeed, Matcher};
use crate::websocket::Digest;

/// Count connections, messages, frames and bytes
///
/// Shows the outcomes of connections, messages by kind and direction, payload bytes on the wire and
/// after inflation, rates, the largest message, and what is missing from the capture.
#[derive(Debug, clap::Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    capture: CaptureArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Only this connection
    ///
    /// Its number as printed. Can be repeated.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<LineFormat>(), default_value = "text")]
    format: LineFormat,
}

impl StatsArgs {
    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.capture.live_source()
    }
}

/// Runs `stats`.
///
/// # Errors
///
/// As [`FilterArgs::filter`], [`CaptureArgs::selected`] and [`drive`].
pub(super) fn run(args: &StatsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let filter = args.filter.filter_within(&args.connection)?;
    let analysis = AnalyzerOptions {
        keep: filter.as_ref().map_or(DECODED, |filter| kept(filter, DECODED)),
        decode_as: args.capture.decode_as().to_vec(),
        keylog: args.capture.keylog()?,
        ..AnalyzerOptions::default()
    };
    // Rules are evaluated only if the filter needs them: that takes time, and only numbers are wanted.
    let judges = filter.as_ref().is_some_and(|filter| filter.needs().has(FilterNeed::Findings));
    let names = named(filter.as_ref(), &[]);
    let pipeline = || {
        if judges {
            let settings = Settings { each: u64::MAX, ..Settings::default() };
            Pipeline::new(analysis.clone(), settings).with_named(names.clone())
        } else {
            Pipeline::without_rules(analysis.clone())
        }
    };
    let selected = args.capture.selected()?;
    let again = || selected.open_again();
    let hindsight = look_ahead(filter.as_ref(), again, pipeline, Scrolling::No);
    let mut report = Stats::new(out, args.format, filter.as_ref());
    let mut opened = selected.open()?;
    opened.wanted.clone_from(&args.connection);
    let Some(filter) = filter else {
        return drive(opened, pipeline(), Scrolling::No, &mut report);
    };
    let intake = Intake {
        selection: Selection::default(),
        detail: Detail::Messages,
        keep: DECODED,
        digest: Digest::Unwanted,
    };
    let matcher = Matcher::new(filter).with_hindsight(hindsight.clone());
    let mut filtered = Filtered::new(&mut report, matcher, intake);
    drive(opened, pipeline().with_hindsight(hindsight), Scrolling::No, &mut filtered)
}

/// Bytes kept of each message: one, so that every payload is decoded (unmasked, inflated, validated)
/// as for `print`, including binary ones. The time of `stats` is then the time of decoding.
const DECODED: usize = 1;
