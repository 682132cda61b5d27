//! Properties of standard output, and the options for it.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::report::OutputFormat;
use crate::report::style::{Coloring, Style};

/// When to color.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ColorArgs {
    /// Color the output
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    #[arg(
        long_help = "Color the output\n\nauto means on a terminal, unless NO_COLOR is set and not empty."
    )]
    color: When,
}

/// When to do something.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// on a terminal
    Auto,
    /// also in files and pipes
    Always,
    /// nowhere
    Never,
}

impl ColorArgs {
    /// Whether colors are disabled on a terminal.
    pub(super) fn are_unwanted(self) -> bool {
        match self.color {
            When::Always => false,
            When::Never => true,
            When::Auto => !colors_welcome(),
        }
    }

    /// The style for an output.
    pub(super) fn style(self, screen: Screen) -> Style {
        let on = match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => screen.columns.is_some() && colors_welcome(),
        };
        Style::new(if on { Coloring::On } else { Coloring::Off })
    }
}

/// Properties of standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Columns of the terminal; `None` if it is not a terminal.
    pub(super) columns: Option<usize>,
}

impl Screen {
    /// Asks the system.
    pub(super) fn of_standard_output() -> Self {
        let columns = io::stdout().is_terminal().then(|| {
            terminal_size::terminal_size_of(io::stdout())
                .map_or(DEFAULT_COLUMNS, |(width, _)| usize::from(width.0))
        });
        Self { columns }
    }
}

/// Reads the name of an output format.
pub(super) fn format_parser<F: OutputFormat>() -> impl TypedValueParser<Value = F> {
    let values = F::TABLE.iter().map(|(_, name, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(values).map(|name| F::from_name(&name).unwrap_or_default())
}

/// See no-color.org.
fn colors_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of a terminal that does not report them.
const DEFAULT_COLUMNS: usize = 80;
