//! What all parts of the interface share: what they look at, how far reading it is, and what they report.

use crate::capture::PacketStore;
use crate::timeline::Timeline;
use crate::tui::rates::Rates;

/// What the state is about: it is read, and never changed here.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What was found so far.
    pub timeline: &'a Timeline,
    /// Where packets can be read again.
    pub store: &'a dyn PacketStore,
}

/// Whether something is left to be done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PendingWork {
    /// Nothing.
    #[default]
    Nothing,
    /// Something.
    More,
}

impl PendingWork {
    /// Whether either has something left.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, Self::Nothing) => Self::Nothing,
            (Self::More, _) | (_, Self::More) => Self::More,
        }
    }
}

/// How reading the capture goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadProgress {
    /// How far it is.
    pub stage: LoadStage,
    /// Bytes of the capture that were read.
    pub position: u64,
    /// Bytes that there are, where that is known.
    pub length: Option<u64>,
    /// Packets that the capturing machine lost, as far as that is known.
    pub dropped: u64,
    /// How fast packets come, while they come live.
    pub rates: Rates,
}

/// How far reading is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum LoadStage {
    /// A file is being read.
    #[default]
    Loading,
    /// Packets come as they are captured.
    Live,
    /// All of it was read.
    Whole,
    /// The user ended a live capture: all that came until then is there.
    Stopped,
    /// The user did not want to wait for the rest.
    Cancelled,
    /// It could not be read to its end.
    Broken(String),
}

impl LoadStage {
    /// Whether more may come.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Loading | Self::Live)
    }
}

/// How times are shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TimeDisplay {
    /// Since the capture's first packet.
    #[default]
    Relative,
    /// The time of day, in UTC.
    Absolute,
    /// Since the row above.
    Delta,
}

/// Something to say in the last line, until the next key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusNotice {
    /// What to say.
    pub text: String,
    /// Whether something went wrong.
    pub tone: Tone,
}

/// The tone of a notice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    /// It was done.
    Done,
    /// It cannot be done.
    Failed,
}

/// Whether a file may be overwritten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replace {
    /// The user confirmed it.
    Yes,
    /// The user must be asked.
    Ask,
}
