//! Who owns the sockets of a connection, in words.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::capture::{ListeningSocket, LocalSockets, Process};
use crate::text::escape::escape;

/// `node server.js (pid 4711)`, without the folder of the program.
pub fn process(process: &Process) -> String {
    let mut out = String::new();
    let (word, rest) = process.command.split_once(' ').unwrap_or((&process.command, ""));
    let program = word.rsplit('/').next().unwrap_or(word);
    let separator = if rest.is_empty() { "" } else { " " };
    escape(format!("{program}{separator}{rest}").as_bytes(), LONGEST_COMMAND, &mut out);
    write!(out, " (pid {})", process.pid).ok();
    out
}

/// `client python3 feed.py (pid 4712), server node server.js (pid 4711)`; `None` if neither is known.
pub fn processes(sockets: &LocalSockets) -> Option<String> {
    let sides = [("client", &sockets.client), ("server", &sockets.server)];
    let known: Vec<String> = sides
        .into_iter()
        .filter_map(|(side, owner)| Some(format!("{side} {}", process(owner.as_deref()?))))
        .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// Who waits for connections where nobody accepted one: `port 8080 is open only on [::1], by node server.js
/// (pid 4711)`. `None` if that is another machine.
pub fn listening(sockets: &LocalSockets, server: SocketAddr) -> Option<String> {
    let listening = sockets.listening.as_ref()?;
    let port = server.port();
    if listening.port.is_empty() {
        let mut out = format!("nothing listens on port {port}");
        for (place, (owner, ports)) in ports(&listening.others).into_iter().enumerate() {
            let separator = if place == 0 { ';' } else { ',' };
            write!(out, "{separator} {} listens on {ports}", process(owner)).ok();
        }
        return Some(out);
    }
    let only = if listening.are_elsewhere(server.ip()) { "only " } else { "" };
    let mut out = format!("port {port} is open {only}on ");
    for (place, socket) in listening.port.iter().enumerate() {
        if place > 0 {
            out.push_str(" and ");
        }
        host(socket.address, &mut out);
        if let Some(owner) = &socket.process {
            write!(out, ", by {}", process(owner)).ok();
        }
    }
    Some(out)
}

/// `port 8080 is open only on [::1]`; `None` unless it is open on other addresses than the server's.
pub fn open_elsewhere(sockets: &LocalSockets, server: SocketAddr) -> Option<String> {
    let listening = sockets.listening.as_ref().filter(|it| it.are_elsewhere(server.ip()))?;
    let mut out = format!("port {} is open only on ", server.port());
    for (place, socket) in listening.port.iter().enumerate() {
        if place > 0 {
            out.push_str(" and ");
        }
        host(socket.address, &mut out);
    }
    Some(out)
}

/// The processes that listen, each with its ports: `3000, 3001`.
fn ports(listening: &[ListeningSocket]) -> Vec<(&Process, String)> {
    let mut owners: Vec<(&Process, String)> = Vec::new();
    for socket in listening {
        let Some(owner) = socket.process.as_deref() else { continue };
        let port = socket.address.port();
        match owners.iter_mut().find(|(known, _)| known.pid == owner.pid) {
            Some((_, ports)) => drop(write!(ports, ", {port}")),
            None => owners.push((owner, port.to_string())),
        }
    }
    owners.truncate(MOST_OTHERS);
    owners
}

fn host(address: SocketAddr, out: &mut String) {
    match address {
        SocketAddr::V4(address) => write!(out, "{}", address.ip()).ok(),
        SocketAddr::V6(address) => write!(out, "[{}]", address.ip()).ok(),
    };
}

/// Columns of a command line at most.
const LONGEST_COMMAND: usize = 48;

/// Processes on other ports that are named at most.
const MOST_OTHERS: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::capture::ListeningSockets;

    fn socket(address: &str, command: &str) -> ListeningSocket {
        let pid = u32::try_from(command.len()).unwrap();
        let owner = Process { pid, command: command.to_owned() };
        let process = (!command.is_empty()).then(|| Arc::new(owner));
        ListeningSocket { address: address.parse().unwrap(), process }
    }

    #[test]
    fn who_listens_is_told_with_the_address() {
        type Sockets = &'static [(&'static str, &'static str)];
        #[rustfmt::skip]
        let rows: &[(&str, Sockets, Sockets, &str, &str)] = &[
            ("127.0.0.1:8080", &[("[::1]:8080", "node a.js")], &[], "port 8080 is open only on [::1], by node a.js (pid 9)", "port 8080 is open only on [::1]"),
            ("127.0.0.1:8080", &[("10.0.0.5:8080", ""), ("[::1]:8080", "")], &[], "port 8080 is open only on 10.0.0.5 and [::1]", "port 8080 is open only on 10.0.0.5 and [::1]"),
            ("[::1]:8080",     &[("0.0.0.0:8080", "x\u{1b}[2J")], &[], "port 8080 is open only on 0.0.0.0, by x\\x1b[2J (pid 5)", "port 8080 is open only on 0.0.0.0"),
            ("127.0.0.1:8080", &[("127.0.0.1:8080", "node")], &[], "port 8080 is open on 127.0.0.1, by node (pid 4)", ""),
            ("127.0.0.1:8080", &[("[::]:8080", "")], &[], "port 8080 is open on [::]", ""),
            ("127.0.0.1:8081", &[], &[], "nothing listens on port 8081", ""),
            ("127.0.0.1:8081", &[], &[("127.0.0.1:3000", "node"), ("0.0.0.0:22", "/usr/sbin/sshd -D"), ("[::1]:3001", "node")], "nothing listens on port 8081; node (pid 4) listens on 3000, 3001, sshd -D (pid 17) listens on 22", ""),
        ];
        for (server, port, others, words, elsewhere) in rows {
            let list = |of: Sockets| of.iter().map(|(address, by)| socket(address, by)).collect();
            let listening = Some(ListeningSockets { port: list(port), others: list(others) });
            let sockets = LocalSockets { listening, ..LocalSockets::default() };
            let server = server.parse().unwrap();
            assert_eq!(super::listening(&sockets, server).as_deref(), Some(*words));
            assert_eq!(open_elsewhere(&sockets, server).unwrap_or_default(), *elsewhere);
        }
        let unknown = LocalSockets::default();
        assert_eq!(listening(&unknown, "127.0.0.1:1".parse().unwrap()), None);
        assert_eq!(processes(&unknown), None);
    }
}
