//! `wslens stats`: how much of what.

use std::io::Write;

use super::capture::CaptureArgs;
use super::drive::drive;
use super::output::format_parser;
use super::progress::Scrolling;
use crate::analysis::{Analyzer, Options};
use crate::report::Format;
use crate::report::stats::Stats;

/// Count connections, messages, frames and bytes
///
/// Shows what became of the connections, messages by kind and direction, payload bytes on the wire
/// and inflated, rates, the largest message, and what is missing.
#[derive(Debug, clap::Args)]
pub(super) struct StatsArgs {
    #[command(flatten)]
    capture: CaptureArgs,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser(), default_value = "text")]
    format: Format,
}

/// Runs `stats`.
///
/// # Errors
///
/// As [`CaptureArgs::open`] and [`drive`].
pub(super) fn run(args: &StatsArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let analysis = Options {
        keep: DECODED,
        decode_as: args.capture.decode_as().to_vec(),
        ..Options::default()
    };
    // Nothing is judged: that takes time, and numbers are what was asked for.
    let analyzer = Analyzer::new(analysis);
    drive(args.capture.open()?, analyzer, Scrolling::No, &mut Stats::new(out, args.format))
}

/// Bytes kept of each message: one, so that every payload is decoded (unmasked, inflated, judged)
/// as it is for `print`, binary ones included. What `stats` takes is then what decoding takes.
const DECODED: usize = 1;
