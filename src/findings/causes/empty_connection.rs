//! WHY-32: opened and closed without a byte.

use crate::findings::across::unused_connections::UnusedReason;
use crate::findings::engine::cause::Cause;
use crate::findings::engine::context::GroupScope;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::state::unused::{Leave, Unused};
use crate::findings::words::{counted, duration};
use crate::stream::{Direction, Side, length_u64};

/// WHY-32.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-32",
    severity: Severity::Error,
    applies_to: AppliesTo::Client,
    title: "opened and closed without a byte",
    section: "WICG Local Network Access; RFC 8305 §5",
    explanation: "The client opened TCP and closed it within a second, and nothing was sent on it. The \
        rest of the capture shows why: if the same machine loads a page in a browser that asks for \
        permission before a page may reach the local network (Chrome from 147, Firefox from 154), the \
        browser closed it, and the page sees an error and 1006. If the same client opens another one at \
        once, its program closed the WebSocket while it was connecting. If it uses another one meanwhile, \
        this one lost a race or is spare; if others use the server, it is a probe: these are notes.",
    remedy: EITHER,
    example: Example::Text("client: SYN, ACK\nclient, 1.3 ms later: FIN"),
    explains: Some(Cause::failure(1_180, "opened and closed without a byte")),
    checks: &[Check::Group(|context, violations| {
        match context.scope {
            GroupScope::All | GroupScope::Unused => {}
            GroupScope::Ended { .. } | GroupScope::Accepted { .. } => return,
        }
        for it in &context.across.unused {
            let (why, severity, remedy) = meaning(it.reason);
            let Unused { opened, left, by } = it.unused;
            let how = match by {
                Leave::Fin => "FIN",
                Leave::Reset => "RST",
            };
            violations
                .add(format!(
                    "the client closed TCP ({how}) {} after it was open, and nothing was sent: {why}",
                    duration(it.unused.lasted())
                ))
                .connection(it.id)
                .side(if severity == Severity::Error { Some(Side::Client) } else { None })
                .direction(Direction::ClientToServer)
                .packets(opened, left)
                .severity(severity)
                .remedy(remedy);
        }
    })],
}];

/// What a reason means, how bad it is, and what to do.
fn meaning(reason: UnusedReason) -> (String, Severity, &'static str) {
    match reason {
        UnusedReason::Spare(other) => (
            format!(
                "it used connection {} instead (a race between addresses, or a spare one)",
                other.0
            ),
            Severity::Note,
            NOTHING,
        ),
        UnusedReason::OpenedAgain(other, after) => (
            format!(
                "it was closed while it was connecting, and connection {} was opened {} later",
                other.0,
                duration(after)
            ),
            Severity::Warning,
            AGAIN,
        ),
        UnusedReason::LocalNetwork(browser, seen) => (
            format!(
                "{} (connection {}) lets a page reach the local network only with the user's \
                 permission",
                browser.name(),
                seen.0
            ),
            Severity::Error,
            LOCAL_NETWORK,
        ),
        UnusedReason::Probe(times) => (
            format!("a probe that the server is there ({})", counted(length_u64(times), "time")),
            Severity::Note,
            NOTHING,
        ),
        UnusedReason::Unknown => (
            "a browser whose page may not reach the local network, or a probe".to_owned(),
            Severity::Warning,
            EITHER,
        ),
    }
}

const LOCAL_NETWORK: &str = "Grant the permission for the local network in the browser (site settings of \
    the page: \"Local network access\"), and serve the page over HTTPS, since only a secure page can ask \
    for it. A page in a frame needs `allow=\"loopback-network\"` (or `local-network`) on the frame as well. \
    For machines that are managed there are policies (LocalNetworkAccessAllowedForUrls).";

const AGAIN: &str = "In the page's or component's clean-up, close the WebSocket only if it is open \
    (`readyState === WebSocket.OPEN`), or make sure that it is created once (React's StrictMode runs \
    effects twice during development).";

const EITHER: &str = "If a page in a browser opens this WebSocket: it needs the permission for the local \
    network (site settings of the page; `allow=\"loopback-network\"` on a frame), from Chrome 147 and \
    Firefox 154 on. If not: it is a probe, such as the health check of a load balancer or a monitor, and \
    nothing is wrong.";

const NOTHING: &str = "Nothing: a client may open connections that it does not use. If a probe disturbs the \
    server's log, let it send a request.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Reading;
    use crate::findings::fixture::{RuleCase, Scenario, check_causes};

    const PAGE: &[u8] = b"GET /app HTTP/1.1\r\nHost: app.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36\r\n\r\n";

    fn empty(s: &mut Scenario) {
        s.open().wait(1).end(Side::Client);
    }

    fn page(s: &mut Scenario) {
        s.between("10.0.0.1", "203.0.113.9");
        s.open()
            .client(PAGE)
            .server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .end(Side::Client);
        s.between("10.0.0.1", "10.0.0.2");
    }

    fn severities(play: fn(&mut Scenario)) -> Vec<Severity> {
        let mut scenario = Scenario::new();
        play(&mut scenario);
        let found = scenario.judge(&Reading::default()).list;
        found.iter().filter(|it| it.rule.id == "WHY-32").map(|it| it.severity).collect()
    }

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "nothing else", near: &[], fires: &["WHY-32"], play: empty },
        RuleCase { name: "a page of a browser", near: &[], fires: &["WHY-32 client"], play: |s| { page(s); empty(s); } },
        RuleCase { name: "it waits", near: &["WHY-32"], fires: &[], play: |s| { s.open().wait(9_000).end(Side::Client); } },
        RuleCase { name: "the server closes", near: &["WHY-32"], fires: &[], play: |s| { s.open().wait(1).end(Side::Server); } },
        RuleCase { name: "bytes were lost", near: &["WHY-32"], fires: &[], play: |s| {
            s.open().skip(Direction::ClientToServer, 200).acknowledge(Direction::ServerToClient).end(Side::Client);
        }},
    ];

    #[test]
    fn empty_connections_are_explained() {
        check_causes(&[RULES], CASES);
    }

    #[test]
    fn only_what_fails_is_an_error() {
        type Row = (&'static str, fn(&mut Scenario), &'static [Severity]);
        #[rustfmt::skip]
        let rows: &[Row] = &[
            ("alone", empty, &[Severity::Warning]),
            ("beside a page", |s| { page(s); empty(s); }, &[Severity::Error]),
            ("opened again", |s| { empty(s); s.wait(5).open().upgrade("", "").close(); }, &[Severity::Warning]),
            ("the server is used later", |s| { empty(s); s.wait(30_000).open().upgrade("", "").close(); }, &[Severity::Note]),
            ("a reset", |s| { s.open().reset(Side::Client); }, &[Severity::Note]),
            ("a probe of a server that others use", |s| {
                s.open().upgrade("", "").close();
                s.between("10.0.0.7", "10.0.0.2");
                empty(s);
            }, &[Severity::Note]),
        ];
        for (name, play, expected) in rows {
            assert_eq!(severities(*play), *expected, "{name}");
        }
    }
}
