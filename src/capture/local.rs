//! What a machine knows of its own sockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A process of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its command line, cut if it is long. Whoever started the process chose it.
    pub command: String,
}

/// A socket of this machine that waits for connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListeningSocket {
    /// Its address; unspecified if it takes connections to any.
    pub address: SocketAddr,
    /// The process that owns it; `None` if that may not be seen.
    pub process: Option<Arc<Process>>,
}

/// What this machine knows of a connection, soon after its first packet: as much as the user who runs
/// wslens may see.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LocalSockets {
    /// The process that opened the connection; `None` if it is on another machine, or may not be seen, or
    /// has closed its socket.
    pub client: Option<Arc<Process>>,
    /// The process that accepted it, or that would.
    pub server: Option<Arc<Process>>,
    /// Who waits for connections; `None` if the server is another machine.
    pub listening: Option<ListeningSockets>,
}

/// Who waits for connections on the machine of a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ListeningSockets {
    /// On the port of the server, whatever the address.
    pub port: Vec<ListeningSocket>,
    /// On other ports, as far as their processes may be seen.
    pub others: Vec<ListeningSocket>,
}

impl LocalSockets {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.client.is_none() && self.server.is_none() && self.listening.is_none()
    }

    /// Exchanges client and server: it was unknown which is which. Who waits for connections on the
    /// machine of the other one was not asked.
    pub(crate) fn swap_roles(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.listening = None;
    }
}

impl ListeningSockets {
    /// Whether sockets wait for connections on the port of a server, but none at its address.
    pub fn are_elsewhere(&self, server: IpAddr) -> bool {
        let may_accept = |it: &ListeningSocket| may_accept(it.address.ip(), server);
        !self.port.is_empty() && !self.port.iter().any(may_accept)
    }
}

/// Whether a socket that waits at an address may take connections to another one. One for all IPv6 addresses
/// usually takes those of IPv4, too; the system does not tell.
pub(super) fn may_accept(local: IpAddr, server: IpAddr) -> bool {
    let (local, server) = (local.to_canonical(), server.to_canonical());
    local == server || (local.is_unspecified() && (local.is_ipv6() || server.is_ipv4()))
}

impl Process {
    /// Its program: the first word of the command, without the folder.
    pub fn program(&self) -> &str {
        let word = self.command.split(' ').next().unwrap_or_default();
        let name = word.rsplit('/').next().unwrap_or_default();
        // A login shell's name begins with a hyphen; some programs add a colon and what they do.
        name.trim_start_matches('-').trim_end_matches(':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_the_first_word_without_its_folder() {
        let rows = [
            ("node server.js", "node"),
            ("/usr/bin/python3 -m http.server", "python3"),
            ("nginx: master process /usr/sbin/nginx", "nginx"),
            ("-bash", "bash"),
            ("", ""),
        ];
        for (command, program) in rows {
            let process = Process { pid: 1, command: command.to_owned() };
            assert_eq!(process.program(), program, "{command}");
        }
    }

    #[test]
    fn a_socket_takes_connections_to_its_address_or_to_all_of_its_families() {
        #[rustfmt::skip]
        let rows = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0", "10.0.0.1", true),
            ("0.0.0.0", "::1", false),
            ("::", "::1", true),
            ("::", "10.0.0.1", true),
            ("::1", "127.0.0.1", false),
        ];
        for (local, server, expected) in rows {
            let is_accepted = may_accept(local.parse().unwrap(), server.parse().unwrap());
            assert_eq!(is_accepted, expected, "{local} {server}");
        }
    }
}
