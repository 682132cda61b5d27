//! `wslens man`: the manual.

use std::io::Write;

/// Write the manual page
///
/// For example: wslens man > wslens.1; man ./wslens.1
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {}

/// Runs `man`.
///
/// # Errors
///
/// If the page cannot be written.
pub(super) fn run(_args: &ManArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    clap_mangen::Man::new(super::command()).render(&mut &mut *out)?;
    out.flush()?;
    Ok(())
}
