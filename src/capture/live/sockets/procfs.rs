//! Sockets and processes as Linux lists them in /proc.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ::procfs::net::TcpState;
use ::procfs::process::{FDTarget, Process as ListedProcess, all_processes};
use nix::unistd::Uid;

use super::system::{KernelSocket, System};
use crate::capture::local::Process;

/// This system.
#[derive(Debug)]
pub(super) struct ThisSystem;

impl ThisSystem {
    /// `None` if /proc is not there.
    pub(super) fn new() -> Option<Self> {
        ::procfs::net::tcp().ok().map(|_| Self)
    }
}

impl System for ThisSystem {
    fn sockets(&self) -> Vec<KernelSocket> {
        // Without IPv6 there is no second list.
        let lists = [::procfs::net::tcp(), ::procfs::net::tcp6()];
        let all = lists.into_iter().flatten().flatten();
        all.map(|entry| KernelSocket {
            local: entry.local_address,
            remote: entry.remote_address,
            is_listening: entry.state == TcpState::Listen,
            inode: entry.inode,
            user: entry.uid,
        })
        .collect()
    }

    fn owners(&self, inodes: &HashSet<u64>, likely: &[u32]) -> HashMap<u64, Arc<Process>> {
        let mut found = HashMap::new();
        let known = likely.iter().filter_map(|pid| {
            let pid = i32::try_from(*pid).ok()?;
            ListedProcess::new(pid).ok()
        });
        let all = || all_processes().into_iter().flatten().flatten();
        for process in known.chain(std::iter::once_with(all).flatten()) {
            if found.len() >= inodes.len() {
                break;
            }
            add_sockets(&process, |inode| inodes.contains(&inode), &mut found);
        }
        found
    }

    fn all_owners(&self) -> HashMap<u64, Arc<Process>> {
        let mut found = HashMap::new();
        for process in all_processes().into_iter().flatten().flatten() {
            if found.len() >= MOST_OWNED {
                break;
            }
            add_sockets(&process, |_| true, &mut found);
        }
        found
    }

    fn may_see(&self, user: u32) -> bool {
        let own = Uid::effective();
        own.is_root() || own.as_raw() == user
    }
}

/// Adds the sockets among the open files of a process. It may end meanwhile, and its files may be those of
/// another user: then there are none.
fn add_sockets(
    process: &ListedProcess,
    is_wanted: impl Fn(u64) -> bool,
    found: &mut HashMap<u64, Arc<Process>>,
) {
    let mut owner = None;
    for file in process.fd().into_iter().flatten().flatten() {
        let FDTarget::Socket(inode) = file.target else { continue };
        if is_wanted(inode) && !found.contains_key(&inode) {
            let owner: &Arc<Process> = owner.get_or_insert_with(|| Arc::new(describe(process)));
            found.insert(inode, Arc::clone(owner));
        }
    }
}

fn describe(process: &ListedProcess) -> Process {
    let line = process.cmdline().unwrap_or_default().join(" ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = if words.is_empty() {
        process.stat().map(|stat| stat.comm).unwrap_or_default()
    } else {
        words.join(" ")
    };
    if let Some((cut, _)) = command.char_indices().nth(LONGEST_COMMAND) {
        command.truncate(cut);
    }
    Process { pid: u32::try_from(process.pid()).unwrap_or_default(), command }
}

/// Sockets whose owners are remembered when the capture begins.
const MOST_OWNED: usize = 1 << 16;

/// Characters that are kept of a command line.
const LONGEST_COMMAND: usize = 120;
