//! What is known of the rows of proxies and stray bytes.

use crate::analysis::event::{Intermediary, StrayBytes};
use crate::timeline::record::Timeline;
use crate::timeline::row::Row;

impl Timeline {
    /// The proxy that a row is about; `None` if that is no longer kept.
    pub fn intermediary_of(&self, row: &Row) -> Option<&Intermediary> {
        let story = self.story_of(row.connection)?.connection()?;
        let mut known = story.carrier.intermediaries.iter();
        known.find(|it| it.span.start == row.offset && it.span.first.packet == row.first)
    }

    /// The stray bytes that a row is about; `None` if they are no longer kept.
    pub fn stray_bytes_of(&self, row: &Row) -> Option<&StrayBytes> {
        let story = self.story_of(row.connection)?.connection()?;
        let mut known = story.carrier.stray.iter();
        known.find(|it| it.span.start == row.offset && Some(it.direction) == row.direction)
    }
}
