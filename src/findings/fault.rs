//! What a rule says of one offence, and the finding that is made of it.

use crate::analysis::event::ConnectionId;
use crate::findings::rule::Rule;
use crate::stream::{Direction, Origin, Span};

/// One broken rule, or one thing that the capture does not show.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// On which connection; `None` where it belongs to no single one.
    pub connection: Option<ConnectionId>,
    /// In which direction, where it is about one.
    pub direction: Option<Direction>,
    /// Who is at fault, where somebody is.
    pub side: Option<Side>,
    /// The packets that carried it; empty (packet 0) where it is about no packet.
    pub first: Origin,
    /// The last of these packets.
    pub last: Origin,
    /// Stream offset of its first byte, where it lies in a stream.
    pub offset: Option<u64>,
    /// The bits of the frame header that are wrong, where it is some of them.
    pub bits: Option<Bits>,
    /// The values seen and what was expected, in plain words. Bytes from the network may be in it.
    pub evidence: String,
}

/// A peer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The one that opened the connection.
    Client,
    /// The one that accepted it.
    Server,
}

impl Side {
    /// Who sends in a direction.
    pub fn sender(direction: Direction) -> Self {
        match direction {
            Direction::ClientToServer => Self::Client,
            Direction::ServerToClient => Self::Server,
        }
    }

    /// The direction in which a peer sends.
    pub fn direction(self) -> Direction {
        match self {
            Self::Client => Direction::ClientToServer,
            Self::Server => Direction::ServerToClient,
        }
    }

    /// The name used in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Neighboring bits of a frame header, counted from its first bit (FIN is bit 0).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bits {
    /// The first.
    pub start: u8,
    /// How many.
    pub count: u8,
}

impl Bits {
    pub(super) const FIN: Self = Self { start: 0, count: 1 };
    pub(super) const RSV1: Self = Self { start: 1, count: 1 };
    pub(super) const RSV2: Self = Self { start: 2, count: 1 };
    pub(super) const RSV3: Self = Self { start: 3, count: 1 };
    pub(super) const RSV2_AND_3: Self = Self { start: 2, count: 2 };
    pub(super) const OPCODE: Self = Self { start: 4, count: 4 };
    pub(super) const MASK: Self = Self { start: 8, count: 1 };
    pub(super) const LENGTH: Self = Self { start: 9, count: 7 };

    /// The length in a wider form, behind the first two bytes.
    pub(super) fn extended_length(length_bits: u8) -> Self {
        Self { start: 16, count: length_bits }
    }
}

/// One offence as its rule sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fault {
    pub(super) direction: Option<Direction>,
    pub(super) side: Option<Side>,
    pub(super) span: Option<Span>,
    pub(super) bits: Option<Bits>,
    /// The first and last packet that show it, where it lies in no stream.
    pub(super) packets: Option<[Origin; 2]>,
    /// The connection that it is about, where that is not the one that was looked at.
    pub(super) connection: Option<ConnectionId>,
    pub(super) evidence: String,
}

impl Fault {
    /// Says whose fault it is, where that is not the sender of what was looked at.
    pub(super) fn side(&mut self, side: impl Into<Option<Side>>) -> &mut Self {
        self.side = side.into();
        self
    }

    /// Says in which direction it is, where that is not the one of what was looked at.
    pub(super) fn direction(&mut self, direction: impl Into<Option<Direction>>) -> &mut Self {
        self.direction = direction.into();
        self
    }

    /// Says where it lies, where that is not the place of what was looked at.
    pub(super) fn span(&mut self, span: Span) -> &mut Self {
        self.span = Some(span);
        self
    }

    /// Says which packets show it, where it lies in no stream.
    pub(super) fn packets(&mut self, first: Origin, last: Origin) -> &mut Self {
        self.packets = Some([first, last]);
        self
    }

    /// Says on which connection it is, where that is not the one that was looked at.
    pub(super) fn connection(&mut self, connection: ConnectionId) -> &mut Self {
        self.connection = Some(connection);
        self
    }

    /// Says which bits of the frame header are wrong.
    pub(super) fn bits(&mut self, bits: Bits) -> &mut Self {
        self.bits = Some(bits);
        self
    }
}

/// Takes the faults that a rule sees.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    spare: Fault,
    /// Where a fault lies unless its rule says otherwise.
    place: Place,
}

/// Where what is looked at lies, and who sent it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) direction: Option<Direction>,
    pub(super) span: Option<Span>,
}

impl Faults {
    /// Takes one.
    pub(super) fn add(&mut self, evidence: impl Into<String>) -> &mut Fault {
        let Place { direction, span } = self.place;
        let fault = Fault {
            direction,
            side: direction.map(Side::sender),
            span,
            bits: None,
            packets: None,
            connection: None,
            evidence: evidence.into(),
        };
        self.list.push(fault);
        match self.list.last_mut() {
            Some(fault) => fault,
            // Never: one was pushed just now.
            None => &mut self.spare,
        }
    }

    pub(super) fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.list)
    }
}
