//! Connections that are one story, as far as is known while a capture continues.

use std::collections::VecDeque;

use crate::analysis::event::ConnectionId;
use crate::findings::{Finding, Rule};

/// What distinguishes the connections that show a cause together from others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct GroupName {
    rule: &'static str,
    /// The connection that represents all of them.
    first: ConnectionId,
}

impl GroupName {
    /// That of the connections that show a finding together; `None` if one shows it alone.
    pub(super) fn of(finding: &Finding) -> Option<Self> {
        Some(Self { rule: finding.rule.id, first: finding.group? })
    }
}

/// The latest groups, and their connections.
#[derive(Debug, Default)]
pub(super) struct KnownGroups {
    list: VecDeque<(GroupName, Vec<u64>)>,
}

impl KnownGroups {
    /// Learns that a connection is one of those that show a finding together.
    pub(super) fn add(&mut self, finding: &Finding) {
        let (Some(name), Some(id)) = (GroupName::of(finding), finding.connection) else { return };
        let known = self.list.iter_mut().find(|(known, _)| *known == name);
        if let Some((_, members)) = known {
            let place = members.binary_search(&id.0);
            if let Err(place) = place
                && members.len() < MEMBERS
            {
                members.insert(place, id.0);
            }
            return;
        }
        if self.list.len() >= GROUPS {
            self.list.pop_front();
        }
        self.list.push_back((name, vec![id.0]));
    }

    /// Learns that it is not.
    pub(super) fn remove(&mut self, id: ConnectionId, rule: &Rule) {
        for (name, members) in &mut self.list {
            if name.rule == rule.id {
                members.retain(|member| *member != id.0);
            }
        }
    }

    /// The numbers of all connections of a group; empty if there are not several.
    pub(super) fn members(&self, name: Option<GroupName>) -> &[u64] {
        let known = name.and_then(|name| self.list.iter().find(|(known, _)| *known == name));
        known.map(|(_, members)| members.as_slice()).filter(|it| it.len() > 1).unwrap_or_default()
    }

    /// Memory taken, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.list.iter().map(|(_, members)| size_of_val(members.as_slice()) + GROUP).sum()
    }
}

/// Groups that are remembered.
const GROUPS: usize = 1 << 8;

/// Connections of a group that are remembered.
const MEMBERS: usize = 1 << 10;

/// Memory of a group without its connections, in bytes.
const GROUP: usize = size_of::<(GroupName, Vec<u64>)>();
