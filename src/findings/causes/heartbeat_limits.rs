//! How long a side may be silent, or leave a heartbeat unanswered, in each protocol on top of WebSocket.

use crate::findings::state::app_heartbeat::{AppHeartbeat, BeatProtocol};
use crate::findings::words::duration;
use crate::stream::Side;

/// What one side may wait for until it ends the connection.
#[derive(Debug, Default)]
pub(super) struct BeatLimits {
    /// The answer to its own heartbeat.
    pub(super) answer: Option<BeatLimit>,
    /// Anything from the other side.
    pub(super) silence: Option<BeatLimit>,
}

/// After how long a time the connection ends.
#[derive(Clone, Debug)]
pub(super) struct BeatLimit {
    /// What was not answered, or not sent.
    pub(super) what: &'static str,
    /// Nanoseconds after which it is late.
    least: u64,
    /// Nanoseconds after which nobody waits any more.
    most: u64,
    /// What was agreed on, or is the default.
    agreed: String,
    /// Whether only heartbeats count, and not other messages.
    pub(super) counts_beats_only: bool,
    pub(super) remedy: &'static str,
}

impl BeatLimits {
    /// Those of a connection that one side has ended.
    pub(super) fn of(heartbeat: &AppHeartbeat, ender: Side) -> Self {
        let is_server = ender == Side::Server;
        match heartbeat.protocol {
            BeatProtocol::EngineIo { version, interval, timeout } => {
                let pings = heartbeat.beats.server.first.is_some();
                let version = version.unwrap_or(if pings { 4 } else { 3 });
                engine_io(version, (interval, timeout), is_server)
            }
            BeatProtocol::Mqtt { keep_alive } => mqtt(keep_alive, is_server),
            BeatProtocol::Stomp(times) => {
                let (Some(client), Some(server)) = (times.client, times.server) else {
                    return Self::default();
                };
                let (sends, wants) =
                    if is_server { (client.0, server.1) } else { (server.0, client.1) };
                Self::silence((sends > 0 && wants > 0).then(|| stomp(sends.max(wants))))
            }
            BeatProtocol::SignalR => Self::silence(Some(signalr(is_server))),
            BeatProtocol::GraphQl => Self { answer: Some(graphql()), silence: None },
            BeatProtocol::GraphQlKeepAlive => {
                let interval = heartbeat.beats.server.interval.filter(|_| !is_server);
                Self::silence(interval.map(keep_alive))
            }
            // One that never sent any is idle, and reported as such.
            BeatProtocol::Phoenix if is_server && heartbeat.beats.client.first.is_none() => {
                Self::default()
            }
            BeatProtocol::Phoenix => phoenix(is_server),
            BeatProtocol::ActionCable => Self::silence((!is_server).then(action_cable)),
        }
    }

    fn silence(silence: Option<BeatLimit>) -> Self {
        Self { answer: None, silence }
    }
}

impl BeatLimit {
    fn new(
        what: &'static str,
        (least, most): (u64, u64),
        agreed: String,
        remedy: &'static str,
    ) -> Self {
        Self { what, least, most, agreed, counts_beats_only: false, remedy }
    }

    /// Whether a time is long enough to be why, and not too long.
    pub(super) fn is_up(&self, waited: u64) -> bool {
        waited >= self.least && waited <= self.most
    }

    /// ` (pingTimeout 20 s)`
    pub(super) fn in_words(&self) -> String {
        format!(" ({})", self.agreed)
    }
}

fn engine_io(version: u64, (interval, timeout): (u64, u64), is_server: bool) -> BeatLimits {
    let sum = interval.saturating_add(timeout);
    let times = format!(
        "pingInterval {}, pingTimeout {} in version {version}",
        duration(interval),
        duration(timeout)
    );
    let answer = (timeout.saturating_sub(timeout / 4), sum.saturating_mul(2));
    let silence = (sum.saturating_sub(sum / 20), sum.saturating_add(sum / 2));
    match (version >= 4, is_server) {
        (true, true) => BeatLimits {
            answer: Some(BeatLimit::new("the ping of Engine.IO (2) with 3", answer, times, ANSWER)),
            silence: None,
        },
        (true, false) => BeatLimits::silence(Some(BeatLimit {
            counts_beats_only: true,
            ..BeatLimit::new("no ping of Engine.IO (2)", silence, times, SERVER_PINGS)
        })),
        (false, true) => BeatLimits::silence(Some(BeatLimit::new(
            "no ping of Engine.IO (2), nor anything else,",
            silence,
            times,
            CLIENT_PINGS,
        ))),
        (false, false) => BeatLimits {
            answer: Some(BeatLimit::new(
                "the ping of Engine.IO (2) with 3",
                answer,
                times,
                SERVER_ANSWERS,
            )),
            silence: None,
        },
    }
}

/// A server waits one and a half times the keep-alive (MQTT 3.1.1 §3.1.2.10), and looks after that from time to
/// time; clients wait for PINGRESP as long as the keep-alive, or half of it.
fn mqtt(keep_alive: Option<u64>, is_server: bool) -> BeatLimits {
    let Some(time) = keep_alive else { return BeatLimits::default() };
    let agreed = format!("the keep-alive is {}", duration(time));
    if is_server {
        let least = time.saturating_add(time / 5);
        let most = time.saturating_mul(2).saturating_add(10 * SECOND);
        BeatLimits::silence(Some(BeatLimit::new(
            "nothing, not even PINGREQ,",
            (least, most),
            format!("{agreed}; a broker ends the connection after 1.5 times as long"),
            MQTT_CLIENT,
        )))
    } else {
        let times = (time / 5 * 2, time.saturating_mul(3));
        let answer = BeatLimit::new("PINGREQ of MQTT with PINGRESP", times, agreed, MQTT_SERVER);
        BeatLimits { answer: Some(answer), silence: None }
    }
}

/// Receivers allow for up to three times the interval (STOMP 1.2, "Heart-beating": an error margin).
fn stomp(every: u64) -> BeatLimit {
    BeatLimit::new(
        "nothing, not even the newline that is a heartbeat of STOMP,",
        (every, every.saturating_mul(4)),
        format!("heart-beat of CONNECT and CONNECTED: each {}", duration(every)),
        STOMP,
    )
}

/// ASP.NET Core `SignalR`, "Configuration": `keepAliveInterval` 15 s, `serverTimeout` and `ClientTimeoutInterval` 30 s.
fn signalr(is_server: bool) -> BeatLimit {
    BeatLimit::new(
        "nothing, not even a ping of SignalR ({\"type\":6}),",
        (29 * SECOND, 130 * SECOND),
        "pings are sent each 15 s, and 30 s without any message end the connection by default"
            .to_owned(),
        if is_server { SIGNALR_CLIENT } else { SIGNALR_SERVER },
    )
}

fn graphql() -> BeatLimit {
    BeatLimit::new(
        "the ping of graphql-transport-ws with {\"type\":\"pong\"}",
        (2 * SECOND, 130 * SECOND),
        "the protocol demands a pong as soon as possible".to_owned(),
        GRAPHQL,
    )
}

fn keep_alive(interval: u64) -> BeatLimit {
    BeatLimit::new(
        "nothing, not even the keep-alive of graphql-ws ({\"type\":\"ka\"}),",
        (interval.saturating_mul(2).max(2 * SECOND), interval.saturating_mul(8).max(65 * SECOND)),
        format!("it had sent one each {}", duration(interval)),
        GRAPHQL_SERVER,
    )
}

/// Phoenix.Socket's `timeout` is 60 s, phoenix.js beats each 30 s and then waits for the answer until the next one.
fn phoenix(is_server: bool) -> BeatLimits {
    let agreed =
        "heartbeats are sent each 30 s, and 60 s without one end the connection by default";
    if is_server {
        let what = "nothing, not even a heartbeat of Phoenix,";
        let times = (44 * SECOND, 125 * SECOND);
        BeatLimits::silence(Some(BeatLimit::new(what, times, agreed.to_owned(), PHOENIX_CLIENT)))
    } else {
        let what = "the heartbeat of Phoenix with phx_reply";
        let times = (10 * SECOND, 125 * SECOND);
        let answer = BeatLimit::new(what, times, agreed.to_owned(), PHOENIX_SERVER);
        BeatLimits { answer: Some(answer), silence: None }
    }
}

/// Action Cable's `ConnectionMonitor.staleThreshold` is 6 s, two pings of the server.
fn action_cable() -> BeatLimit {
    BeatLimit::new(
        "nothing, not even a ping of Action Cable ({\"type\":\"ping\"}),",
        (6 * SECOND, 20 * SECOND),
        "the server pings each 3 s, and a client reconnects after 6 s without".to_owned(),
        ACTION_CABLE,
    )
}

const ANSWER: &str = "Answer each ping of the server (the text 2) with a pong (3) within pingTimeout: \
    socket.io-client does so. If it is used, its program was blocked or suspended (a background tab, a \
    breakpoint) longer than pingTimeout.";

const SERVER_PINGS: &str = "From Engine.IO 4 on, the server sends the ping (2) each pingInterval, in the direction \
    to the client, which answers 3. Use a server of version 4 (socket.io 3 or later), or let the server's event \
    loop run: it was blocked longer than pingTimeout.";

const CLIENT_PINGS: &str = "In Engine.IO 3 the client sends the ping (2) each pingInterval, and the server answers \
    3. Use a client of the version that EIO names (socket.io-client 2 for EIO=3), or send it in a bare client.";

const SERVER_ANSWERS: &str = "In Engine.IO 3 the server answers each ping of the client (2) with a pong (3) within \
    pingTimeout. Use a server that speaks version 3 (socket.io 2, or allowEIO3 in later ones), and do not block \
    its event loop.";

const MQTT_CLIENT: &str = "Let the client send PINGREQ within the keep-alive time: run the network loop of its library \
    (Paho: loop_start()), do not block it, or set a longer keep-alive in CONNECT.";

const MQTT_SERVER: &str = "Let the broker answer PINGREQ at once: look whether it, or a proxy before it, was \
    overloaded or holds binary messages back; or set a longer keep-alive in CONNECT.";

const STOMP: &str = "Send a newline at least as often as heart-beat promises: run the timer of the STOMP library (a \
    background tab slows timers down: use a worker), or agree on a longer interval, or on 0 for none.";

const SIGNALR_CLIENT: &str = "Let the client send its ping ({\"type\":6}) each 15 s, as the SignalR clients do \
    unless their program is blocked or suspended; or raise ClientTimeoutInterval of the server (at least twice the \
    client's keepAliveInterval).";

const SIGNALR_SERVER: &str = "Let the server send its ping ({\"type\":6}) at least each 15 s (KeepAliveInterval), or \
    raise serverTimeoutInMilliseconds of the client to at least twice that interval.";

const GRAPHQL: &str = "Answer each {\"type\":\"ping\"} with {\"type\":\"pong\"} at once: the library graphql-ws does so. \
    Its WebSocket Ping and Pong are something else and do not count.";

const GRAPHQL_SERVER: &str = "Let the server send {\"type\":\"ka\"} in time (keepAlive of subscriptions-transport-ws), or \
    raise the client's timeout above that interval.";

const PHOENIX_CLIENT: &str = "Let the client send the heartbeat to the topic phoenix each 30 s (heartbeatIntervalMs), \
    or raise timeout of the socket's websocket options on the server.";

const PHOENIX_SERVER: &str = "Let the server answer the heartbeat with phx_reply: its channel or transport process was \
    blocked or gone; phoenix.js reconnects after the heartbeat interval.";

const ACTION_CABLE: &str = "Let the server ping each 3 s: its event loop or worker pool was blocked, or a proxy holds \
    the messages back (turn its buffering off).";

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;
