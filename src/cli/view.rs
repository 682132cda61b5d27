//! `wslens FILE`, or `wslens view FILE`: the screen.

use std::io::Write;

use clap::ValueEnum;

use super::capture::{CaptureArgs, SourceArgs, SourceKind};
use super::filter::FilterArgs;
use super::output::{ColorArgs, Screen};
use super::print;
use crate::analysis::AnalyzerOptions;
use crate::capture::Spool;
use crate::tui::alerts::Bell;
use crate::tui::theme::{Glyphs, Palette, Theme};
use crate::tui::world::LoadStage;
use crate::tui::{QuitPolicy, Show, Store};

/// Show a capture on the screen; the same as wslens FILE
///
/// Connections, a timeline of messages, and an inspector of each; ? shows the keys. If standard output
/// is not a terminal, lines of text are printed instead.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "view", skip)]
#[command(arg_required_else_help = false)]
pub(super) struct ViewArgs {
    #[command(flatten)]
    capture: CaptureArgs,

    #[command(flatten)]
    filter: FilterArgs,

    /// Only this connection
    ///
    /// Its number as shown. Can be repeated.
    #[arg(long, value_name = "NUMBER")]
    connection: Vec<u64>,

    #[command(flatten)]
    color: ColorArgs,

    #[command(flatten)]
    look: LookArgs,

    #[command(flatten)]
    spool: SpoolArgs,
}

impl ViewArgs {
    /// How it captures live.
    ///
    /// # Errors
    ///
    /// If a file is named.
    pub(super) fn live_source(&mut self) -> anyhow::Result<&mut SourceArgs> {
        self.capture.live_source()
    }

    /// Whether no source is given.
    pub(super) fn is_absent(&self) -> bool {
        self.capture.is_absent()
    }

    /// Checks that the first of several words is a file, as it may be meant as a subcommand.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub(super) fn is_no_subcommand(&self) -> anyhow::Result<()> {
        self.capture.is_no_subcommand()
    }

    /// Prints the capture as text.
    ///
    /// # Errors
    ///
    /// As [`print::show`].
    pub(super) fn print(&self, screen: Screen, out: &mut dyn Write) -> anyhow::Result<()> {
        print::show(&self.capture, (&self.filter, &self.connection), self.color, screen, out)
    }
}

/// How the screen looks.
#[derive(Clone, Copy, Debug, clap::Args)]
struct LookArgs {
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
struct SpoolArgs {
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
/// As [`FilterArgs::filter`] and [`CaptureArgs::selected`], and if the terminal fails.
pub(super) fn run(args: &ViewArgs) -> anyhow::Result<()> {
    let ViewArgs { capture, filter, connection, color, look, spool: SpoolArgs { limit } } = args;
    let limit = *limit;
    let filter = filter.filter_within(connection)?;
    // Before root privileges are dropped: the key log may be readable by root only.
    let keylog = capture.keylog()?;
    // Created before root privileges are dropped: its directory may be writable by root only.
    let spool = if capture.is_live() { Some(Spool::new(limit)?) } else { None };
    let selected = capture.selected()?;
    let opened = selected.open()?;
    let store = match (spool, selected.store(&opened)?) {
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
        ..AnalyzerOptions::for_rules()
    };
    crate::tui::run(Show {
        packets: opened.source,
        store,
        files: selected.files().cloned(),
        stage,
        ending: match opened.kind {
            SourceKind::Live => QuitPolicy::AtOnce,
            SourceKind::File | SourceKind::Stream => QuitPolicy::Perhaps,
        },
        stop: opened.stop,
        length: opened.length,
        count: opened.count,
        owners: opened.owners,
        keylogs: opened.keylogs,
        options,
        filter,
        bell: if look.bell { Bell::On } else { Bell::Off },
        theme: look.theme(*color),
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
