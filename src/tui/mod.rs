//! The interface in the terminal: state, one function that changes it, and views that only draw it.

pub mod action;
pub mod alerts;
pub mod app;
pub mod chooser;
pub mod connections;
mod copy_save;
pub mod correlation;
#[cfg(test)]
pub(crate) mod drawn;
pub mod export;
pub mod findings;
pub mod inspector;
pub mod keymap;
pub mod layout;
pub mod loader;
pub mod manual;
pub mod menu;
mod mouse;
mod overlay;
pub mod overview;
pub mod preview;
pub mod prompt;
pub mod rates;
pub mod rows;
pub mod search;
mod session;
pub mod severity_index;
mod terminal;
pub mod theme;
mod update;
pub mod view;
pub mod world;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::analysis::AnalyzerOptions;
use crate::capture::live::SocketOwners;
use crate::capture::{
    CaptureFiles, FileStore, GrowingFiles, PacketLog, PacketSource, PacketStore, Spool,
};
use crate::timeline::filter::Filter;
use crate::tui::alerts::{Bell, News};
use crate::tui::app::App;
use crate::tui::export::Origin;
use crate::tui::loader::{LoaderSource, SharedTimeline};
use crate::tui::rates::Meter;
use crate::tui::session::EventLoop;
use crate::tui::theme::Theme;
use crate::tui::world::LoadStage;

/// A capture to be shown.
pub struct Show {
    /// Gives the packets.
    pub packets: Box<dyn PacketSource + Send>,
    /// Where they can be read again.
    pub store: Store,
    /// The files that they come from, if they can be opened again.
    pub files: Option<CaptureFiles>,
    /// Whether they come as they are captured.
    pub stage: LoadStage,
    /// Ends the capture when it is set.
    pub stop: Arc<AtomicBool>,
    /// Whether it does so at once, also where no packets come.
    pub ending: QuitPolicy,
    /// Bytes of the file, where it is one.
    pub length: Option<u64>,
    /// How many packets are wanted.
    pub count: u64,
    /// Who owns the sockets of this machine, where it is captured live and the system tells.
    pub owners: Option<SocketOwners>,
    /// Key logs that grow while packets are captured.
    pub keylogs: GrowingFiles,
    /// How to analyze them.
    pub options: AnalyzerOptions,
    /// Which rows are shown at the start; all of them without it.
    pub filter: Option<Filter>,
    /// Whether the bell is rung for what is found while packets come.
    pub bell: Bell,
    /// Colors and symbols.
    pub theme: Theme,
}

/// Whether a capture can be ended while it makes wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QuitPolicy {
    /// It ends when asked to.
    AtOnce,
    /// It ends with the next packet at best.
    Perhaps,
}

/// Where packets can be read again.
#[derive(Debug)]
pub enum Store {
    /// In their file.
    File(FileStore),
    /// In a file of our own, where they are kept while they are read.
    Spool(Spool),
}

/// Shows a capture until the user has seen enough.
///
/// # Errors
///
/// When the terminal fails.
pub fn run(show: Show) -> io::Result<()> {
    let (store, spool): (Box<dyn PacketStore>, _) = match show.store {
        Store::File(file) => (Box::new(file), None),
        Store::Spool(spool) => (Box::new(spool.clone()), Some(PacketLog::new(spool))),
    };
    let past = spool.as_ref().map(PacketLog::reader);
    let origin = show.files.map(Origin::Files).or_else(|| past.map(Origin::Kept));
    let mut app = App::new(show.packets.name().to_owned(), show.theme, show.stage.clone());
    let named = show.filter.as_ref().map(Filter::named).unwrap_or_default();
    if show.filter.is_some() {
        app.rows.set_filter(show.filter);
    }
    app.news = News::new(show.bell);
    let shared = Arc::new(SharedTimeline::with_stop(show.stage, show.stop, show.ending));
    let source = LoaderSource {
        packets: show.packets,
        spool,
        count: show.count,
        options: show.options,
        named,
        owners: show.owners,
        keylogs: show.keylogs,
    };
    let reader = loader::start(source, Arc::clone(&shared));
    let session = EventLoop {
        app,
        shared: Arc::clone(&shared),
        store,
        length: show.length,
        origin,
        started: session::now(),
        meter: Meter::default(),
        stopping: None,
        writing: None,
    };
    let outcome = session.run();
    // Also where the terminal failed.
    shared.quit();
    match show.ending {
        // What is written along is made whole. A panic of the reader was reported when it happened.
        QuitPolicy::AtOnce => drop(reader.join()),
        QuitPolicy::Perhaps => session::wait_for(&reader),
    }
    outcome
}
