//! Protocols on top of WebSocket that a server may require: their subprotocols, and what shows that they are meant.

use crate::findings::rules::handshake::fields_read::{contains, path};
use crate::http::Head;

/// A protocol on top of WebSocket.
#[derive(Debug)]
pub(super) struct ApplicationProtocol {
    pub(super) name: &'static str,
    /// Its subprotocols (RFC 6455 §1.9), in any letter case, in the order of their age. The names of a family differ
    /// by version, and are of no use to a peer that speaks another one.
    pub(super) tokens: &'static [&'static str],
    /// A part of the path that names it, as a word of its own or the beginning of one.
    pub(super) paths: &'static [&'static str],
    /// Products that speak nothing else, as they call themselves in Server.
    pub(super) servers: &'static [&'static str],
    /// What to do if its subprotocol is not offered.
    pub(super) offer: &'static str,
    /// What to do if the versions of both sides differ.
    pub(super) agree: &'static str,
}

impl ApplicationProtocol {
    /// Whether a subprotocol is one of its.
    pub(super) fn has_token(&self, token: &[u8]) -> bool {
        self.tokens.iter().any(|name| token.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether a client offered one of its subprotocols.
    pub(super) fn is_offered(&self, request: &Head) -> bool {
        request.tokens("Sec-WebSocket-Protocol").any(|token| self.has_token(token))
    }

    /// Whether the path of a request names it.
    pub(super) fn is_named(&self, request: &Head) -> bool {
        let path = path(request.target().unwrap_or_default());
        let mut words = path.split(|byte| !byte.is_ascii_alphanumeric());
        words.any(|word| self.paths.iter().any(|name| starts(word, name)))
    }

    /// Whether a response comes from a product that speaks nothing else.
    pub(super) fn is_served(&self, response: &Head) -> bool {
        let server = response.header("Server").unwrap_or_default();
        self.servers.iter().any(|name| contains(server, name))
    }
}

fn starts(word: &[u8], name: &str) -> bool {
    word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
}

// Names of the registry of IANA ("WebSocket Subprotocol Name Registry") and of: OCPP-J 1.6 §3.1.2; MQTT 5.0 §6; the
// STOMP registrations; enisdenjo/graphql-ws PROTOCOL.md and apollographql/subscriptions-transport-ws; RFC 7395; RFC
// 7118; WAMP 2; Kubernetes (`remotecommand`); Janus' WebSocket interface; ttyd; noVNC's websockify.
pub(super) const PROTOCOLS: &[ApplicationProtocol] = &[
    ApplicationProtocol {
        name: "OCPP",
        tokens: &["ocpp1.2", "ocpp1.5", "ocpp1.6", "ocpp2.0", "ocpp2.0.1", "ocpp2.1"],
        paths: &["ocpp", "CentralSystemService"],
        servers: &["SteVe"],
        offer: "Let the charging station offer the version that it speaks: Sec-WebSocket-Protocol: ocpp1.6 (or \
            ocpp2.0.1); in a client library, its list of subprotocols (subprotocols=[\"ocpp1.6\"]). The server \
            must be configured for the same version.",
        agree: "Configure the same version of OCPP on both sides: offer all versions that the charging station \
            speaks (ocpp2.0.1, ocpp1.6), and add the station's version to the server.",
    },
    ApplicationProtocol {
        name: "MQTT",
        tokens: &["mqttv3.1", "mqtt"],
        paths: &["mqtt"],
        servers: &["mosquitto", "EMQX", "VerneMQ", "HiveMQ"],
        offer: "Let the client offer Sec-WebSocket-Protocol: mqtt (mqttv3.1 for MQTT 3.1): use an MQTT library \
            over WebSocket (mqtt.js, Paho) rather than a bare WebSocket, or new WebSocket(url, \"mqtt\").",
        agree: "Offer mqtt (MQTT 3.1.1 and 5.0) rather than mqttv3.1, and set the protocol version of the client \
            to one that the broker speaks (mqtt.js: protocolVersion 4 or 5).",
    },
    ApplicationProtocol {
        name: "GraphQL",
        tokens: &["graphql-ws", "graphql-transport-ws"],
        paths: &["graphql", "subscriptions"],
        servers: &[],
        offer: "Let the client offer the subprotocol of the server's library: graphql-transport-ws for the library \
            graphql-ws (and Apollo Server 4), graphql-ws for the older subscriptions-transport-ws; in a browser \
            new WebSocket(url, \"graphql-transport-ws\").",
        agree: "Use the same protocol on both sides. The subprotocol graphql-ws is that of the old library \
            subscriptions-transport-ws; the library graphql-ws speaks graphql-transport-ws. Replace the old client \
            (apollo-ios: .graphql_transport_ws; graphql-playground has none), or let the server speak both.",
    },
    ApplicationProtocol {
        name: "STOMP",
        tokens: &["v10.stomp", "v11.stomp", "v12.stomp"],
        paths: &["stomp"],
        servers: &[],
        offer: "Let the client offer Sec-WebSocket-Protocol: v12.stomp (or v11.stomp, v10.stomp): use a STOMP \
            library (@stomp/stompjs) rather than a bare WebSocket.",
        agree: "Offer all versions that the client speaks (v12.stomp, v11.stomp, v10.stomp) and list them in \
            accept-version of CONNECT.",
    },
    ApplicationProtocol {
        name: "XMPP",
        tokens: &["xmpp"],
        paths: &["xmpp"],
        servers: &["ejabberd", "Prosody", "Openfire"],
        offer: "Let the client offer Sec-WebSocket-Protocol: xmpp (RFC 7395 §3.1).",
        agree: "Speak XMPP with framing of RFC 7395 on both sides.",
    },
    ApplicationProtocol {
        name: "SIP",
        tokens: &["sip"],
        paths: &["sip"],
        servers: &["Asterisk", "kamailio", "FreeSWITCH", "OpenSIPS"],
        offer: "Let the client offer Sec-WebSocket-Protocol: sip (RFC 7118 §4): use a SIP library such as JsSIP \
            or SIP.js.",
        agree: "Speak SIP over WebSocket (RFC 7118) on both sides.",
    },
    ApplicationProtocol {
        name: "WAMP",
        tokens: &["wamp", "wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"],
        paths: &["wamp"],
        servers: &["Crossbar"],
        offer: "Let the client offer Sec-WebSocket-Protocol: wamp.2.json (or wamp.2.msgpack): use a WAMP library \
            such as Autobahn.",
        agree: "Use a client of WAMP 2 (wamp.2.json); wamp alone is version 1.",
    },
    ApplicationProtocol {
        name: "Kubernetes exec",
        tokens: &[
            "channel.k8s.io",
            "base64.channel.k8s.io",
            "v2.channel.k8s.io",
            "v3.channel.k8s.io",
            "v4.channel.k8s.io",
            "v5.channel.k8s.io",
            "portforward.k8s.io",
            "v4.portforward.k8s.io",
        ],
        paths: &["exec", "attach", "portforward"],
        servers: &[],
        offer: "Let the client offer Sec-WebSocket-Protocol: v4.channel.k8s.io (v5.channel.k8s.io from Kubernetes \
            1.30; portforward: v4.portforward.k8s.io).",
        agree: "Offer several versions (v5.channel.k8s.io, v4.channel.k8s.io): older servers do not know v5.",
    },
    ApplicationProtocol {
        name: "Janus",
        tokens: &["janus-protocol"],
        paths: &["janus"],
        servers: &["Janus"],
        offer: "Let the client offer Sec-WebSocket-Protocol: janus-protocol (janus-admin-protocol for the admin \
            interface).",
        agree: "Use the subprotocol janus-protocol on both sides.",
    },
    ApplicationProtocol {
        name: "ttyd",
        tokens: &["tty"],
        paths: &[],
        servers: &["ttyd"],
        offer: "Let the client offer Sec-WebSocket-Protocol: tty.",
        agree: "Use the subprotocol tty on both sides.",
    },
    ApplicationProtocol {
        name: "websockify",
        tokens: &["base64", "binary"],
        paths: &["websockify"],
        servers: &["WebSockify"],
        offer: "Let the client offer Sec-WebSocket-Protocol: binary, or update websockify: versions before 0.9 \
            require it.",
        agree: "Offer binary, and update noVNC and websockify: base64 was removed in version 0.9.",
    },
    ApplicationProtocol {
        name: "JMAP",
        tokens: &["jmap"],
        paths: &["jmap"],
        servers: &[],
        offer: "Let the client offer Sec-WebSocket-Protocol: jmap (RFC 8887 §4.1).",
        agree: "Use the subprotocol jmap on both sides.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Span;

    #[test]
    fn paths_name_protocols_by_whole_words() {
        #[rustfmt::skip]
        let rows: &[(&str, Option<&str>)] = &[
            ("/OCPP/CP-7",              Some("OCPP")),
            ("/ocpp16/CP-7",            Some("OCPP")),
            ("/mqtt?x=1",               Some("MQTT")),
            ("/ws-stomp",               Some("STOMP")),
            ("/api/graphql",            Some("GraphQL")),
            ("/xmpp-websocket",         Some("XMPP")),
            ("/gossip",                 None),
            ("/chat?next=/mqtt",        None),
            ("/",                       None),
        ];
        for (target, expected) in rows {
            let raw = format!("GET {target} HTTP/1.1\r\n\r\n");
            let head = Head::parse(raw.as_bytes(), Span::default());
            let found = PROTOCOLS.iter().find(|protocol| protocol.is_named(&head));
            assert_eq!(found.map(|protocol| protocol.name), *expected, "{target}");
        }
    }
}
