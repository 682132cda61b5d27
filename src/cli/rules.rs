//! `wslens rules`: the catalog.

use std::io::Write;

use super::check::rule_name;
use super::output::{ColorArgs, Screen, format_parser};
use crate::findings::RuleName;
use crate::report::rules::{self, RulesExtent, RulesFormat, RulesOptions};

/// List the rules that captures are checked against, and the causes that explain failures
///
/// Each with its severity (error: a MUST is violated, or a connection failed; warning: trouble is
/// likely; note: worth knowing), the side that it applies to, and the section of the standard. The
/// causes (WHY-nn), which are conclusions from everything that was found on a connection, come last.
#[derive(Debug, clap::Args)]
pub(super) struct RulesArgs {
    /// Only these rules: ids or groups, for example WS-F01 or HS
    #[arg(value_name = "RULE", value_delimiter = ',', value_parser = rule_name)]
    names: Vec<RuleName>,

    /// Output format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser::<RulesFormat>(), default_value = "text")]
    format: RulesFormat,

    /// Explain each rule or cause, and its remedy
    #[arg(long)]
    explain: bool,

    #[command(flatten)]
    color: ColorArgs,
}

/// Runs `rules`.
///
/// # Errors
///
/// If the catalog cannot be written.
pub(super) fn run(args: &RulesArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let screen = Screen::of_standard_output();
    let options = RulesOptions {
        names: args.names.clone(),
        extent: if args.explain { RulesExtent::Full } else { RulesExtent::Brief },
        style: args.color.style(screen),
        columns: screen.columns,
    };
    rules::write(args.format, &options, out)?;
    Ok(())
}
