//! The beginnings of rows' contents: read again when a row becomes visible, and kept for a while.

use foldhash::{HashMap, HashMapExt};

use crate::http::Head;
use crate::timeline::{OpenLimits, Opened, Opener, ResumePoints, RowId, RowKind, Timeline};
use crate::tui::world::{PendingWork, World};
use crate::websocket::Digest;

/// What is known of the content of rows that were visible.
#[derive(Debug)]
pub struct Previews {
    known: HashMap<RowId, Preview>,
    resume_points: ResumePoints,
    /// Rows read again so far, to be counted by tests.
    pub work: u64,
}

/// The beginning of a row's content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Preview {
    /// The first bytes of the content.
    Content(Vec<u8>),
    /// The first lines of a handshake: that of the request, that of the response.
    Heads(Vec<u8>, Vec<u8>),
    /// It could not be read again.
    Unreadable(String),
}

impl Default for Previews {
    fn default() -> Self {
        Self { known: HashMap::new(), resume_points: ResumePoints::new(STREAMS), work: 0 }
    }
}

impl Previews {
    /// What is known of a row.
    pub fn get(&self, row: RowId) -> Option<&Preview> {
        self.known.get(&row)
    }

    /// Reads rows again that are visible and not known, a few of them at a time.
    pub fn fill(&mut self, rows: impl Iterator<Item = RowId>, world: World<'_>) -> PendingWork {
        if self.known.len() > MOST_KEPT {
            self.known.clear();
        }
        let resume_points = std::mem::take(&mut self.resume_points);
        let mut opener = Opener::resume(world.store, LIMITS, resume_points, WORK);
        let pending = self.read(rows, &mut opener, world);
        self.resume_points = opener.into_resume_points();
        pending
    }

    fn read(
        &mut self,
        rows: impl Iterator<Item = RowId>,
        opener: &mut Opener<'_>,
        world: World<'_>,
    ) -> PendingWork {
        let mut left = MOST_AT_ONCE;
        for row in rows {
            if self.known.contains_key(&row) || !has_content(world.timeline, row) {
                continue;
            }
            if left == 0 || opener.is_out_of_budget() {
                return PendingWork::More;
            }
            left = left.saturating_sub(1);
            let preview = match opener.try_open(world.timeline, row) {
                Ok(Some(opened)) => preview(&opened),
                Ok(None) => return PendingWork::More,
                Err(error) => Preview::Unreadable(error.to_string()),
            };
            self.work = self.work.saturating_add(1);
            self.known.insert(row, preview);
        }
        PendingWork::Nothing
    }
}

fn preview(opened: &Opened) -> Preview {
    let line = |head: Option<&Head>| {
        let raw = head.map(|head| head.raw.as_slice()).unwrap_or_default();
        let line = raw.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        line.get(..LENGTH).unwrap_or(line).to_vec()
    };
    if let Some(handshake) = &opened.handshake {
        return Preview::Heads(line(handshake.request.as_ref()), line(handshake.response.as_ref()));
    }
    let content = &opened.content;
    Preview::Content(content.get(..LENGTH).unwrap_or(content).to_vec())
}

fn has_content(timeline: &Timeline, row: RowId) -> bool {
    timeline.row(row).is_some_and(|row| {
        matches!(
            row.kind,
            RowKind::Message(_)
                | RowKind::Frame { .. }
                | RowKind::Request
                | RowKind::Response(_)
                | RowKind::Tunnel(_)
                | RowKind::NotAFrame
                | RowKind::HeaderUnfinished
        )
    })
}

/// What is read of a row to show its beginning.
const LIMITS: OpenLimits = OpenLimits {
    content: LENGTH,
    wire: 1 << 16,
    carried: 0,
    inflated_bytes: 1 << 20,
    digest: Digest::Unwanted,
};

/// Bytes kept of each: more than a line can show.
const LENGTH: usize = 320;

/// Rows that are kept.
const MOST_KEPT: usize = 4_096;

/// Rows that are read again before keys are looked at ...
const MOST_AT_ONCE: usize = 16;

/// ... and bytes that are decoded for them, where they refer to what was sent before: some
/// milliseconds.
const WORK: u64 = 1 << 20;

/// Streams in which it is remembered how far they were read: 4 MiB where all are compressed.
const STREAMS: usize = 128;
