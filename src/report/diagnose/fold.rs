//! Connections with the same result, reported once.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use foldhash::HashMap;

use super::story::{Story, Verdict};
use super::{DiagnoseOptions, Diagnosis};
use crate::analysis::event::ConnectionId;
use crate::findings::Finding;
use crate::report::Breadth;
use crate::report::alike::{LIKE, alike};

/// A story, and those that are like it.
#[derive(Debug)]
pub(super) struct LikeConnections<'s> {
    /// In the order of their first packets; never empty.
    pub(super) stories: Vec<&'s Story>,
}

impl<'s> LikeConnections<'s> {
    /// The first of them.
    pub(super) fn first(&self) -> Option<&'s Story> {
        self.stories.first().copied()
    }

    /// From how many hosts they came.
    pub(super) fn hosts(&self) -> usize {
        let hosts = self.stories.iter().map(|story| story.connection.client.ip());
        hosts.collect::<BTreeSet<IpAddr>>().len()
    }

    /// The servers, each once, in the order of the stories.
    pub(super) fn servers(&self) -> Vec<SocketAddr> {
        let mut out: Vec<SocketAddr> = Vec::new();
        for story in &self.stories {
            if !out.contains(&story.connection.server) {
                out.push(story.connection.server);
            }
        }
        out
    }

    /// Nanoseconds between the starts of one and the next.
    pub(super) fn intervals(&self) -> Vec<u64> {
        let starts: Vec<_> = self.stories.iter().map(|story| story.connection.first.time).collect();
        starts.windows(2).filter_map(|pair| pair.get(1)?.measured_since(*pair.first()?)).collect()
    }
}

/// Groups similar stories if there are enough of them; failed ones come first.
pub(super) fn fold<'s>(stories: &[&'s Story], breadth: Breadth) -> Vec<LikeConnections<'s>> {
    let mut out = Vec::new();
    for stories in alike(stories.iter().copied(), |story| LikenessKey::of(story)) {
        let block = LikeConnections { stories };
        let least = block.first().map_or(LIKE, least_alike);
        let folds = breadth == Breadth::Relevant && block.stories.len() >= least;
        if folds {
            out.push(block);
        } else {
            out.extend(
                block.stories.into_iter().map(|story| LikeConnections { stories: vec![story] }),
            );
        }
    }
    out.sort_by_key(|block| block.first().map(|story| (rank(story.verdict), story.connection.id)));
    out
}

/// The connections that are one story, each with all of them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    of: HashMap<ConnectionId, Rc<[u64]>>,
}

impl Groups {
    /// Those of the stories that are written.
    pub(super) fn of(diagnosis: &Diagnosis, options: &DiagnoseOptions) -> Self {
        let stories: Vec<&Story> = diagnosis.shown(options).collect();
        let mut out = Self::default();
        let known = |story: &Story| diagnosis.groups.members(story.group());
        for block in fold(&stories, Breadth::Relevant) {
            let ids: Rc<[u64]> = block.stories.iter().map(|story| story.connection.id.0).collect();
            if ids.len() > 1 {
                let members = block.stories.iter().map(|story| story.connection.id);
                out.of.extend(members.map(|id| (id, Rc::clone(&ids))));
            }
        }
        for story in stories.into_iter().filter(|story| !known(story).is_empty()) {
            out.of.insert(story.connection.id, known(story).into());
        }
        out
    }

    /// The numbers of the connections that are one story with this one; empty if it is alone.
    pub(super) fn of_story(&self, story: &Story) -> Vec<u64> {
        self.of.get(&story.connection.id).map(|ids| ids.to_vec()).unwrap_or_default()
    }
}

/// What stories that are reported once have in common.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(super) struct LikenessKey {
    /// `None` for one story of several connections, which may go to several servers.
    server: Option<(IpAddr, u16)>,
    verdict: Verdict,
    words: Vec<u8>,
    causes: Vec<&'static str>,
    target: Vec<u8>,
}

impl LikenessKey {
    pub(super) fn of(story: &Story) -> Self {
        let connection = &story.connection;
        let causes = story.causes();
        if let Some(shared) = shared_cause(story) {
            return Self {
                server: None,
                verdict: story.verdict,
                words: shared.evidence.clone().into_bytes(),
                causes: vec![shared.rule.id],
                target: Vec::new(),
            };
        }
        let upgrade = story.history.as_ref().and_then(|history| history.upgrade.as_ref());
        Self {
            server: Some((connection.server.ip(), connection.server.port())),
            verdict: story.verdict,
            // What went well differs in its numbers, and they matter little.
            words: match story.verdict {
                Verdict::Fine | Verdict::Unknown => Vec::new(),
                Verdict::Failed | Verdict::Dropped | Verdict::Trouble | Verdict::Other => {
                    story.words.clone().into_bytes()
                }
            },
            // Told of one of the attempts, about all of them.
            causes: causes.iter().map(|it| it.rule.id).filter(|id| *id != LOOP).collect(),
            // Where it opened, the path is not what went wrong.
            target: upgrade
                .filter(|_| story.verdict == Verdict::Failed)
                .map(|upgrade| upgrade.line.clone())
                .unwrap_or_default(),
        }
    }
}

/// The first cause of a story, if only several connections together show it.
fn shared_cause(story: &Story) -> Option<&Finding> {
    story.causes().first().copied().filter(|cause| cause.rule.is_about_several())
}

/// How many stories must be alike to be reported as one.
fn least_alike(story: &Story) -> usize {
    if shared_cause(story).is_some() {
        return 2;
    }
    match story.verdict {
        Verdict::Failed | Verdict::Dropped | Verdict::Trouble => LIKE,
        // They take a line each, which is little.
        Verdict::Unknown | Verdict::Fine | Verdict::Other => LIKE_LINES,
    }
}

fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failed | Verdict::Dropped => 0,
        Verdict::Trouble => 1,
        Verdict::Unknown => 2,
        Verdict::Fine => 3,
        Verdict::Other => 4,
    }
}

/// How many stories that take a line each must be alike to be reported as one.
const LIKE_LINES: usize = 12;

/// The rule about attempts that follow one another.
const LOOP: &str = "NET-11";
