//! Lines about TLS.

use std::io::Write;

use super::Text;
use super::rows::ERROR;
use crate::analysis::event::Connection;
use crate::report::style::Role;
use crate::stream::{Direction, Origin};
use crate::text::amount::duration;
use crate::tls::{Alert, Certificate, ClientHello, Observation, ServerHello, suite_name};

impl<W: Write> Text<W> {
    /// What TLS shows of itself.
    pub(super) fn tls(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        seen: &Observation<'_>,
    ) {
        match *seen {
            Observation::ClientHello(hello, _) => self.client_hello(origin, connection, hello),
            Observation::ServerHello(hello, _) => self.server_hello(origin, connection, hello),
            Observation::Certificate(certificate, _) => {
                self.certificate(origin, connection, certificate);
            }
            Observation::Alert(alert, _) => self.alert(origin, connection, direction, alert),
            Observation::Established(span) => {
                self.aside(origin, connection, None, " ");
                self.line.begin(Role::Dim);
                self.line.push("TLS established");
                let tls = connection.tls.as_deref();
                if let Some(hello) = tls.and_then(|tls| tls.client_hello.as_ref()) {
                    self.line.push(" after ");
                    let time = span.last.time.since(hello.span.first.time);
                    self.line.with(|out| duration(out, time));
                }
                self.line.end();
                self.write();
            }
            Observation::Foreign(bytes, _) => {
                self.aside(origin, connection, direction, ERROR);
                self.line.paint(Role::Error, "no TLS, but ");
                self.foreign(bytes);
                self.write();
            }
            Observation::Record(_) | Observation::Lost => {}
        }
    }

    fn client_hello(&mut self, origin: Origin, connection: &Connection, hello: &ClientHello) {
        let direction = Direction::ClientToServer;
        self.aside(origin, connection, Some(direction), " ");
        self.line.paint(Role::Client, "TLS ClientHello");
        self.line.value(format_args!("  up to {}", hello.highest_version()));
        if let Some(name) = &hello.server_name {
            self.line.push("  SNI ");
            self.foreign(name);
        }
        self.protocols(hello.protocols.iter().map(Vec::as_slice));
        self.write();
    }

    fn server_hello(&mut self, origin: Origin, connection: &Connection, hello: &ServerHello) {
        self.aside(origin, connection, Some(Direction::ServerToClient), " ");
        if hello.retry {
            self.line.paint(Role::Server, "TLS HelloRetryRequest");
        } else {
            self.line.paint(Role::Server, "TLS ServerHello");
        }
        self.line.value(format_args!("  {}  ", hello.version));
        match suite_name(hello.suite) {
            Some(name) => self.line.push(name),
            None => self.line.value(format_args!("cipher suite {:#06x}", hello.suite)),
        }
        self.protocols(hello.protocol.iter().map(Vec::as_slice));
        self.write();
    }

    fn protocols<'a>(&mut self, protocols: impl Iterator<Item = &'a [u8]>) {
        let mut before = "  ALPN ";
        for protocol in protocols {
            self.line.push(before);
            self.foreign(protocol);
            before = ", ";
        }
    }

    fn certificate(&mut self, origin: Origin, connection: &Connection, certificate: &Certificate) {
        self.aside(origin, connection, Some(Direction::ServerToClient), " ");
        self.line.paint(Role::Server, "TLS certificate");
        self.line.push("  ");
        self.foreign(certificate.subject.as_bytes());
        if certificate.is_self_signed {
            self.line.push("  self-signed");
        } else {
            self.line.push("  issued by ");
            self.foreign(certificate.issuer.as_bytes());
        }
        self.write();
    }

    fn alert(
        &mut self,
        origin: Origin,
        connection: &Connection,
        direction: Option<Direction>,
        alert: Alert,
    ) {
        let (mark, role) = if alert.is_closure() { (" ", Role::Dim) } else { (ERROR, Role::Error) };
        self.aside(origin, connection, direction, mark);
        self.line.begin(role);
        self.line.value(format_args!("TLS {alert}"));
        self.line.end();
        self.write();
    }
}
