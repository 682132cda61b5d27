//! `wslens keys inject`: a capture with the secrets that decrypt it.

use std::io::Write;
use std::path::PathBuf;

use super::OutputArgs;
use super::sessions::{Completeness, Survey};
use crate::capture::{SecretsChange, rewrite};
use crate::stream::length_u64;
use crate::text::words::counted;
use crate::tls::SessionSecrets;

/// Write a copy of a capture that brings along its secrets
///
/// The secrets are those of the sessions in the capture, whatever else the key logs have, and precede the
/// packets (a Decryption Secrets Block), where any program finds them. Secrets that are embedded
/// already are not added again. Everything else of a pcapng file is copied byte for byte; a classic
/// or compressed capture is converted to pcapng.
///
/// Anyone who has the file can read what is in it.
#[derive(Debug, clap::Args)]
pub(super) struct InjectArgs {
    /// Capture to read
    #[arg(value_name = "CAPTURE")]
    capture: PathBuf,

    /// Key logs (SSLKEYLOGFILE)
    #[arg(value_name = "KEYS", required = true)]
    keylog: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Runs `keys inject`.
///
/// # Errors
///
/// If a file cannot be read or written, or no key log has secrets of a session in the capture. If the
/// capture is damaged, after what precedes the damage was written.
pub(super) fn run(args: &InjectArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let inputs = args.keylog.iter().map(PathBuf::as_path);
    args.output.check(std::iter::once(args.capture.as_path()).chain(inputs))?;
    let survey = Survey::of(&args.capture, &args.keylog)?;
    let randoms = survey.randoms();
    let (embedded, logs) = survey.sources.split_at_checked(1).unwrap_or_default();
    let mut secrets = SessionSecrets::default();
    for text in logs.iter().flat_map(|log| &log.texts) {
        secrets.add(text.bytes(), |random| randoms.contains(random));
    }
    if secrets.is_empty() {
        anyhow::bail!(
            "no secret belongs to a session of the capture (it has {}, which wslens keys list shows); \
             nothing was written",
            counted(length_u64(survey.sessions.len()), "TLS session")
        );
    }
    for text in embedded.iter().flat_map(|source| &source.texts) {
        secrets.remove(text.bytes());
    }
    let text = secrets.text();
    let change = SecretsChange::Inject(text.bytes());
    let copied = rewrite(&args.capture, &args.output.output, args.output.replacing(), change)?;
    writeln!(out, "{}: {}", args.output.output.display(), summary(&survey, &secrets))?;
    out.flush()?;
    match copied.damage {
        Some(damage) => Err(damage.into()),
        None => survey.end(),
    }
}

/// What was written, and what still is missing.
fn summary(survey: &Survey, secrets: &SessionSecrets) -> String {
    let mut text = if secrets.is_empty() {
        "nothing to add, all of these secrets are embedded already".to_owned()
    } else {
        format!(
            "{} of {} added",
            counted(length_u64(secrets.count()), "secret"),
            counted(length_u64(secrets.sessions().len()), "TLS session")
        )
    };
    let is_missing =
        |it: &&_| matches!(survey.completeness(it), Completeness::None | Completeness::Partial);
    let missing = length_u64(survey.sessions.iter().filter(is_missing).count());
    if missing > 0 {
        text.push_str("; secrets of ");
        text.push_str(&counted(missing, "session"));
        text.push_str(" are still missing");
    }
    let foreign = length_u64(survey.foreign());
    if foreign > 0 {
        text.push_str("; those of ");
        text.push_str(&counted(foreign, "other session"));
        text.push_str(" were left out");
    }
    text
}
