//! From addresses to sockets, and from sockets to processes.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use super::system::{Answer, KernelSocket, Question, System};
use crate::capture::local::{ListeningSocket, ListeningSockets, LocalSockets, Process, may_accept};

/// Answers questions, and remembers the owners of sockets that exist.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    known: HashMap<u64, Arc<Process>>,
    /// Sockets whose owner was not found.
    unknown: HashSet<u64>,
    /// The processes whose sockets were asked for lately: they will have more of them.
    recent: VecDeque<u32>,
}

/// The sockets that a question is about.
#[derive(Debug)]
struct SocketsOfConnection {
    client: Option<KernelSocket>,
    server: Option<KernelSocket>,
    /// Those that wait for connections on the port of the server.
    listening: Vec<KernelSocket>,
}

impl Lookups {
    /// Remembers the owners of all sockets.
    pub(super) fn remember_all(&mut self, system: &impl System) {
        self.known = system.all_owners();
    }

    /// Answers questions.
    pub(super) fn answer(&mut self, questions: &[Question], system: &impl System) -> Vec<Answer> {
        let sockets = system.sockets();
        self.forget(&sockets);
        let about: Vec<SocketsOfConnection> =
            questions.iter().map(|question| SocketsOfConnection::of(question, &sockets)).collect();
        let waiting = sockets.iter().filter(|socket| socket.is_listening);
        self.look_up(about.iter().flat_map(SocketsOfConnection::all).chain(waiting), system);
        let others = self.others(&sockets);
        questions
            .iter()
            .zip(&about)
            .map(|(question, about)| Answer {
                connection: question.connection,
                client: question.client,
                sockets: self.owners(question, about, &others),
            })
            .collect()
    }

    /// Forgets sockets that are gone: their numbers are used again.
    fn forget(&mut self, sockets: &[KernelSocket]) {
        let inodes: HashSet<u64> = sockets.iter().map(|socket| socket.inode).collect();
        self.known.retain(|inode, _| inodes.contains(inode));
        self.unknown.retain(|inode| inodes.contains(inode));
    }

    /// Finds out who owns sockets that are not known yet.
    fn look_up<'s>(
        &mut self,
        sockets: impl Iterator<Item = &'s KernelSocket>,
        system: &impl System,
    ) {
        let is_wanted = |socket: &&KernelSocket| {
            socket.inode != 0
                && !self.known.contains_key(&socket.inode)
                && !self.unknown.contains(&socket.inode)
                && system.may_see(socket.user)
        };
        let wanted: HashSet<u64> = sockets.filter(is_wanted).map(|socket| socket.inode).collect();
        if wanted.is_empty() {
            return;
        }
        let found = system.owners(&wanted, self.recent.make_contiguous());
        let pids: HashSet<u32> = found.values().map(|process| process.pid).collect();
        self.recent.retain(|pid| !pids.contains(pid));
        self.recent.extend(pids);
        let surplus = self.recent.len().saturating_sub(LIKELY);
        self.recent.drain(..surplus);
        self.unknown.extend(wanted.into_iter().filter(|inode| !found.contains_key(inode)));
        self.known.extend(found);
    }

    /// The sockets that wait for connections and whose owners are known, one of each port.
    fn others(&self, sockets: &[KernelSocket]) -> Vec<ListeningSocket> {
        let mut others: Vec<ListeningSocket> = sockets
            .iter()
            .filter(|socket| socket.is_listening)
            .map(|socket| self.listening(socket))
            .filter(|listening| listening.process.is_some())
            .collect();
        others.sort_by_key(|listening| (listening.address.port(), listening.address));
        others.dedup_by_key(|listening| listening.address.port());
        others
    }

    fn owners(
        &self,
        question: &Question,
        about: &SocketsOfConnection,
        others: &[ListeningSocket],
    ) -> LocalSockets {
        let owner = |socket: &KernelSocket| self.known.get(&socket.inode).cloned();
        let accepting =
            about.listening.iter().find(|it| may_accept(it.local.ip(), question.server.ip()));
        let port = question.server.port();
        let is_other = |it: &&ListeningSocket| it.address.port() != port;
        LocalSockets {
            client: about.client.as_ref().and_then(owner),
            server: about.server.as_ref().and_then(owner).or_else(|| owner(accepting?)),
            listening: question.server_is_local.then(|| ListeningSockets {
                port: about.listening.iter().map(|it| self.listening(it)).take(MOST).collect(),
                others: others.iter().filter(is_other).take(MOST).cloned().collect(),
            }),
        }
    }

    fn listening(&self, socket: &KernelSocket) -> ListeningSocket {
        let process = self.known.get(&socket.inode).cloned();
        ListeningSocket { address: socket.local, process }
    }
}

impl SocketsOfConnection {
    fn of(question: &Question, sockets: &[KernelSocket]) -> Self {
        let [client, server] = [question.client, question.server].map(canonical);
        let between = |local: SocketAddr, remote: SocketAddr| {
            let is_it = |socket: &&KernelSocket| {
                !socket.is_listening
                    && canonical(socket.local) == local
                    && canonical(socket.remote) == remote
            };
            sockets.iter().find(is_it).copied()
        };
        let is_on_port = |socket: &&KernelSocket| {
            socket.is_listening && question.server_is_local && socket.local.port() == server.port()
        };
        let mut listening: Vec<KernelSocket> = sockets.iter().filter(is_on_port).copied().collect();
        listening.sort_by_key(|socket| socket.local);
        // Several processes may share an address.
        listening.dedup_by_key(|socket| socket.local);
        Self { client: between(client, server), server: between(server, client), listening }
    }

    fn all(&self) -> impl Iterator<Item = &KernelSocket> {
        self.client.iter().chain(&self.server).chain(&self.listening)
    }
}

/// An address without the form of IPv6 that IPv4 has in a socket for both, and without its interface.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Sockets that are reported of a kind.
const MOST: usize = 8;

/// Processes that are looked at before all others.
const LIKELY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sockets by address of both ends, inode and user; the remote end of a listening socket is empty.
    struct Machine {
        sockets: &'static [(&'static str, &'static str, u64, u32)],
        /// Inodes and the processes that have them open.
        files: &'static [(u64, u32, &'static str)],
    }

    impl System for Machine {
        fn sockets(&self) -> Vec<KernelSocket> {
            let unspecified = "0.0.0.0:0".parse().unwrap();
            self.sockets
                .iter()
                .map(|(local, remote, inode, user)| KernelSocket {
                    local: local.parse().unwrap(),
                    remote: remote.parse().unwrap_or(unspecified),
                    is_listening: remote.is_empty(),
                    inode: *inode,
                    user: *user,
                })
                .collect()
        }

        fn owners(&self, inodes: &HashSet<u64>, _: &[u32]) -> HashMap<u64, Arc<Process>> {
            let mut owners = self.all_owners();
            owners.retain(|inode, _| inodes.contains(inode));
            owners
        }

        fn all_owners(&self) -> HashMap<u64, Arc<Process>> {
            let process =
                |pid: u32, command: &str| Arc::new(Process { pid, command: command.to_owned() });
            self.files
                .iter()
                .map(|(inode, pid, command)| (*inode, process(*pid, command)))
                .collect()
        }

        fn may_see(&self, user: u32) -> bool {
            user == 1000
        }
    }

    const OWN: u32 = 1000;
    const OTHER: u32 = 33;

    fn question(client: &str, server: &str, server_is_local: bool) -> Question {
        let [client, server] = [client, server].map(|it| it.parse().unwrap());
        Question { connection: 7, client, server, server_is_local }
    }

    /// Client, server, and who waits on the port of the server.
    fn seen(
        machine: &Machine,
        question: Question,
    ) -> (Option<u32>, Option<u32>, Option<Vec<String>>) {
        let mut answers = Lookups::default().answer(&[question], machine);
        let Answer { connection, sockets, .. } = answers.pop().unwrap();
        assert_eq!(connection, 7);
        let pid = |process: &Option<Arc<Process>>| process.as_ref().map(|it| it.pid);
        let listening = sockets.listening.map(|it| {
            let text = |it: &ListeningSocket| match &it.process {
                Some(process) => format!("{} {}", it.address, process.command),
                None => it.address.to_string(),
            };
            it.port.iter().map(text).collect()
        });
        (pid(&sockets.client), pid(&sockets.server), listening)
    }

    #[test]
    fn sockets_are_found_by_their_addresses() {
        type Row =
            (&'static str, Machine, Question, (Option<u32>, Option<u32>, Option<Vec<String>>));
        let node = || Some(vec!["127.0.0.1:8080 node".to_owned()]);
        #[rustfmt::skip]
        let rows: Vec<Row> = vec![
            (
                "both ends here",
                Machine {
                    sockets: &[("127.0.0.1:8080", "", 1, OWN), ("127.0.0.1:8080", "127.0.0.1:50000", 2, OWN), ("127.0.0.1:50000", "127.0.0.1:8080", 3, OWN)],
                    files: &[(1, 11, "node"), (2, 11, "node"), (3, 12, "curl")],
                },
                question("127.0.0.1:50000", "127.0.0.1:8080", true),
                (Some(12), Some(11), node()),
            ),
            (
                "not accepted yet",
                Machine {
                    sockets: &[("127.0.0.1:8080", "", 1, OWN), ("127.0.0.1:8080", "127.0.0.1:50000", 0, 0), ("127.0.0.1:50000", "127.0.0.1:8080", 3, OWN)],
                    files: &[(1, 11, "node"), (3, 12, "curl")],
                },
                question("127.0.0.1:50000", "127.0.0.1:8080", true),
                (Some(12), Some(11), node()),
            ),
            (
                "refused, and the client has closed its socket",
                Machine { sockets: &[("[::1]:8080", "", 1, OWN)], files: &[(1, 11, "node")] },
                question("127.0.0.1:50000", "127.0.0.1:8080", true),
                (None, None, Some(vec!["[::1]:8080 node".to_owned()])),
            ),
            (
                "IPv4 to a socket for both families",
                Machine {
                    sockets: &[("[::]:8080", "", 1, OWN), ("[::ffff:127.0.0.1]:8080", "[::ffff:127.0.0.1]:50000", 2, OWN)],
                    files: &[(1, 11, "node"), (2, 13, "worker")],
                },
                question("127.0.0.1:50000", "127.0.0.1:8080", true),
                (None, Some(13), Some(vec!["[::]:8080 node".to_owned()])),
            ),
            (
                "a process of another user",
                Machine { sockets: &[("0.0.0.0:80", "", 1, OTHER)], files: &[(1, 11, "nginx")] },
                question("10.0.0.9:50000", "10.0.0.1:80", true),
                (None, None, Some(vec!["0.0.0.0:80".to_owned()])),
            ),
            (
                "a server elsewhere, though a socket here has its port",
                Machine { sockets: &[("0.0.0.0:443", "", 1, OWN), ("10.0.0.1:50000", "192.0.2.1:443", 2, OWN)], files: &[(1, 11, "nginx"), (2, 12, "firefox")] },
                question("10.0.0.1:50000", "192.0.2.1:443", false),
                (Some(12), None, None),
            ),
            (
                "the other direction of the same ports is another connection",
                Machine { sockets: &[("127.0.0.1:50000", "127.0.0.2:8080", 3, OWN)], files: &[(3, 12, "curl")] },
                question("127.0.0.1:50000", "127.0.0.1:8080", true),
                (None, None, Some(Vec::new())),
            ),
        ];
        for (name, machine, question, expected) in rows {
            assert_eq!(seen(&machine, question), expected, "{name}");
        }
    }

    #[test]
    fn owners_from_before_privileges_were_dropped_are_known() {
        let machine =
            Machine { sockets: &[("0.0.0.0:80", "", 1, OTHER)], files: &[(1, 11, "nginx")] };
        let mut lookups = Lookups::default();
        lookups.remember_all(&machine);
        let question = question("10.0.0.9:50000", "10.0.0.1:80", true);
        let Answer { sockets, .. } = lookups.answer(&[question], &machine).pop().unwrap();
        assert_eq!(sockets.server.unwrap().command, "nginx");
        // The number of a socket that is gone may be used again.
        lookups.answer(&[question], &Machine { sockets: &[], files: &[] });
        let Answer { sockets, .. } = lookups.answer(&[question], &machine).pop().unwrap();
        assert_eq!(sockets.server, None);
    }
}
