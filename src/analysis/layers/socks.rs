//! The dialog of SOCKS 4, 4a and 5 with a proxy, and the stack in the connection that it makes.

use super::next::{Next, NextLayer, StackStart, Successor, ignore};
use super::stray;
use super::tunnel;
use crate::analysis::context::Context;
use crate::analysis::event::{
    Connection, ConnectionEvent, Intermediary, IntermediaryKind, Nature, SocksExchange,
    SocksOutcome, StrayPlace,
};
use crate::analysis::sink::Sink;
use crate::http::{Match, looks_like_response};
use crate::proxy::{
    Parsed, SOCKS5_GSSAPI, SOCKS5_LOGIN, SOCKS5_NO_LOGIN, SOCKS5_NO_METHOD, SocksCommand,
    SocksVersion, login, login_reply, methods, methods_reply, socks4_reply, socks4_request,
    socks5_reply, socks5_request,
};
use crate::stream::{Buffer, Chunk, Direction, PerDirection, Span};

/// The dialog.
#[derive(Debug)]
pub(super) struct Socks {
    step: SocksStep,
    exchange: SocksExchange,
    /// What is not read yet.
    buffers: PerDirection<Buffer>,
    /// All that the client has sent in it.
    span: Option<Span>,
    /// Memory taken by the buffers, as the budget knows it.
    kept: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SocksStep {
    /// The client's methods of authentication.
    Methods,
    /// The method that the proxy chooses.
    Method,
    /// The client's user and password.
    Login,
    /// Whether they are right.
    LoginReply,
    /// The client's request.
    Request,
    /// The answer to it.
    Reply,
    /// The answer to BIND once the target has connected (RFC 1928 §6).
    SecondReply,
}

/// What the next step led to.
enum SocksProgress {
    /// It is whole: the next one.
    Next(SocksStep),
    /// More bytes are needed.
    Waiting,
    /// The dialog is over.
    Over(SocksOutcome),
    /// This is not SOCKS after all.
    Foreign,
}

impl Socks {
    /// Begins with what a client of this version sends first.
    pub(super) fn new(version: SocksVersion) -> Self {
        let step = match version {
            SocksVersion::V4 | SocksVersion::V4a => SocksStep::Request,
            SocksVersion::V5 => SocksStep::Methods,
        };
        Self {
            step,
            exchange: SocksExchange::new(version),
            buffers: PerDirection::default(),
            span: None,
            kept: 0,
        }
    }

    pub(super) fn push<S: Sink>(
        &mut self,
        direction: Direction,
        chunk: Chunk<'_>,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        self.buffers.get_mut(direction).push(chunk);
        let next = loop {
            match self.advance() {
                SocksProgress::Next(step) => self.step = step,
                SocksProgress::Waiting if self.is_overlong() => {
                    break self.leave(connection, context);
                }
                SocksProgress::Waiting => break Next::Stay,
                SocksProgress::Over(outcome) => {
                    self.exchange.outcome = outcome;
                    break self.end(chunk.bytes.len(), start, connection, context);
                }
                SocksProgress::Foreign => break self.leave(connection, context),
            }
        };
        self.account(context);
        next
    }

    pub(super) fn finish<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) {
        // A client's first bytes alone may be anything, unless they are a whole request.
        if self.exchange.is_answered() || self.exchange.request.is_some() {
            self.report(connection, context);
        }
        connection.nature = Nature::Other;
    }

    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Reads the next step, if it is whole.
    fn advance(&mut self) -> SocksProgress {
        match (self.step, self.exchange.version) {
            (SocksStep::Methods, _) => match self.take(Direction::ClientToServer, methods) {
                Ok(_) => SocksProgress::Next(SocksStep::Method),
                Err(progress) => progress,
            },
            (SocksStep::Method, _) => match self.take(Direction::ServerToClient, methods_reply) {
                Ok(method) => {
                    self.exchange.method = Some(method);
                    match method {
                        SOCKS5_NO_LOGIN => SocksProgress::Next(SocksStep::Request),
                        SOCKS5_LOGIN => SocksProgress::Next(SocksStep::Login),
                        SOCKS5_NO_METHOD => SocksProgress::Over(SocksOutcome::NoMethod),
                        SOCKS5_GSSAPI | 3..=0xfe => SocksProgress::Over(SocksOutcome::Unreadable),
                    }
                }
                Err(progress) => progress,
            },
            (SocksStep::Login, _) => match self.take(Direction::ClientToServer, login) {
                Ok(user) => {
                    self.exchange.user = Some(user);
                    SocksProgress::Next(SocksStep::LoginReply)
                }
                Err(progress) => progress,
            },
            (SocksStep::LoginReply, _) => match self.take(Direction::ServerToClient, login_reply) {
                Ok(0) => SocksProgress::Next(SocksStep::Request),
                Ok(_) => SocksProgress::Over(SocksOutcome::LoginFailed),
                Err(progress) => progress,
            },
            (SocksStep::Request, version) => {
                let parse = match version {
                    SocksVersion::V4 | SocksVersion::V4a => socks4_request,
                    SocksVersion::V5 => socks5_request,
                };
                match self.take(Direction::ClientToServer, parse) {
                    Ok(request) => {
                        self.exchange.version = request.version;
                        self.exchange.request = Some(request);
                        SocksProgress::Next(SocksStep::Reply)
                    }
                    Err(progress) => progress,
                }
            }
            (SocksStep::Reply | SocksStep::SecondReply, _) => self.reply(),
        }
    }

    fn reply(&mut self) -> SocksProgress {
        let parse = match self.exchange.version {
            SocksVersion::V4 | SocksVersion::V4a => socks4_reply,
            SocksVersion::V5 => socks5_reply,
        };
        let reply = match self.take(Direction::ServerToClient, parse) {
            Ok(reply) => reply,
            Err(progress) => return progress,
        };
        self.exchange.reply = Some(reply);
        if !reply.is_granted() {
            return SocksProgress::Over(SocksOutcome::Refused);
        }
        let command = self.exchange.request.as_ref().map(|request| request.command);
        match command {
            Some(SocksCommand::Bind) if self.step == SocksStep::Reply => {
                SocksProgress::Next(SocksStep::SecondReply)
            }
            Some(SocksCommand::UdpAssociate) => SocksProgress::Over(SocksOutcome::Unreadable),
            Some(SocksCommand::Connect | SocksCommand::Bind) | None => {
                SocksProgress::Over(SocksOutcome::Opened)
            }
        }
    }

    /// Takes what a parser reads from the bytes of a direction.
    fn take<T>(
        &mut self,
        direction: Direction,
        parse: fn(&[u8]) -> Parsed<T>,
    ) -> Result<T, SocksProgress> {
        let buffer = self.buffers.get_mut(direction);
        match parse(buffer.bytes()) {
            Parsed::Whole(read, length) => {
                let rest = buffer.split_off(length);
                let read_from = std::mem::replace(buffer, rest);
                if direction == Direction::ClientToServer {
                    let part = read_from.span();
                    let span = self.span.get_or_insert(part);
                    span.extend(part.end, part.first);
                    span.extend(part.end, part.last);
                }
                Ok(read)
            }
            Parsed::Short => Err(SocksProgress::Waiting),
            Parsed::Foreign => Err(SocksProgress::Foreign),
        }
    }

    /// Goes on with what the proxy connected to, or leaves the rest.
    fn end<S: Sink>(
        &mut self,
        length: usize,
        start: StackStart,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        connection.nature = Nature::Unknown;
        let outcome = self.exchange.outcome;
        connection.is_rejected |= outcome.is_refusal();
        self.report(connection, context);
        let inner = match outcome {
            SocksOutcome::Opened => tunnel::enter(start),
            SocksOutcome::Refused
            | SocksOutcome::NoMethod
            | SocksOutcome::LoginFailed
            | SocksOutcome::Unfinished
            | SocksOutcome::Unreadable => None,
        };
        let Some(inner) = inner else { return ignore(connection, Nature::Other) };
        let held = Direction::BOTH
            .map(|direction| (direction, std::mem::take(self.buffers.get_mut(direction))));
        let layer = NextLayer::Tunnel(inner);
        Successor { held: held.into(), consumed: length, ..Successor::new(layer) }.into()
    }

    fn report<S: Sink>(&self, connection: &mut Connection, context: &mut Context<'_, S>) {
        let span = self.span.unwrap_or_else(|| self.buffers.client.span());
        let kind = IntermediaryKind::Socks(self.exchange.clone());
        connection.carrier.add_intermediary(Intermediary { kind, span });
        context.emit(connection, ConnectionEvent::Socks(&self.exchange, span));
    }

    /// It is not SOCKS, or nobody can follow it any more.
    fn leave<S: Sink>(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_, S>,
    ) -> Next {
        let answer = looks_like_response(self.buffers.server.bytes());
        if self.exchange.is_answered() {
            self.report(connection, context);
        } else if answer == Match::Yes {
            let place = StrayPlace::InsteadOfRequest;
            let client = &self.buffers.client;
            stray::report(Direction::ClientToServer, place, client, connection, context);
        }
        ignore(connection, Nature::Other)
    }

    fn is_overlong(&self) -> bool {
        self.buffers.client.bytes().len().max(self.buffers.server.bytes().len()) > MOST_WAITING
    }

    fn account<S>(&mut self, context: &mut Context<'_, S>) {
        let kept = self.buffers.client.memory().saturating_add(self.buffers.server.memory());
        context.budget().account(&mut self.kept, kept);
    }
}

/// Bytes of a direction that wait for the other at most: a client may send before it is answered.
const MOST_WAITING: usize = 1 << 16;
