//! `wslens FILE`: the screen.

use std::path::Path;

use clap::ValueEnum;

use super::capture::{CaptureArgs, SourceKind};
use super::filter::FilterArgs;
use super::output::ColorArgs;
use crate::analysis::AnalyzerOptions;
use crate::capture::Spool;
use crate::tui::alerts::Bell;
use crate::tui::theme::{Glyphs, Palette, Theme};
use crate::tui::world::LoadStage;
use crate::tui::{QuitPolicy, Show, Store};

/// How the screen looks.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct LookArgs {
    /// Colors of the screen
    #[arg(long, value_name = "THEME", value_enum, default_value_t = ThemeChoice::Auto)]
    theme: ThemeChoice,

    /// Draw the screen in ASCII only
    #[arg(long)]
    ascii: bool,

    /// Ring the terminal's bell when an error or warning is found live
    #[arg(long)]
    bell: bool,
}

/// How much is spooled of sources that cannot be read twice.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct SpoolArgs {
    /// Disk space for packets that the screen can open again, for example 500M or 4G
    ///
    /// They are kept in a temporary file, which is removed at the end. When it is full, the oldest
    /// packets are overwritten: their rows stay, but can no longer be opened.
    #[arg(id = "spool-limit", long = "spool-limit", value_name = "SIZE", default_value = "16G")]
    #[arg(value_parser = super::quantity::size)]
    limit: u64,
}

/// A choice of colors.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ThemeChoice {
    /// chosen for the terminal
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

/// Shows a capture until the user quits.
///
/// # Errors
///
/// As [`FilterArgs::filter`] and [`CaptureArgs::open`], and if the terminal fails.
pub(super) fn run(
    capture: &CaptureArgs,
    filter: &FilterArgs,
    SpoolArgs { limit }: SpoolArgs,
    (look, color): (LookArgs, ColorArgs),
) -> anyhow::Result<()> {
    let filter = filter.filter()?;
    // Before root privileges are dropped: the key log may be readable by root only.
    let keylog = capture.keylog()?;
    // Created before root privileges are dropped: its directory may be writable by root only.
    let spool = if capture.is_live() { Some(Spool::new(limit)?) } else { None };
    let opened = capture.open()?;
    let store = match (spool, capture.store(&opened)?) {
        (Some(spool), _) => Store::Spool(spool),
        (None, Some(file)) => Store::File(file),
        (None, None) => Store::Spool(Spool::new(limit)?),
    };
    let stage = match opened.kind {
        SourceKind::File => LoadStage::Loading,
        SourceKind::Stream | SourceKind::Live => LoadStage::Live,
    };
    let options = AnalyzerOptions {
        decode_as: capture.decode_as().to_vec(),
        keylog,
        ..AnalyzerOptions::default()
    };
    crate::tui::run(Show {
        packets: opened.source,
        store,
        path: capture.path().map(Path::to_path_buf),
        stage,
        ending: match opened.kind {
            SourceKind::Live => QuitPolicy::AtOnce,
            SourceKind::File | SourceKind::Stream => QuitPolicy::Perhaps,
        },
        stop: opened.stop,
        length: opened.length,
        count: opened.count,
        options,
        filter,
        bell: if look.bell { Bell::On } else { Bell::Off },
        theme: look.theme(color),
    })?;
    Ok(())
}

impl LookArgs {
    fn theme(self, color: ColorArgs) -> Theme {
        let palette = match self.theme {
            _ if color.are_unwanted() => Palette::Plain,
            ThemeChoice::Auto => palette_of_terminal(),
            ThemeChoice::Dark => Palette::Dark,
            ThemeChoice::Light => Palette::Light,
            ThemeChoice::Sixteen => Palette::Sixteen,
            ThemeChoice::None => Palette::Plain,
        };
        Theme { palette, glyphs: if self.ascii { Glyphs::Ascii } else { Glyphs::Unicode } }
    }
}

/// The terminal's colors according to the environment.
fn palette_of_terminal() -> Palette {
    let says = |name: &str, word: &str| std::env::var(name).is_ok_and(|value| value.contains(word));
    let many =
        says("TERM", "256color") || says("COLORTERM", "truecolor") || says("COLORTERM", "24bit");
    if !many {
        return Palette::Sixteen;
    }
    // Foreground and background as numbers, which some terminals set: 7 and 15 are white.
    match std::env::var("COLORFGBG").ok().as_deref().and_then(|it| it.rsplit(';').next()) {
        Some("7" | "15") => Palette::Light,
        _ => Palette::Dark,
    }
}
