//! What connections that ended have in common: their age, how long they had been silent, or the moment.
//!
//! A measure that is the same on several connections, and differs less than chance would have it, is why they
//! ended. For a single one, only a limit that many products have is worth a word. A connection of the same
//! server that outlived the limit excludes it.

mod constancy;
mod single;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use foldhash::{HashMap, HashMapExt};

use crate::analysis::event::ConnectionId;
use crate::findings::across::Across;
use crate::findings::across::ended_websockets::{EndKind, EndedWebSocket, EndedWebSockets};
use crate::findings::across::ending_groups::{EndingGroup, EndingPattern};
use crate::findings::across::proxy_legs::{self, ProxyLegs};
use crate::findings::engine::context::{GroupContext, GroupScope};
use crate::findings::engine::violation::Violations;
use crate::stream::Side;

/// Reports the groups of a pattern, on each of their connections in the same words.
pub(super) fn report(
    context: &GroupContext<'_>,
    is_wanted: fn(EndingPattern) -> bool,
    violations: &mut Violations,
) {
    let groups = context.endings.get_or_init(|| groups(context.across, context.scope));
    for group in groups.iter().filter(|group| is_wanted(group.pattern)) {
        let Some(first) = group.members.first() else { continue };
        let evidence = words::evidence(group);
        let remedy = words::remedy(group);
        for member in &group.members {
            let violation = violations.add(evidence.as_str());
            violation.connection(member.id).group(first.id).packets(member.end.at, member.end.at);
            if let Some(remedy) = remedy {
                violation.remedy(remedy);
            }
        }
    }
}

/// All groups of a scope, in the order of their first connections.
fn groups(across: &Across, scope: GroupScope) -> Vec<EndingGroup<'_>> {
    let (all, open) = match scope {
        GroupScope::All => (across.ended.all().collect(), None),
        GroupScope::Ended { id, server, open } => {
            (around(&across.ended, id, server), Some((server, open)))
        }
        GroupScope::Accepted { .. } | GroupScope::Unused => return Vec::new(),
    };
    if all.is_empty() {
        return Vec::new();
    }
    let life = |server: SocketAddr| {
        let open = open.filter(|(of, _)| *of == server).map(|(_, open)| open);
        across.ended.life(server).joined(open.unwrap_or_default())
    };
    let mut by_server: BTreeMap<(SocketAddr, bool), Vec<&EndedWebSocket>> = BTreeMap::new();
    for ended in all.iter().filter(|ended| !ended.is_explained) {
        let is_by_server = ended.end.by == Side::Server;
        by_server.entry((ended.server, is_by_server)).or_default().push(ended);
    }
    let mut found: Vec<(EndingPattern, Vec<&EndedWebSocket>)> = Vec::new();
    for ((server, _), ended) in by_server {
        let life = life(server);
        let mut rest = ended;
        found.extend(constancy::groups(&mut rest, life));
        found
            .extend(rest.into_iter().filter_map(|it| Some((single::pattern(it, life)?, vec![it]))));
    }
    let mut groups = join(found, &proxy_legs::pairs(&all));
    groups.sort_by_key(|group| group.members.first().map(|member| member.id));
    groups
}

/// The latest connections of a server, and of that on the other side of a proxy, if one is between them and the
/// connection that has just ended.
fn around(ended: &EndedWebSockets, id: ConnectionId, server: SocketAddr) -> Vec<&EndedWebSocket> {
    let latest: Vec<&EndedWebSocket> = ended.latest().collect();
    let legs = proxy_legs::pairs(&latest).into_iter().find(|legs| legs.has(id));
    let servers = legs.map_or([server; 2], |legs| [legs.outer.server, legs.inner.server]);
    ended.of_servers(servers)
}

/// Joins what passes through a proxy: both of its sides are one story.
fn join<'a>(
    found: Vec<(EndingPattern, Vec<&'a EndedWebSocket>)>,
    pairs: &[ProxyLegs<'a>],
) -> Vec<EndingGroup<'a>> {
    let mut place_of: HashMap<ConnectionId, usize> = HashMap::new();
    let mut groups: Vec<EndingGroup<'a>> = Vec::new();
    for (place, (pattern, measured)) in found.into_iter().enumerate() {
        place_of.extend(measured.iter().map(|member| (member.id, place)));
        let members = measured.clone();
        groups.push(EndingGroup { pattern, members, measured, legs: Vec::new() });
    }
    for legs in pairs {
        let (outer, inner) = (legs.outer, legs.inner);
        let apart = outer.end.at.time.since(inner.end.at.time);
        let apart = apart.max(inner.end.at.time.since(outer.end.at.time));
        if apart > ENDS_APART {
            continue;
        }
        let [one, other] = [outer, inner].map(|it| place_of.get(&it.id).copied());
        let place = match (one, other) {
            (Some(one), Some(other)) if one != other => {
                // What is left of a group that was joined to another one is empty.
                let (into, from) = (one.min(other), one.max(other));
                let Some(from) = groups.get_mut(from) else { continue };
                let (members, legs) =
                    (std::mem::take(&mut from.members), std::mem::take(&mut from.legs));
                let (pattern, measured) = (from.pattern, std::mem::take(&mut from.measured));
                place_of.extend(members.iter().map(|member| (member.id, into)));
                let Some(into_group) = groups.get_mut(into) else { continue };
                if pattern == into_group.pattern {
                    into_group.measured.extend(measured);
                }
                into_group.members.extend(members);
                into_group.legs.extend(legs);
                into
            }
            (Some(place), _) | (None, Some(place)) => place,
            (None, None) => continue,
        };
        let Some(group) = groups.get_mut(place) else { continue };
        for leg in [outer, inner] {
            if !group.members.iter().any(|member| member.id == leg.id) && !leg.is_explained {
                place_of.insert(leg.id, place);
                group.members.push(leg);
            }
        }
        group.legs.push(*legs);
    }
    groups.retain(|group| !group.members.is_empty());
    for group in &mut groups {
        group.members.sort_by_key(|member| member.id);
        group.measured.sort_by_key(|member| member.id);
        group.legs.sort_by_key(|legs| legs.outer.id);
    }
    groups
}

/// Whether a connection ended in a way that nobody asked for.
fn is_unwanted(ended: &EndedWebSocket) -> bool {
    match ended.end.how {
        EndKind::Fin | EndKind::Rst => true,
        EndKind::Close(code) => code.is_some_and(|code| code != NORMAL),
    }
}

/// Whether a server closed with a code that it may use for idle connections.
fn is_dismissal(ended: &EndedWebSocket) -> bool {
    let is_such = match ended.end.how {
        EndKind::Fin | EndKind::Rst => false,
        EndKind::Close(code) => {
            code.is_none_or(|code| matches!(code, 1000 | 1001 | 1008 | 3000..=4999))
        }
    };
    is_such && ended.end.by == Side::Server && ended.is_whole
}

/// RFC 6455 §7.4.1.
const NORMAL: u16 = 1000;

/// Nanoseconds within which a proxy ends both of its sides.
const ENDS_APART: u64 = 2_000_000_000;
