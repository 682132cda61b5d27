//! What the programs say that they sent, against what was captured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Messages by connection (client and server) and direction, in order.
type Messages = BTreeMap<(String, String, &'static str), Vec<Value>>;

/// Insists that the messages captured are those that were sent, one by one.
pub(crate) fn compare(log: &Path, lines: &[Value], port: u16) {
    let sent = sent(log);
    assert!(sent.values().map(Vec::len).sum::<usize>() > 1, "nothing was said");
    let captured = captured(lines, port);
    assert_eq!(
        sent.keys().collect::<Vec<_>>(),
        captured.keys().collect::<Vec<_>>(),
        "other connections than in the log"
    );
    for (who, sent) in &sent {
        let captured = &captured[who];
        assert_eq!(sent.len(), captured.len(), "{who:?}: {sent:#?}\n{captured:#?}");
        for (sent, captured) in sent.iter().zip(captured) {
            for (field, value) in sent.as_object().unwrap() {
                let is_same = captured.get(field) == Some(value)
                    || (field == "sha256" && Some(value) == digest(captured).as_ref())
                    || (field == "close_reason" && value == "" && captured[field].is_null());
                assert!(is_same, "{who:?}: {field} of {sent} is another one in {captured}");
            }
            assert_eq!(captured["complete"], true, "{captured}");
        }
    }
}

fn sent(log: &Path) -> Messages {
    let mut messages = Messages::new();
    for line in fs::read_to_string(log).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "sent" {
            let direction = match event["side"].as_str().unwrap() {
                "client" => "client_to_server",
                _ => "server_to_client",
            };
            let end = |name: &str| event[name].as_str().unwrap().to_owned();
            let who = (end("client"), end("server"), direction);
            messages.entry(who).or_default().push(event["message"].clone());
        }
    }
    messages
}

fn captured(lines: &[Value], port: u16) -> Messages {
    let of_type = |kind: &'static str| lines.iter().filter(move |line| line["type"] == kind);
    let mut ends = BTreeMap::new();
    for connection in of_type("connection") {
        let end = |name: &str| connection[name].as_str().unwrap().to_owned();
        if end("server").ends_with(&format!(":{port}")) {
            ends.insert(connection["connection"].as_u64().unwrap(), (end("client"), end("server")));
        }
    }
    let mut messages = Messages::new();
    for message in of_type("message") {
        let number = message["connection"].as_u64().unwrap();
        let Some((client, server)) = ends.get(&number).cloned() else { continue };
        let direction = match message["direction"].as_str().unwrap() {
            "client_to_server" => "client_to_server",
            _ => "server_to_client",
        };
        messages.entry((client, server, direction)).or_default().push(message.clone());
    }
    messages
}

/// The SHA-256 of a captured content.
fn digest(message: &Value) -> Option<Value> {
    use base64::Engine;
    use sha2::Digest;
    let bytes = match (message["text"].as_str(), message["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(code)) => base64::engine::general_purpose::STANDARD.decode(code).ok()?,
        (None, None) => return None,
    };
    let digest = sha2::Sha256::digest(bytes);
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Value::from(hex.concat()))
}
