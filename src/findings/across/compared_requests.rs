//! Upgrade requests to the same server, of which one was accepted and another was not.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::analysis::event::{Connection, ConnectionId};
use crate::findings::rules::handshake::fields_read::{attempt, path, shown};
use crate::http::{Handshake, Head};

/// The latest requests by their outcome, oldest first.
#[derive(Debug, Default)]
pub(crate) struct ComparedRequests {
    accepted: VecDeque<ComparedRequest>,
    refused: VecDeque<ComparedRequest>,
}

/// A request, and to whom it was sent.
#[derive(Clone, Debug)]
pub(crate) struct ComparedRequest {
    pub(crate) connection: ConnectionId,
    server: SocketAddr,
    head: Box<Head>,
    /// Whether a response came.
    pub(crate) is_answered: bool,
    /// Whether a header of the PROXY protocol preceded it.
    is_proxied: bool,
}

/// What distinguishes a request that was refused from one that the same server accepted.
#[derive(Clone, Debug)]
pub(crate) struct RequestDifference {
    /// The connection of the one that was accepted.
    pub(crate) accepted: ConnectionId,
    /// The differences in words.
    pub(crate) words: String,
}

impl ComparedRequests {
    /// Remembers how a request was answered.
    pub(crate) fn answered(&mut self, connection: &Connection, handshake: &Handshake) {
        let Some(request) = attempt(handshake) else { return };
        let list = match handshake.status() {
            Some(101) => &mut self.accepted,
            // Others depend on the state of the server, not on the request.
            Some(400 | 401 | 403 | 404 | 405 | 413 | 414 | 421 | 426 | 431) | None => {
                &mut self.refused
            }
            Some(_) => return,
        };
        if request.memory() > LONGEST {
            return;
        }
        if list.len() >= REMEMBERED {
            list.pop_front();
        }
        let (head, server) = (Box::new(request.clone()), connection.server);
        list.push_back(ComparedRequest {
            connection: connection.id,
            server,
            head,
            is_answered: handshake.response.is_some(),
            is_proxied: connection.proxy_header().is_some(),
        });
    }

    /// The requests that were not accepted.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &ComparedRequest> {
        self.refused.iter()
    }

    /// The request of a connection that was not accepted.
    pub(crate) fn refused_on(&self, connection: ConnectionId) -> Option<&Head> {
        self.refused.iter().rev().find(|it| it.connection == connection).map(|it| &*it.head)
    }

    /// The last few requests that a server did not accept.
    pub(crate) fn refused_by(&self, server: SocketAddr) -> Vec<&ComparedRequest> {
        let refused = self.refused.iter().rev().filter(|it| it.server == server);
        refused.take(COMPARED).collect()
    }

    /// How the request of a connection differs from one that the same server accepted, if it differs in little.
    pub(crate) fn difference(&self, connection: ConnectionId) -> Option<RequestDifference> {
        self.difference_from(connection, None)
    }

    /// The same, but compared with that of one other connection only, if one is given.
    pub(crate) fn difference_from(
        &self,
        connection: ConnectionId,
        accepted: Option<ConnectionId>,
    ) -> Option<RequestDifference> {
        let refused = self.refused.iter().rev().find(|it| it.connection == connection)?;
        let same_server = |it: &&ComparedRequest| {
            it.server == refused.server
                && it.connection != refused.connection
                && accepted.is_none_or(|id| it.connection == id)
        };
        let compared = self.accepted.iter().rev().filter(same_server);
        let found = compared.filter_map(|accepted| {
            let words = differences(&refused.head, &accepted.head)?;
            Some((
                words.len(),
                RequestDifference { accepted: accepted.connection, words: words.join("; ") },
            ))
        });
        let least = found.min_by_key(|(count, _)| *count).map(|(_, difference)| difference);
        least.or_else(|| self.longer(refused))
    }

    /// The connection of a request that the same server accepted after a header of the PROXY protocol, if this
    /// connection's request was refused without one, and none was accepted without one.
    pub(crate) fn accepted_after_proxy_header(
        &self,
        connection: ConnectionId,
    ) -> Option<ConnectionId> {
        let refused = self.refused.iter().rev().find(|it| it.connection == connection)?;
        let mut accepted = self.accepted.iter().filter(|it| it.server == refused.server);
        let is_required = !refused.is_proxied && accepted.clone().all(|it| it.is_proxied);
        accepted.next_back().filter(|_| is_required).map(|it| it.connection)
    }

    /// A request without a response that is much longer than all that the same server accepted, however else they
    /// differ: a server whose buffer is too small for a head waits for an end that it has dropped.
    fn longer(&self, refused: &ComparedRequest) -> Option<RequestDifference> {
        if refused.is_answered {
            return None;
        }
        let wanted = path(refused.head.target().unwrap_or_default());
        let accepted = self.accepted.iter().filter(|it| {
            it.server == refused.server && path(it.head.target().unwrap_or_default()) == wanted
        });
        let longest = accepted.max_by_key(|it| it.head.span.length())?;
        let (size, other) = (refused.head.span.length(), longest.head.span.length());
        let is_longer =
            size > other.saturating_add(other / 2).max(other.saturating_add(LEAST_MORE));
        if !is_longer {
            return None;
        }
        let mut added: Vec<(usize, String)> = Vec::new();
        for (name, value) in refused.head.fields() {
            let name = String::from_utf8_lossy(name).into_owned();
            if longest.head.header(&name).is_none() {
                added.push((name.len().saturating_add(value.len()), name));
            }
        }
        added.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        let added: Vec<String> = added.into_iter().map(|(_, name)| name).take(SHOWN).collect();
        let by = if added.is_empty() {
            String::new()
        } else {
            format!(", mostly because of {}", added.join(", "))
        };
        let words = format!(
            "its head has {size} bytes, the longest that was accepted {other}{by}; it was never answered"
        );
        Some(RequestDifference { accepted: longest.connection, words })
    }
}

/// What distinguishes two requests; `None` if that is nothing, or so much that it proves nothing.
fn differences(refused: &Head, accepted: &Head) -> Option<Vec<String>> {
    let target = |head: &Head| head.target().unwrap_or_default().to_vec();
    if path(&target(refused)) != path(&target(accepted)) {
        return None;
    }
    let mut out = Vec::new();
    if target(refused) != target(accepted) {
        out.push("the query differs (a token or ticket in it?)".to_owned());
    }
    if refused.version() != accepted.version() {
        out.push(format!(
            "it is {}, the accepted one {}",
            shown(refused.version()),
            shown(accepted.version())
        ));
    }
    fields(refused, accepted, &mut out);
    let (size, other) = (refused.span.length(), accepted.span.length());
    if size > other.saturating_add(other / 2) && !out.is_empty() {
        out.push(format!("its head is longer: {size} bytes instead of {other}"));
    }
    if out.is_empty() && names(refused) != names(accepted) {
        out.push("only the order of its fields, or their letter case, differs".to_owned());
    }
    (!out.is_empty() && out.len() <= MOST_DIFFERENCES).then_some(out)
}

/// Compares the fields of two requests by their names.
fn fields(refused: &Head, accepted: &Head, out: &mut Vec<String>) {
    let is_random = |name: &[u8]| name.eq_ignore_ascii_case(b"Sec-WebSocket-Key");
    let mut seen: Vec<String> = Vec::new();
    for (name, _) in refused.fields().chain(accepted.fields()) {
        let shown_name = String::from_utf8_lossy(name).into_owned();
        let is_known = seen.iter().any(|known| known.eq_ignore_ascii_case(&shown_name));
        if is_known || is_random(name) {
            continue;
        }
        seen.push(shown_name.clone());
        let is_secret =
            ["Cookie", "Authorization"].iter().any(|it| it.eq_ignore_ascii_case(&shown_name));
        match (refused.joined(&shown_name), accepted.joined(&shown_name)) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) if one.eq_ignore_ascii_case(&other) => out.push(format!(
                "{shown_name}: {} instead of {}, which differ in letter case only",
                shown(&one),
                shown(&other)
            )),
            (Some(one), Some(other)) if is_secret => out.push(format!(
                "{shown_name} has another value ({} bytes instead of {})",
                one.len(),
                other.len()
            )),
            (Some(one), Some(other)) => {
                out.push(format!("{shown_name}: {} instead of {}", shown(&one), shown(&other)));
            }
            (Some(one), None) => out.push(format!("it has {shown_name} ({} bytes)", one.len())),
            (None, _) => out.push(format!("it lacks {shown_name}")),
        }
    }
}

/// The names of all fields, in their order.
fn names(head: &Head) -> Vec<&[u8]> {
    head.fields().map(|(name, _)| name).collect()
}

/// Requests that are compared with one that has just been accepted.
const COMPARED: usize = 8;

/// Requests that are remembered of each outcome.
const REMEMBERED: usize = 64;

/// Memory of the longest head that is remembered, in bytes.
const LONGEST: usize = 32 << 10;

/// Bytes by which a head is longer at least, if it is too long for a server that accepts others.
const LEAST_MORE: u64 = 128;

/// Fields that are named of those that make a head longer.
const SHOWN: usize = 4;

/// Differences from which on a comparison proves nothing.
const MOST_DIFFERENCES: usize = 3;
