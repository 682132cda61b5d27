//! Lines about proxies and stray bytes.

use std::io::Write;

use super::Text;
use super::rows::{ERROR, WARNING};
use crate::analysis::event::Connection;
use crate::describe::proxy::{ProxyTone, ProxyWords};
use crate::stream::{Direction, Origin};
use crate::text::role::Role;

impl<W: Write> Text<W> {
    /// What a proxy did, or what stray bytes are.
    pub(super) fn proxy_words(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        words: &ProxyWords,
    ) {
        let (mark, role) = match words.tone {
            ProxyTone::Good => (" ", Role::Client),
            ProxyTone::Strange => (WARNING, Role::Warning),
            ProxyTone::Failure => (ERROR, Role::Error),
        };
        self.aside(origin, connection, direction, mark);
        self.line.paint(role, &words.name);
        self.foreign(&words.details);
        self.write();
    }
}
