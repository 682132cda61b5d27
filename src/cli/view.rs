//! `wslens FILE`: the timeline in the terminal.

use std::path::Path;

use clap::ValueEnum;

use super::capture::{CaptureArgs, Kind};
use super::filter::FilterArgs;
use super::output::ColorArgs;
use crate::analysis::Options;
use crate::capture::Spool;
use crate::tui::app::Stage;
use crate::tui::theme::{Glyphs, Palette, Theme};
use crate::tui::{Show, Store};

/// How the timeline looks.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct LookArgs {
    /// Colors of the timeline in the terminal
    #[arg(long, value_name = "THEME", value_enum, default_value_t = Choice::Auto)]
    theme: Choice,

    /// Draw the timeline in ASCII only
    #[arg(long)]
    ascii: bool,
}

/// A choice of colors.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Choice {
    /// what suits the terminal
    Auto,
    /// 256 colors on a dark background
    Dark,
    /// 256 colors on a light background
    Light,
    /// the terminal's own 16 colors
    #[value(name = "16")]
    Sixteen,
    /// no colors
    None,
}

/// Shows a capture until the user has seen enough.
///
/// # Errors
///
/// As [`FilterArgs::filter`] and [`CaptureArgs::open`], and when the terminal fails.
pub(super) fn run(
    capture: &CaptureArgs,
    filter: &FilterArgs,
    look: LookArgs,
    color: ColorArgs,
) -> anyhow::Result<()> {
    let filter = filter.filter()?;
    let opened = capture.open()?;
    let store = match capture.store(&opened)? {
        Some(file) => Store::File(file),
        None => Store::Spool(Spool::new(Spool::LIMIT)?),
    };
    let stage = match opened.kind {
        Kind::File => Stage::Loading,
        Kind::Stream | Kind::Live => Stage::Live,
    };
    let options = Options {
        decode_as: capture.decode_as().to_vec(),
        keylog: capture.keylog()?,
        ..Options::default()
    };
    crate::tui::run(Show {
        packets: opened.source,
        store,
        path: capture.path().map(Path::to_path_buf),
        stage,
        length: opened.length,
        count: opened.count,
        options,
        filter,
        theme: look.theme(color),
    })?;
    Ok(())
}

impl LookArgs {
    fn theme(self, color: ColorArgs) -> Theme {
        let palette = match self.theme {
            _ if color.are_unwanted() => Palette::Plain,
            Choice::Auto => palette_of_terminal(),
            Choice::Dark => Palette::Dark,
            Choice::Light => Palette::Light,
            Choice::Sixteen => Palette::Sixteen,
            Choice::None => Palette::Plain,
        };
        Theme { palette, glyphs: if self.ascii { Glyphs::Ascii } else { Glyphs::Unicode } }
    }
}

/// What the environment says about the terminal's colors.
fn palette_of_terminal() -> Palette {
    let says = |name: &str, word: &str| std::env::var(name).is_ok_and(|value| value.contains(word));
    let many =
        says("TERM", "256color") || says("COLORTERM", "truecolor") || says("COLORTERM", "24bit");
    if !many {
        return Palette::Sixteen;
    }
    // Foreground and background by number, as some terminals tell: 7 and 15 are white.
    match std::env::var("COLORFGBG").ok().as_deref().and_then(|it| it.rsplit(';').next()) {
        Some("7" | "15") => Palette::Light,
        _ => Palette::Dark,
    }
}
