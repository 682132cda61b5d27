//! What a subcommand reads, apart from interfaces.

use std::path::{Path, PathBuf};

use crate::capture::CaptureFiles;

/// A capture that is read: one file, several that are joined, or standard input.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// Standard input, which can be read once.
    Standard,
    /// One file or several.
    Files(CaptureFiles),
}

impl Input {
    /// A path of the command line.
    pub(super) fn of(path: &Path) -> Self {
        if path == Path::new("-") {
            Self::Standard
        } else {
            Self::Files(CaptureFiles::one(path.to_owned()))
        }
    }

    /// The files; none for standard input.
    pub(super) fn files(&self) -> Option<&CaptureFiles> {
        match self {
            Self::Standard => None,
            Self::Files(files) => Some(files),
        }
    }

    /// Its paths; none for standard input.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files().into_iter().flat_map(|it| it.paths().map(Path::to_path_buf)).collect()
    }
}
