//! `wslens keys strip`: a capture without secrets.

use std::io::Write;
use std::path::PathBuf;

use super::{OutputArgs, check_capture};
use crate::capture::{RewriteCounts, SecretsChange, rewrite};
use crate::text::words::counted;
use crate::tls::without_secrets;

/// Write a copy of a capture without its secrets
///
/// Leaves out all Decryption Secrets Blocks, whatever they are for (TLS, SSH and others), and those lines of
/// comments that are secrets in the format of key logs. Everything else of a pcapng file is copied byte
/// for byte; a classic or compressed capture is converted to pcapng.
///
/// Secrets in packets, such as passwords that were sent in the clear, are not looked for.
#[derive(Debug, clap::Args)]
pub(super) struct StripArgs {
    /// Capture to read
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs `keys strip`.
///
/// # Errors
///
/// If a file cannot be read or written. If the capture is damaged, after what precedes the damage was
/// written.
pub(super) fn run(args: &StripArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    check_capture(&args.capture)?;
    args.output.check(std::iter::once(args.capture.as_path()))?;
    let mut lines = 0_u64;
    let mut edit = |comment: &[u8]| {
        let (left, removed) = without_secrets(comment)?;
        lines = lines.saturating_add(removed);
        Some(left)
    };
    let change = SecretsChange::Strip(&mut edit);
    let copied = rewrite(&args.capture, &args.output.output, args.output.replacing(), change)?;
    writeln!(out, "{}: {}", args.output.output.display(), summary(&copied.counts, lines))?;
    out.flush()?;
    copied.damage.map_or(Ok(()), |damage| Err(damage.into()))
}

/// What was removed.
fn summary(counts: &RewriteCounts, lines: u64) -> String {
    let mut parts = Vec::new();
    if counts.removed > 0 {
        let others = match counts.removed_others {
            0 => String::new(),
            others => format!(", {others} of them not of TLS"),
        };
        parts.push(format!("{} of secrets removed{others}", counted(counts.removed, "block")));
    }
    if lines > 0 {
        let (lines, comments) = (counted(lines, "secret"), counted(counts.comments, "comment"));
        parts.push(format!("{lines} removed from {comments}"));
    }
    if parts.is_empty() {
        parts.push("there were no secrets to remove".to_owned());
    }
    parts.join("; ")
}
