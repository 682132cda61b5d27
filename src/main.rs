//! The binary: standard streams, and the exit code.

use std::env::args_os;
use std::io::{BufWriter, stderr, stdout};
use std::process::ExitCode;

use wslens::cli;

fn main() -> ExitCode {
    let mut out = BufWriter::with_capacity(OUTPUT_BUFFER, stdout().lock());
    cli::run(args_os(), &mut out, &mut stderr())
}

/// Bytes of output that are handed over at a time: a page full of lines, not each line.
const OUTPUT_BUFFER: usize = 256 << 10;
