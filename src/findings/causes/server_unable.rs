//! WHY-26: the server cannot speak WebSocket here, or its handler failed.

use crate::findings::causes::known_refusal::{self, Conclusion, KnownRefusal};
use crate::findings::engine::cause::Cause;
use crate::findings::engine::rule::{AppliesTo, Example, Rule};
use crate::findings::engine::severity::Severity;
use crate::findings::engine::trigger::Check;
use crate::findings::rules::handshake::refusal_advice::{HANDLER, METHOD, application_server};
use crate::findings::rules::handshake::refused_request::RefusedRequest;
use crate::stream::Side;

/// WHY-26.
pub(super) static RULES: &[Rule] = &[Rule {
    id: "WHY-26",
    severity: Severity::Error,
    applies_to: AppliesTo::Server,
    title: "the server cannot speak WebSocket here, or its handler failed",
    section: "RFC 6455 §4.2.2, RFC 9110 §15.6.1",
    explanation: "The request is in order and reached a program, but nothing in this program \
        takes upgrades over: it lacks a WebSocket library or handler and treats the request like \
        any other, or the handler failed while it accepted.",
    remedy: HANDLER,
    example: Example::Text(
        "server: HTTP/1.1 404 Not Found\nserver: Server: uvicorn\nserver: {\"detail\":\"Not Found\"}",
    ),
    explains: Some(
        Cause::failure(1_145, "the server cannot speak WebSocket here").explaining(&["HS-4"]),
    ),
    checks: &[Check::Cause(|context, violations| {
        let Some(refusal) = known_refusal::refused_though_whole(context) else { return };
        if let Some(known) = known_refusal::find(KNOWN, &refusal) {
            return known.report(&refusal, Some(Side::Server), violations);
        }
        let (means, remedy) = match refusal.status {
            500 | 501 => match failed(&refusal) {
                Some(means) => (means, HANDLER),
                None => return,
            },
            405 if forbids_get(&refusal) => (
                "the path exists, but accepts other methods than the GET of an upgrade".to_owned(),
                METHOD,
            ),
            _ => return,
        };
        let conclusion =
            Conclusion { side: Some(Side::Server), means: &means, fields: &["Server"] };
        known_refusal::report(&refusal, conclusion, violations).remedy(remedy);
    })],
}];

/// What is known of a handler that failed: fields of WebSocket in its response, or words that say more than the
/// status does. Without either, HS-48 reports the status.
fn failed(refusal: &RefusedRequest<'_>) -> Option<String> {
    let reached = ["Sec-WebSocket-Version", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"];
    if let Some(name) = reached.into_iter().find(|name| refusal.response.header(name).is_some()) {
        return Some(format!(
            "the server's WebSocket handler failed ({name} in the response shows that it was reached)"
        ));
    }
    if refusal.says_more() {
        return Some("the server's handler failed, and says why".to_owned());
    }
    let is_500 = refusal.status == 500;
    application_server(refusal.response).filter(|_| is_500).map(|server| {
        format!("the application on {server} failed: its handler, or a middleware before it")
    })
}

/// Whether Allow lists methods, and GET is not among them.
fn forbids_get(refusal: &RefusedRequest<'_>) -> bool {
    refusal.response.header("Allow").is_some() && !refusal.response.has_token("Allow", "GET")
}

const HIJACK: &str = "A middleware wraps the http.ResponseWriter and hides its http.Hijacker interface: let \
    the wrapper implement Hijack (or Unwrap, with http.NewResponseController), or exclude the WebSocket \
    route from this middleware (logging, gzip, metrics, timeouts; http.TimeoutHandler never passes it on).";

const UVICORN: &str = "Install a WebSocket library for uvicorn, in the environment in which it runs: `pip \
    install 'uvicorn[standard]'`, or `pip install websockets` (or wsproto), and restart it; its log says \
    `No supported WebSocket library detected`. Do not start it with `--ws none`.";

const WSGI: &str = "Serve the application with an ASGI server instead of a WSGI one (`daphne`, `uvicorn`, \
    `hypercorn`, or gunicorn with `-k uvicorn.workers.UvicornWorker`). Django's runserver speaks WebSocket \
    only with `daphne` at the top of INSTALLED_APPS and ASGI_APPLICATION set; Flask needs flask-sock or \
    Flask-SocketIO with a server that supports it.";

const EXPRESS: &str = "Handle the `upgrade` event of the http.Server that listens on this port: `new \
    WebSocketServer({ server })` with the server returned by app.listen() (or http.createServer(app)), not \
    one that listens elsewhere; with express-ws, call expressWs(app) before the routes. Express itself \
    never sees accepted upgrades.";

const STATIC: &str = "This host serves files only and cannot speak WebSocket: connect to the host and port of \
    the WebSocket server instead (an absolute wss:// address), or put a proxy in front of both that routes \
    this path to the WebSocket server.";

const SERVERLESS: &str = "Functions on this platform cannot keep a WebSocket open: run the WebSocket server \
    elsewhere (a container or VM, or a service for WebSocket), and connect to it directly.";

const IIS: &str = "Install the WebSocket Protocol feature of IIS (Server Manager: Web Server, Application \
    Development), check `<webSocket enabled=\"true\">` in web.config, and for ASP.NET Core call \
    app.UseWebSockets() before the endpoint.";

const ASP_NET: &str = "Call app.UseWebSockets() before the middleware or endpoint that accepts the WebSocket; \
    without it, HttpContext.WebSockets.IsWebSocketRequest is false.";

const NOT_SEEN: &str = "The request is an upgrade here, and was none when the handler saw it: look for a middleware \
    or framework that removes Upgrade or Connection or wraps the request, or for a proxy between this capture \
    and the program (see HS-49); and register what makes the framework take upgrades over before this handler.";

const TRANSPORT: &str = "Add \"websocket\" to the option `transports` of the Socket.IO or Engine.IO server (by default it \
    is allowed), and check that the request reaches that server: another instance, or a namespace with its own \
    Engine.IO server, may be at this path.";

const RACK: &str = "Use a Rack server that supports hijacking of the socket (Puma, Falcon, Passenger), not \
    WEBrick, Thin without EventMachine or Unicorn, and let no middleware remove rack.hijack.";

const SPRING: &str = "Register the handler for upgrades: @EnableWebSocket with a WebSocketConfigurer (or \
    @EnableWebSocketMessageBroker), in an embedded server that supports JSR 356; for @ServerEndpoint, define \
    a ServerEndpointExporter bean.";

/// What handlers answer to a request that they take for no upgrade: Tornado, Spring and `SockJS`; gorilla/websocket;
/// Akka HTTP's examples; the API server of Kubernetes; and what people write in their own.
const NOT_AN_UPGRADE: &[&str] = &[
    "Can \"Upgrade\" only to \"WebSocket\"",
    "the client is not using the websocket protocol",
    "not a valid websocket request",
    "Upgrade request required",
    "Not a WebSocket request",
    "Expected a WebSocket request",
    "WebSocket request expected",
];

// Bodies and fields of: simple-websocket (`Cannot obtain socket ..`) and Python websockets; gorilla/websocket's and nhooyr's Upgrade (`http.Hijacker`); uvicorn without a library
// (Kludex/uvicorn#797: the request continues as plain HTTP); Werkzeug, Django's runserver and gunicorn (Server
// field of WSGI servers); finalhandler of Express (`Cannot GET /path`); static hosts (Server field); ASP.NET Core
// and IIS; Rack (`rack.hijack`); Spring and Tomcat.
const KNOWN: &[KnownRefusal] = &[
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &[
            "http.Hijacker",
            "does not implement Hijack",
            "not support hijack",
            "feature not supported: hijack",
            "hijack not supported",
        ],
        means: "the server's handler failed: a middleware hides the connection (http.Hijacker)",
        remedy: HIJACK,
    },
    KnownRefusal {
        statuses: &[400],
        fields: &[],
        body: &["\"message\":\"Transport unknown\""],
        means: "the Engine.IO server does not offer the transport `websocket`",
        remedy: TRANSPORT,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["rack.hijack", "hijack is not supported", "does not support hijacking"],
        means: "the server cannot take the socket over from its Rack server",
        remedy: RACK,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["Unsupported upgrade request", "No supported WebSocket library"],
        means: "uvicorn runs without a WebSocket library, and took the request for plain HTTP",
        remedy: UVICORN,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("Server", "uvicorn")],
        body: &["Not Found"],
        means: "uvicorn took the upgrade for a plain HTTP request: it runs without a WebSocket library",
        remedy: UVICORN,
    },
    KnownRefusal {
        statuses: &[200, 405],
        fields: &[("Server", "uvicorn")],
        body: &[],
        means: "uvicorn took the upgrade for a plain HTTP request: it runs without a WebSocket library",
        remedy: UVICORN,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &["Cannot obtain socket from WSGI environment", "did not find WebSocket in environ"],
        means: "the WSGI server does not give the application the socket that a WebSocket needs",
        remedy: WSGI,
    },
    KnownRefusal {
        statuses: &[500],
        fields: &[],
        body: &["Failed to open a WebSocket connection"],
        means: "the handler of Python websockets failed before it accepted (process_request or another hook)",
        remedy: HANDLER,
    },
    KnownRefusal {
        statuses: &[404, 405, 426, 501],
        fields: &[("Server", "WSGIServer")],
        body: &[],
        means: "a WSGI server cannot speak WebSocket, and took the request for plain HTTP",
        remedy: WSGI,
    },
    KnownRefusal {
        statuses: &[404, 405, 426, 501],
        fields: &[("Server", "Werkzeug")],
        body: &[],
        means: "Werkzeug's development server took the upgrade for a plain HTTP request",
        remedy: WSGI,
    },
    KnownRefusal {
        statuses: &[404, 405, 426, 501],
        fields: &[("Server", "gunicorn")],
        body: &[],
        means: "gunicorn's worker is a WSGI one and took the upgrade for a plain HTTP request",
        remedy: WSGI,
    },
    KnownRefusal {
        statuses: &[404, 405, 426, 501],
        fields: &[("Server", "waitress")],
        body: &[],
        means: "waitress is a WSGI server and cannot speak WebSocket",
        remedy: WSGI,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "SimpleHTTP")],
        body: &[],
        means: "Python's http.server serves files and cannot speak WebSocket",
        remedy: STATIC,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("X-Powered-By", "Next.js")],
        body: &[],
        means: "Next.js took the upgrade for a plain HTTP request: its route handlers cannot accept a WebSocket",
        remedy: "Handle the `upgrade` event in a custom server (http.createServer with new WebSocketServer({ noServer: true })), or run the WebSocket server on another port.",
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[("X-Powered-By", "Express")],
        body: &[],
        means: "Express answered the upgrade like a plain HTTP request: no WebSocket server is attached to this HTTP server and path",
        remedy: EXPRESS,
    },
    KnownRefusal {
        statuses: &[404],
        fields: &[],
        body: &["Cannot GET /"],
        means: "the HTTP framework answered the upgrade like a plain GET: no WebSocket server is attached to this HTTP server and path",
        remedy: EXPRESS,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "Vercel")],
        body: &[],
        means: "Vercel's functions cannot accept a WebSocket",
        remedy: SERVERLESS,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "Netlify")],
        body: &[],
        means: "Netlify cannot accept a WebSocket",
        remedy: SERVERLESS,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "GitHub.com")],
        body: &[],
        means: "GitHub Pages serves files and cannot speak WebSocket",
        remedy: STATIC,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "AmazonS3")],
        body: &[],
        means: "S3 serves files and cannot speak WebSocket",
        remedy: STATIC,
    },
    KnownRefusal {
        statuses: &[400, 404, 500, 501],
        fields: &[("Server", "Microsoft-IIS")],
        body: &[],
        means: "IIS or the application in it took the upgrade for a plain HTTP request",
        remedy: IIS,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[("Server", "Kestrel")],
        body: NOT_AN_UPGRADE,
        means: "the server's handler did not recognize the request as an upgrade",
        remedy: ASP_NET,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: NOT_AN_UPGRADE,
        means: "the server's handler did not recognize the request as an upgrade",
        remedy: NOT_SEEN,
    },
    KnownRefusal {
        statuses: &[500, 501],
        fields: &[],
        body: &[
            "WebSocketServerFactory",
            "No suitable default RequestUpgradeStrategy",
            "javax.websocket.server.ServerContainer",
            "jakarta.websocket.server.ServerContainer",
        ],
        means: "the servlet container has no WebSocket support for this application",
        remedy: SPRING,
    },
    KnownRefusal {
        statuses: &[],
        fields: &[],
        body: &[
            "WebSocket is not supported",
            "WebSockets are not supported",
            "websocket not supported",
            "WebSocket support is disabled",
            "does not support WebSocket",
        ],
        means: "the server says that it does not support WebSocket here",
        remedy: HANDLER,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::fixture::{RuleCase, check_causes};

    #[rustfmt::skip]
    const CASES: &[RuleCase] = &[
        RuleCase { name: "a middleware hides the connection", near: &[], fires: &["WHY-26 server"], play: |s| s.refused("", "500 Internal Server Error", "Sec-Websocket-Version: 13\r\n", "websocket: response does not implement http.Hijacker\n") },
        RuleCase { name: "uvicorn without a library", near: &[], fires: &["WHY-26 server"], play: |s| s.refused("", "404 Not Found", "server: uvicorn\r\n", "{\"detail\":\"Not Found\"}") },
        RuleCase { name: "Express without an upgrade handler", near: &[], fires: &["WHY-26 server"], play: |s| s.refused("", "404 Not Found", "X-Powered-By: Express\r\n", "<pre>Cannot GET /chat</pre>") },
        RuleCase { name: "500 without a word", near: &["WHY-26"], fires: &[], play: |s| s.refused("", "500 Internal Server Error", "", "") },
        RuleCase { name: "500 that repeats its status", near: &["WHY-26"], fires: &[], play: |s| s.refused("", "500 Internal Server Error", "", "<h1>Internal Server Error</h1>") },
        RuleCase { name: "500 that says why", near: &[], fires: &["WHY-26 server"], play: |s| s.refused("", "500 Internal Server Error", "", "{\"error\":\"relation rooms does not exist\"}") },
        RuleCase { name: "405 that allows POST only", near: &[], fires: &["WHY-26 server"], play: |s| s.refused("", "405 Method Not Allowed", "Allow: POST\r\n", "") },
        RuleCase { name: "405 that allows GET", near: &["WHY-26"], fires: &[], play: |s| s.refused("", "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "") },
        RuleCase { name: "a denial of an application on uvicorn", near: &["WHY-26"], fires: &[], play: |s| s.refused("", "404 x", "server: uvicorn\r\n", "{\"detail\":\"no such room\"}") },
        RuleCase { name: "uvicorn refuses before it accepts", near: &["WHY-26"], fires: &["WHY-27 server"], play: |s| s.refused("", "403 Forbidden", "server: uvicorn\r\n", "") },
        RuleCase { name: "a request without a key", near: &["WHY-26"], fires: &[], play: |s| {
            s.open().client(b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
                .server(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n").end(Side::Server);
        }},
        RuleCase { name: "404 of something else", near: &["WHY-26"], fires: &[], play: |s| s.refused("", "404 Not Found", "Server: cowboy\r\n", "") },
    ];

    #[test]
    fn servers_without_websocket_are_named() {
        check_causes(&[RULES], CASES);
    }
}
