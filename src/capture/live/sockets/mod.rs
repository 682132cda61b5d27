//! Which processes own the sockets of a connection, for the ends that are on this machine.
//!
//! A thread reads the kernel's list of sockets and the open files of processes when a connection begins:
//! neither the capturing threads nor the kernel's buffer wait for it. Once privileges are dropped, it sees
//! the processes of the user who started wslens only; those of others are known if they had their socket
//! before the capture began ([`SocketOwners::start`]).

mod lookup;
#[cfg(all(libpcap, target_os = "linux"))]
mod procfs;
mod system;
#[cfg(not(all(libpcap, target_os = "linux")))]
mod unknown;

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::lookup::Lookups;
#[cfg(all(libpcap, target_os = "linux"))]
use self::procfs::ThisSystem;
use self::system::{Answer, Question};
#[cfg(not(all(libpcap, target_os = "linux")))]
use self::unknown::ThisSystem;
use crate::stream::Timestamp;

/// Asks the system who owns the sockets of connections.
#[derive(Debug)]
pub struct SocketOwners {
    questions: SyncSender<Question>,
    answers: Receiver<Answer>,
    /// The addresses of this machine.
    own: HashSet<IpAddr>,
    /// How many connections were seen.
    seen: u64,
    /// Answers that came while another one was waited for.
    early: Vec<Answer>,
}

impl SocketOwners {
    /// Starts the thread. `own` are the addresses of this machine. `None` if the system does not tell.
    ///
    /// To be called before privileges are dropped: processes of all users that own a socket now are
    /// remembered.
    pub fn start(own: impl IntoIterator<Item = IpAddr>) -> Option<Self> {
        let system = ThisSystem::new()?;
        let mut lookups = Lookups::default();
        lookups.remember_all(&system);
        let (questions, asked) = sync_channel(QUESTIONS);
        let (given, answers) = sync_channel(QUESTIONS);
        let run = move || answer_all(&mut lookups, &system, &asked, &given);
        thread::Builder::new().name("socket owners".to_owned()).spawn(run).ok()?;
        let own = own.into_iter().map(|address| address.to_canonical()).collect();
        Some(Self { questions, answers, own, seen: 0, early: Vec::new() })
    }

    /// Whether there are more connections than when this was asked last.
    pub fn counts(&mut self, connections: u64) -> bool {
        std::mem::replace(&mut self.seen, connections) != connections
    }

    /// Asks about a connection that began with a packet captured at `time`, and waits a moment for the
    /// answer, as the next packet may already end it; not if reading is behind the network.
    pub fn ask(&mut self, connection: u64, [client, server]: [SocketAddr; 2], time: Timestamp) {
        let [client_is_local, server_is_local] = [client, server].map(|it| self.is_own(it.ip()));
        if !client_is_local && !server_is_local {
            return;
        }
        let question = Question { connection, client, server, server_is_local };
        if self.questions.try_send(question).is_err() || age(time) > RECENT {
            return;
        }
        let deadline = now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(now());
            match self.answers.recv_timeout(left) {
                Ok(answer) => {
                    let is_it = answer.connection == connection;
                    self.early.push(answer);
                    if is_it {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The next answer that has come.
    pub fn answer(&mut self) -> Option<Answer> {
        if let Some(answer) = self.early.pop() {
            return Some(answer);
        }
        self.answers.try_recv().ok()
    }

    fn is_own(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.own.contains(&address)
    }
}

/// Answers until nobody asks any more. Questions that came together are answered together.
fn answer_all(
    lookups: &mut Lookups,
    system: &ThisSystem,
    asked: &Receiver<Question>,
    given: &SyncSender<Answer>,
) {
    let mut share = TimeShare::new(now());
    while let Ok(first) = asked.recv() {
        let mut questions = vec![first];
        questions.extend(asked.try_iter().take(QUESTIONS));
        let began = now();
        for answer in lookups.answer(&questions, system) {
            // If nobody takes them, they are of no use any more.
            given.try_send(answer).ok();
        }
        let ended = now();
        thread::sleep(share.pause(began, ended));
    }
}

/// Limits the part of its time that a thread works.
#[derive(Debug)]
struct TimeShare {
    /// How long it may still work.
    left: Duration,
    since: Instant,
}

impl TimeShare {
    fn new(since: Instant) -> Self {
        Self { left: MOST_WORK, since }
    }

    /// How long to pause after work.
    fn pause(&mut self, began: Instant, ended: Instant) -> Duration {
        let earned = began.saturating_duration_since(self.since) / SHARE;
        self.left = self.left.saturating_add(earned).min(MOST_WORK);
        self.since = began;
        let work = ended.saturating_duration_since(began);
        let missing = work.saturating_sub(self.left);
        self.left = self.left.saturating_sub(work);
        missing.saturating_mul(SHARE)
    }
}

/// How long ago a packet was captured.
#[expect(clippy::disallowed_methods, reason = "packets are captured now")]
fn age(time: Timestamp) -> Duration {
    let captured = UNIX_EPOCH + Duration::from_nanos(time.0);
    SystemTime::now().duration_since(captured).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "work is limited by wall time")]
fn now() -> Instant {
    Instant::now()
}

/// Questions that wait for their answers at most; further connections are not asked about.
const QUESTIONS: usize = 256;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(50);

/// A packet captured longer ago than this shows that reading is behind the network. The kernel
/// delivers packets within 10 ms, and several interfaces within 35 ms.
const RECENT: Duration = Duration::from_millis(250);

/// The thread works for one part in this many of the time...
const SHARE: u32 = 10;

/// ... and this long at once.
const MOST_WORK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_a_tenth_of_the_time_in_the_long_run() {
        let start = now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut share = TimeShare::new(start);
        // What is saved up is used first.
        assert_eq!(share.pause(at(0), at(500)), Duration::ZERO);
        assert_eq!(share.pause(at(500), at(560)), Duration::from_millis(100));
        // A second without work.
        assert_eq!(share.pause(at(1_500), at(1_600)), Duration::ZERO);
        assert_eq!(share.pause(at(1_600), at(1_700)), Duration::from_millis(900));
    }

    #[cfg(all(libpcap, target_os = "linux"))]
    #[test]
    fn own_sockets_are_found() {
        use std::net::{TcpListener, TcpStream};

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap();
        let stream = TcpStream::connect(server).unwrap();
        let client = stream.local_addr().unwrap();
        let mut owners = SocketOwners::start([]).unwrap();
        assert!(owners.counts(1) && !owners.counts(1) && owners.counts(2));
        let now = u64::try_from(age(Timestamp(0)).as_nanos()).unwrap();
        let mut answer = None;
        for _ in 0..100 {
            owners.ask(1, [client, server], Timestamp(now));
            answer = owners.answer();
            if answer.is_some() {
                break;
            }
        }
        let Answer { connection, sockets, .. } = answer.unwrap();
        let own = Some(std::process::id());
        let pid = |process: &Option<std::sync::Arc<crate::capture::Process>>| {
            process.as_ref().map(|process| process.pid)
        };
        assert_eq!((connection, pid(&sockets.client), pid(&sockets.server)), (1, own, own));
        let listening = sockets.listening.unwrap().port;
        assert_eq!((listening.len(), listening[0].address), (1, server));
        // Nothing of it is on this machine.
        let [one, other] = ["192.0.2.1:1", "192.0.2.2:2"].map(|it| it.parse().unwrap());
        owners.ask(2, [one, other], Timestamp(0));
        assert!(owners.answer().is_none());
    }
}
