//! Messages made by hand, and certificates made with OpenSSL 3.0.19 (throw-away keys, not kept), for tests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A record: content type, and what it carries.
pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &length16(body), body].concat()
}

/// Records that carry messages of the handshake.
fn messages(messages: &[Vec<u8>]) -> Vec<u8> {
    record(22, &messages.concat())
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0][..], &length16(body), body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &length16(body), body].concat()
}

fn length16(body: &[u8]) -> [u8; 2] {
    u16::try_from(body.len()).unwrap().to_be_bytes()
}

/// A `ClientHello` with random 00 to 1f, these versions (none: no such extension), and this name.
pub(crate) fn client_hello(versions: &[u16], name: Option<&str>) -> Vec<u8> {
    let mut extensions = extension(0x1a1a, b"");
    if let Some(name) = name {
        let entry = [&[0][..], &length16(name.as_bytes()), name.as_bytes()].concat();
        extensions.extend(extension(0, &[&length16(&entry)[..], &entry].concat()));
    }
    extensions.extend(extension(16, b"\x00\x0c\x02h2\x08http/1.1"));
    if !versions.is_empty() {
        let list: Vec<u8> = versions.iter().flat_map(|it| it.to_be_bytes()).collect();
        let length = u8::try_from(list.len()).unwrap();
        extensions.extend(extension(43, &[&[length][..], &list].concat()));
    }
    let random: Vec<u8> = (0..32).collect();
    let body = [
        b"\x03\x03",
        random.as_slice(),
        b"\x00\x00\x06\x0a\x0a\x13\x01\xc0\x2f\x01\x00",
        &length16(&extensions),
        &extensions,
    ];
    messages(&[message(1, &body.concat())])
}

/// A `ClientHello` of TLS 1.2 that wants to resume a session, by its id and with a ticket.
pub(crate) fn resuming_client_hello(random: [u8; 32], id: &[u8], ticket: &[u8]) -> Vec<u8> {
    let extensions = extension(35, ticket);
    let body = [
        b"\x03\x03",
        &random[..],
        &[u8::try_from(id.len()).unwrap()],
        id,
        b"\x00\x02\xc0\x2f\x01\x00",
        &length16(&extensions),
        &extensions,
    ];
    messages(&[message(1, &body.concat())])
}

/// The message with which a server of TLS 1.2 gives a ticket.
pub(crate) fn session_ticket(ticket: &[u8]) -> Vec<u8> {
    messages(&[message(4, &[&[0, 0, 1, 0][..], &length16(ticket), ticket].concat())])
}

/// A `ClientHello` as clients of today send it, to example.org.
pub(crate) fn hello() -> Vec<u8> {
    client_hello(&[0x2a2a, 0x0304, 0x0303], Some("example.org"))
}

/// The body of a `ServerHello`.
fn server_hello_body(version: u16, random: &[u8; 32]) -> Vec<u8> {
    hello_body(version, random, if version >= 0x0304 { 0x1301 } else { 0xc02f })
}

fn hello_body(version: u16, random: &[u8; 32], suite: u16) -> Vec<u8> {
    let extensions = match version {
        0x0304.. => extension(43, &version.to_be_bytes()),
        _ => extension(16, b"\x00\x09\x08http/1.1"),
    };
    [
        &version.min(0x0303).to_be_bytes()[..],
        random,
        &[0],
        &suite.to_be_bytes(),
        &[0],
        &length16(&extensions),
        &extensions,
    ]
    .concat()
}

/// A `ServerHello` of TLS 1.3 that chose a key of an earlier session.
pub(crate) fn resuming_hello() -> Vec<u8> {
    let mut body = server_hello_body(0x0304, &[7; 32]);
    let key = extension(41, &[0, 0]);
    // The length of the extensions is in the two bytes after the compression method.
    let at = 2 + 32 + 1 + 2 + 1;
    let length = u16::from_be_bytes([body[at], body[at + 1]]) + u16::try_from(key.len()).unwrap();
    body[at..at + 2].copy_from_slice(&length.to_be_bytes());
    body.extend(key);
    messages(&[message(2, &body)])
}

/// A `ServerHello` with this version.
pub(crate) fn server_hello(version: u16) -> Vec<u8> {
    messages(&[message(2, &server_hello_body(version, &[7; 32]))])
}

/// A `ServerHello` with this version and cipher suite.
pub(crate) fn server_hello_with(version: u16, suite: u16) -> Vec<u8> {
    messages(&[message(2, &hello_body(version, &[7; 32], suite))])
}

/// A `HelloRetryRequest`, with its random as RFC 8446 §4.1.3 prints it.
pub(crate) fn retry_request() -> Vec<u8> {
    let random: Vec<u8> = "CF 21 AD 74 E5 9A 61 11 BE 1D 8C 02 1E 65 B8 91 \
        C2 A2 11 16 7A BB 8C 5E 07 9E 09 E2 C8 A8 33 9C"
        .split(' ')
        .map(|digits| u8::from_str_radix(digits, 16).unwrap())
        .collect();
    messages(&[message(2, &server_hello_body(0x0304, &random.try_into().unwrap()))])
}

/// `ServerHello` of TLS 1.2, this certificate and `ServerHelloDone` in one record.
pub(crate) fn flight(certificate: &str) -> Vec<u8> {
    let hello = message(2, &server_hello_body(0x0303, &[7; 32]));
    messages(&[hello, message(11, &chain(&[certificate])), message(14, b"")])
}

/// The body of a Certificate message of TLS 1.2.
pub(crate) fn chain(certificates: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = certificates
        .iter()
        .flat_map(|text| {
            let der = STANDARD.decode(text).unwrap();
            [&[0][..], &length16(&der), &der].concat()
        })
        .collect();
    [&[0][..], &length16(&list), &list].concat()
}

/// A Certificate message of TLS 1.3, with this certificate.
pub(crate) fn modern_certificate(certificate: &str) -> Vec<u8> {
    let der = STANDARD.decode(certificate).unwrap();
    let entry = [&[0][..], &length16(&der), &der, &[0, 0]].concat();
    message(11, &[&[0, 0][..], &length16(&entry), &entry].concat())
}

/// `ChangeCipherSpec` and an encrypted Finished of TLS 1.2.
pub(crate) fn finished() -> Vec<u8> {
    [record(20, &[1]), record(22, &[0xee; 40])].concat()
}

/// A record of application data, or, in TLS 1.3, of anything that is encrypted.
pub(crate) fn sealed(length: usize) -> Vec<u8> {
    record(23, &vec![0xee; length])
}

/// An alert in the clear.
pub(crate) fn alert(level: u8, description: u8) -> Vec<u8> {
    record(21, &[level, description])
}

/// Issued by `Test CA` for example.org, *.example.org and 10.0.0.2, from 2020 to 2040.
pub(crate) const GOOD: &str = "\
    MIIBRTCB+KADAgECAgEBMAUGAytlcDASMRAwDgYDVQQDDAdUZXN0IENBMB4XDTIwMDEwMTAwMDAwMFoXDTQwMDEw\
    MTAwMDAwMFowFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwKjAFBgMrZXADIQCdmMsr8XX0uHlZAG+jOQPWr1Argmnw\
    xCB0wBz+nV9zz6NvMG0wKwYDVR0RBCQwIoILZXhhbXBsZS5vcmeCDSouZXhhbXBsZS5vcmeHBAoAAAIwHQYDVR0O\
    BBYEFGhG8KW64HOwHfEnFVNX58pl1K/+MB8GA1UdIwQYMBaAFJ6Qsw4EPEG5D5vCfhYB2Sd4rNfXMAUGAytlcANB\
    AMg1pbMwZZEPWbpGrbwuDANvG483r6uqBrh35rELgC5qym+Ff7dZkmJcSg21taQCHLzQTvtjD/hynyNW89RgAAg=";

/// Self-signed, for example.org, from 2020 to 2040.
pub(crate) const OWN: &str = "\
    MIIBEzCBxqADAgECAgECMAUGAytlcDAWMRQwEgYDVQQDDAtleGFtcGxlLm9yZzAeFw0yMDAxMDEwMDAwMDBaFw00\
    MDAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC2V4YW1wbGUub3JnMCowBQYDK2VwAyEAz2pq6YscoBDwuy39JiXJ3apc\
    rBLN1ToE3WBfZDit9EqjOTA3MBYGA1UdEQQPMA2CC2V4YW1wbGUub3JnMB0GA1UdDgQWBBTO6G84TqGUMOucI3Wt\
    DjfllfemLDAFBgMrZXADQQBTm8i5iVOta8KeWaEKzjphKVfGOLs6dNyL4rhDCj4iMkyOfld4bCaPeePfjMIvc9hb\
    bI9ZSoJSr2EsqxKXY4oG";

/// As `GOOD`, for example.org only, from 2020 to 2021.
pub(crate) const OLD: &str = "\
    MIIBMDCB46ADAgECAgEDMAUGAytlcDASMRAwDgYDVQQDDAdUZXN0IENBMB4XDTIwMDEwMTAwMDAwMFoXDTIxMDEw\
    MTAwMDAwMFowFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwKjAFBgMrZXADIQDSwZOkXmc31lP4HwQhjHsKY85kC4wv\
    dPqacXEB8lV9CKNaMFgwFgYDVR0RBA8wDYILZXhhbXBsZS5vcmcwHQYDVR0OBBYEFJXcCrJ4ZqJ+f90t1B/E63VI\
    CdecMB8GA1UdIwQYMBaAFJ6Qsw4EPEG5D5vCfhYB2Sd4rNfXMAUGAytlcANBADPL+n7fMopG8gqp1bhhNHLGkeEP\
    etAu53IcdGH1cXV74dJv2IAVnJBu7D2lRAOLwXl3ayzEPDIU2ZE1dsvsrAA=";

/// As `GOOD`, for example.org only, from 2030 to 2040.
pub(crate) const EARLY: &str = "\
    MIIBMDCB46ADAgECAgEEMAUGAytlcDASMRAwDgYDVQQDDAdUZXN0IENBMB4XDTMwMDEwMTAwMDAwMFoXDTQwMDEw\
    MTAwMDAwMFowFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwKjAFBgMrZXADIQBHUN5hGgkLi3JgJOm1Jo8VNQcWKeU1\
    rAdusZ001vdgBKNaMFgwFgYDVR0RBA8wDYILZXhhbXBsZS5vcmcwHQYDVR0OBBYEFIMQ1V4xI6cRSrsQ+SAvo+eU\
    3RkkMB8GA1UdIwQYMBaAFJ6Qsw4EPEG5D5vCfhYB2Sd4rNfXMAUGAytlcANBAAhedRhgmPuRurf7+P+hwlo8bLS4\
    wfzzokrP1wrYVuXLS7dOwLG6U+CkNTotJ9LKNB6Desucbfg8QZAmdxwk6gU=";

/// As `GOOD`, for *.example.net and www.example.com.
pub(crate) const OTHER: &str = "\
    MIIBQzCB9qADAgECAgEFMAUGAytlcDASMRAwDgYDVQQDDAdUZXN0IENBMB4XDTIwMDEwMTAwMDAwMFoXDTQwMDEw\
    MTAwMDAwMFowFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwKjAFBgMrZXADIQDHKzC2XA38wJY79ccVTE5+ob5RT5dt\
    yRrBpI8c1YOXFKNtMGswKQYDVR0RBCIwIIINKi5leGFtcGxlLm5ldIIPd3d3LmV4YW1wbGUuY29tMB0GA1UdDgQW\
    BBToRAW6mljdPIZ+Uk9U0VUSBB24fDAfBgNVHSMEGDAWgBSekLMOBDxBuQ+bwn4WAdkneKzX1zAFBgMrZXADQQAU\
    QhJ8VHTY8Itxk6XwM8aZxNad396id1zepDfAhpKAZLNTkL0D49q9uWNLGCCFYm5J7rH1j7xvNvANPfTj5U4B";

/// As `GOOD`, of the first version of X.509, which knows no subjectAltName.
pub(crate) const NAMELESS: &str = "\
    MIHPMIGCAgEGMAUGAytlcDASMRAwDgYDVQQDDAdUZXN0IENBMB4XDTIwMDEwMTAwMDAwMFoXDTQwMDEwMTAwMDAw\
    MFowFjEUMBIGA1UEAwwLZXhhbXBsZS5vcmcwKjAFBgMrZXADIQBxaEt4TCjDQR2Vgwm62MWiaHrw4QKcGM08V/v5\
    Y6kfMTAFBgMrZXADQQDCjEGS/dyOHQ93EarTw3vTFzJrHlUj0vBebsv5Nx9OsDNL+AozM92HTvm1+nQ3brfnDTX/\
    OkHPxeU1y5hfrOMJ";
