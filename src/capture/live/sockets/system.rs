//! What a system is asked about its sockets, and what it tells.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::capture::local::{LocalSockets, Process};

/// Who owns the sockets of this connection?
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The number of the connection.
    pub(super) connection: u64,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// Whether the server's address is one of this machine.
    pub(super) server_is_local: bool,
}

/// Who owns the sockets of a connection.
#[derive(Debug)]
pub struct Answer {
    /// The number of the connection.
    pub connection: u64,
    /// Who was asked about as its client.
    pub client: SocketAddr,
    /// What is known.
    pub sockets: LocalSockets,
}

/// A TCP socket, as the kernel lists it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelSocket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) is_listening: bool,
    /// The file that processes have open; 0 if none has, as before a connection is accepted.
    pub(super) inode: u64,
    /// Whose it is.
    pub(super) user: u32,
}

/// What a system tells of its sockets.
pub(super) trait System {
    /// All TCP sockets.
    fn sockets(&self) -> Vec<KernelSocket>;

    /// The processes that have sockets open. Those that probably do are asked first.
    fn owners(&self, inodes: &HashSet<u64>, likely: &[u32]) -> HashMap<u64, Arc<Process>>;

    /// The owners of all sockets.
    fn all_owners(&self) -> HashMap<u64, Arc<Process>>;

    /// Whether this process may see the open files of a user's processes.
    fn may_see(&self, user: u32) -> bool;
}
