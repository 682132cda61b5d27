//! Samples as the screen loads them.

use std::path::Path;

use wslens::analysis::AnalyzerOptions;
use wslens::capture::{self, FileStore, GrowingFiles};
use wslens::tui::loader::{self, LoaderSource, SharedTimeline};
use wslens::tui::world::LoadStage;

/// A sample, read to its end.
pub(crate) struct LoadedSample {
    pub(crate) shared: SharedTimeline,
    /// How loading ended.
    pub(crate) stage: LoadStage,
    /// Its packets.
    pub(crate) store: FileStore,
}

impl LoadedSample {
    /// Reads a sample by its name.
    pub(crate) fn of(name: &str) -> Self {
        Self::with_secrets(name, b"")
    }

    /// Reads a sample with a key log.
    pub(crate) fn with_secrets(name: &str, key_log: &[u8]) -> Self {
        let mut options = AnalyzerOptions::for_rules();
        if !key_log.is_empty() {
            options.keylog.add(key_log).unwrap();
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/{name}.pcap"));
        let shared = SharedTimeline::new(LoadStage::Loading);
        let source = LoaderSource {
            packets: capture::open(&path).unwrap(),
            spool: None,
            count: u64::MAX,
            options,
            named: Vec::new(),
            owners: None,
            keylogs: GrowingFiles::default(),
        };
        let stage = loader::read(source, &shared);
        Self { shared, stage, store: FileStore::open(&path).unwrap().unwrap() }
    }
}
