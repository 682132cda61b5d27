//! Who owns the sockets of a connection, as fields.

use serde::Serialize;

use crate::capture::{ListeningSocket, LocalSockets, Process};

/// The processes at both ends of a connection.
#[derive(Serialize)]
pub(super) struct ProcessesFields<'a> {
    /// Null if it is on another machine, may not be seen, or has closed its socket.
    client: Option<ProcessFields<'a>>,
    server: Option<ProcessFields<'a>>,
}

#[derive(Serialize)]
struct ProcessFields<'a> {
    pid: u32,
    command: &'a str,
}

/// A socket that waits for connections.
#[derive(Serialize)]
pub(super) struct ListeningFields<'a> {
    address: String,
    process: Option<ProcessFields<'a>>,
}

impl<'a> ProcessesFields<'a> {
    /// `None` if neither is known.
    pub(super) fn of(sockets: &'a LocalSockets) -> Option<Self> {
        let LocalSockets { client, server, .. } = sockets;
        let is_known = client.is_some() || server.is_some();
        let [client, server] = [client, server].map(|it| it.as_deref().map(ProcessFields::of));
        is_known.then_some(Self { client, server })
    }
}

impl<'a> ProcessFields<'a> {
    fn of(process: &'a Process) -> Self {
        Self { pid: process.pid, command: &process.command }
    }
}

impl<'a> ListeningFields<'a> {
    /// Those on the port of a server that accepted no connection.
    pub(super) fn all(sockets: &'a LocalSockets) -> Option<Vec<Self>> {
        Some(sockets.listening.as_ref()?.port.iter().map(Self::of).collect())
    }

    fn of(socket: &'a ListeningSocket) -> Self {
        let process = socket.process.as_deref().map(ProcessFields::of);
        Self { address: socket.address.to_string(), process }
    }
}
