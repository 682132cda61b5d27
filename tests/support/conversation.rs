//! What two peers say to each other, as bytes of their streams, and how it is to be understood.

use flate2::Compress;
use flate2::Compression;
use wslens::stream::Direction;
use wslens::stream::Direction::ClientToServer;
use wslens::stream::Direction::ServerToClient;
use wslens::stream::PerDirection;
use wslens::websocket::Opcode;

use super::testkit::frame::deflate;
use super::testkit::frame::frame;
use super::testkit::head;
use super::testkit::random::Random;

/// A message as it was meant, and as it is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Said {
    pub(crate) opcode: Opcode,
    pub(crate) content: Vec<u8>,
    pub(crate) frames: u64,
    pub(crate) compressed: bool,
    pub(crate) complete: bool,
}

/// Bytes in the order in which they were sent, and the messages in them.
pub(crate) struct Conversation {
    pub(crate) name: &'static str,
    /// Nobody says two turns in a row.
    pub(crate) turns: Vec<(Direction, Vec<u8>)>,
    pub(crate) said: PerDirection<Vec<Said>>,
    deflate: Option<PerDirection<Compress>>,
    random: Random,
}

impl Conversation {
    /// Begins with a handshake without extensions.
    pub(crate) fn plain(name: &'static str) -> Self {
        Self::new(name, None)
    }

    /// Begins with a handshake that agrees on permessage-deflate with takeover both ways.
    pub(crate) fn deflated(name: &'static str) -> Self {
        let compress = || Compress::new(Compression::default(), false);
        Self::new(name, Some(PerDirection { client: compress(), server: compress() }))
    }

    fn new(name: &'static str, deflate: Option<PerDirection<Compress>>) -> Self {
        let (offer, answer) = match deflate {
            Some(_) => (head::OFFER, head::ANSWER),
            None => ("", ""),
        };
        let mut it = Self {
            name,
            turns: Vec::new(),
            said: PerDirection::default(),
            deflate,
            random: Random(7),
        };
        it.bytes(ClientToServer, &head::request(head::KEY, offer));
        it.bytes(ServerToClient, &head::response(head::KEY, answer));
        it
    }

    /// Says bytes of no meaning.
    pub(crate) fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        match self.turns.last_mut() {
            Some((last, said)) if *last == direction => said.extend(bytes),
            _ => self.turns.push((direction, bytes.to_vec())),
        }
    }

    /// Says a message in one frame.
    pub(crate) fn say(&mut self, direction: Direction, opcode: Opcode, content: &[u8]) {
        self.expect(direction, opcode, content, 1, false);
        let frame = self.frame(direction, 0x80 | nibble(opcode), content);
        self.bytes(direction, &frame);
    }

    /// Says a message in frames of `size`, with a Ping after each but the last.
    pub(crate) fn say_in_frames(&mut self, direction: Direction, content: &[u8], size: usize) {
        let parts: Vec<&[u8]> = content.chunks(size).collect();
        for (index, part) in parts.iter().enumerate() {
            let is_last = index + 1 == parts.len();
            let opcode = if index == 0 { nibble(Opcode::Binary) } else { 0 };
            let first = if is_last { 0x80 | opcode } else { opcode };
            let frame = self.frame(direction, first, part);
            self.bytes(direction, &frame);
            if !is_last {
                self.say(direction, Opcode::Ping, format!("part {index}").as_bytes());
            }
        }
        self.expect(direction, Opcode::Binary, content, parts.len() as u64, false);
    }

    /// Says a compressed text in as many frames.
    pub(crate) fn say_deflated(&mut self, direction: Direction, content: &[u8], frames: usize) {
        let payload = deflate(self.deflate.as_mut().unwrap().get_mut(direction), content);
        let size = payload.len().div_ceil(frames);
        let parts: Vec<&[u8]> = payload.chunks(size).collect();
        for (index, part) in parts.iter().enumerate() {
            let mut first = if index == 0 { 0x40 | nibble(Opcode::Text) } else { 0 };
            if index + 1 == parts.len() {
                first |= 0x80;
            }
            let frame = self.frame(direction, first, part);
            self.bytes(direction, &frame);
        }
        self.expect(direction, Opcode::Text, content, parts.len() as u64, true);
    }

    fn expect(
        &mut self,
        direction: Direction,
        opcode: Opcode,
        content: &[u8],
        frames: u64,
        compressed: bool,
    ) {
        let content = content.to_vec();
        let said = Said { opcode, content, frames, compressed, complete: true };
        self.said.get_mut(direction).push(said);
    }

    /// A frame, masked if the client sends it.
    fn frame(&mut self, direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = (direction == ClientToServer).then(|| (self.random.next() as u32).to_le_bytes());
        frame(first, mask, payload)
    }
}

fn nibble(opcode: Opcode) -> u8 {
    match opcode {
        Opcode::Continuation => 0,
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    }
}

/// Short messages of every kind, and a close.
pub(crate) fn chat() -> Conversation {
    let mut it = Conversation::plain("chat");
    for (index, text) in ["hello", "", "Grüße, мир, 世界 👋", "x"].into_iter().enumerate()
    {
        it.say(ClientToServer, Opcode::Text, text.as_bytes());
        it.say(ServerToClient, Opcode::Text, text.repeat(index + 1).as_bytes());
    }
    it.say(ServerToClient, Opcode::Binary, &[0xff, 0, 0x80]);
    it.say(ServerToClient, Opcode::Ping, b"still there?");
    it.say(ClientToServer, Opcode::Pong, b"still there?");
    it.say(ClientToServer, Opcode::Text, "a long one, ".repeat(40).as_bytes());
    close(&mut it);
    it
}

/// Messages in frames with control frames between.
pub(crate) fn fragmented() -> Conversation {
    let mut it = Conversation::plain("fragmented");
    let content = Random(3).bytes(700);
    it.say_in_frames(ClientToServer, &content, 150);
    it.say_in_frames(ServerToClient, &content, 90);
    it.say_in_frames(ServerToClient, &content[..3], 1);
    it.say(ServerToClient, Opcode::Text, b"one more");
    close(&mut it);
    it
}

/// Compressed messages that refer to earlier ones, some in frames, one plain between.
pub(crate) fn deflated() -> Conversation {
    let mut it = Conversation::deflated("deflated");
    for number in 0..6 {
        let text = format!("{{\"number\":{number},\"topic\":\"news\",\"text\":\"{number:020}\"}}");
        it.say_deflated(ClientToServer, text.as_bytes(), 1);
        it.say_deflated(ServerToClient, text.repeat(3).as_bytes(), 1 + number % 3);
        if number == 3 {
            it.say(ServerToClient, Opcode::Text, b"not worth it");
            it.say(ServerToClient, Opcode::Ping, b"?");
        }
    }
    close(&mut it);
    it
}

/// A message of 200,000 bytes each way, and one after it.
pub(crate) fn large() -> Conversation {
    let mut it = Conversation::plain("large");
    let content = Random(5).bytes(200_000);
    it.say(ClientToServer, Opcode::Binary, &content);
    it.say(ServerToClient, Opcode::Binary, &content);
    it.say(ServerToClient, Opcode::Text, b"that was long");
    close(&mut it);
    it
}

fn close(it: &mut Conversation) {
    it.say(ClientToServer, Opcode::Close, b"\x03\xe8done");
    it.say(ServerToClient, Opcode::Close, b"\x03\xe8done");
}
