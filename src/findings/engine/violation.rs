//! What a check reports to the engine: one violation, and where it is.

use crate::analysis::event::ConnectionId;
use crate::findings::decoded_again::DecodedAgain;
use crate::findings::engine::severity::Severity;
use crate::stream::{Direction, Origin, Side, Span};

/// Neighboring bits of a frame header, counted from its first bit (FIN is bit 0).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bits {
    /// The first.
    pub start: u8,
    /// How many.
    pub count: u8,
}

impl Bits {
    pub(crate) const FIN: Self = Self { start: 0, count: 1 };
    pub(crate) const RSV1: Self = Self { start: 1, count: 1 };
    pub(crate) const RSV2: Self = Self { start: 2, count: 1 };
    pub(crate) const RSV3: Self = Self { start: 3, count: 1 };
    pub(crate) const RSV2_AND_3: Self = Self { start: 2, count: 2 };
    pub(crate) const OPCODE: Self = Self { start: 4, count: 4 };
    pub(crate) const MASK: Self = Self { start: 8, count: 1 };
    pub(crate) const LENGTH: Self = Self { start: 9, count: 7 };

    /// The length in a wider form, after the first two bytes.
    pub(crate) fn extended_length(length_bits: u8) -> Self {
        Self { start: 16, count: length_bits }
    }
}

/// One offence as its rule sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Violation {
    pub(crate) direction: Option<Direction>,
    pub(crate) side: Option<Side>,
    pub(crate) span: Option<Span>,
    pub(crate) bits: Option<Bits>,
    /// The first and last packet that show it, if it is not in a stream.
    pub(crate) packets: Option<[Origin; 2]>,
    /// The connection that it is about, if that is not the one that was looked at.
    pub(crate) connection: Option<ConnectionId>,
    /// The first of the connections that show it together.
    pub(crate) group: Option<ConnectionId>,
    pub(crate) evidence: String,
    /// What to do, if the remedy of the rule does not fit this case.
    pub(crate) remedy: Option<&'static str>,
    /// How bad it is, if that is not what the rule's table says.
    pub(crate) severity: Option<Severity>,
    /// Messages that were decoded again.
    pub(crate) decoded_again: Vec<DecodedAgain>,
}

impl Violation {
    /// Says whose fault it is, if that is not the sender of what was looked at.
    pub(crate) fn side(&mut self, side: impl Into<Option<Side>>) -> &mut Self {
        self.side = side.into();
        self
    }

    /// Says in which direction it is, if that is not the one of what was looked at.
    pub(crate) fn direction(&mut self, direction: impl Into<Option<Direction>>) -> &mut Self {
        self.direction = direction.into();
        self
    }

    /// Says where it is, if that is not the place of what was looked at.
    pub(crate) fn span(&mut self, span: Span) -> &mut Self {
        self.span = Some(span);
        self
    }

    /// Says which packets show it, if it is not in a stream.
    pub(crate) fn packets(&mut self, first: Origin, last: Origin) -> &mut Self {
        self.packets = Some([first, last]);
        self
    }

    /// Says on which connection it is, if that is not the one that was looked at.
    pub(crate) fn connection(&mut self, connection: ConnectionId) -> &mut Self {
        self.connection = Some(connection);
        self
    }

    /// Says that several connections show it together, and which of them is the first.
    pub(crate) fn group(&mut self, first: ConnectionId) -> &mut Self {
        self.group = Some(first);
        self
    }

    /// Says which bits of the frame header are wrong.
    pub(crate) fn bits(&mut self, bits: Bits) -> &mut Self {
        self.bits = Some(bits);
        self
    }

    /// Says how bad it is, if this case is less so than others.
    pub(crate) fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = Some(severity);
        self
    }

    /// Gives the messages that were decoded again.
    pub(crate) fn decoded_again(&mut self, messages: Vec<DecodedAgain>) -> &mut Self {
        self.decoded_again = messages;
        self
    }

    /// Says what to do, if the remedy of the rule does not fit this case.
    pub(crate) fn remedy(&mut self, remedy: &'static str) -> &mut Self {
        self.remedy = Some(remedy);
        self
    }
}

/// Takes the faults that a rule sees.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    list: Vec<Violation>,
    spare: Violation,
    /// Where a fault is unless its rule says otherwise.
    place: ViolationPlace,
    /// Why the cause that is being tested does not hold.
    excluded: Option<String>,
}

/// Where what is looked at is, and who sent it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ViolationPlace {
    pub(crate) direction: Option<Direction>,
    pub(crate) span: Option<Span>,
}

impl Violations {
    /// Takes one.
    pub(crate) fn add(&mut self, evidence: impl Into<String>) -> &mut Violation {
        let ViolationPlace { direction, span } = self.place;
        let violation = Violation {
            direction,
            side: direction.map(Side::sender),
            span,
            bits: None,
            packets: None,
            connection: None,
            group: None,
            evidence: evidence.into(),
            remedy: None,
            severity: None,
            decoded_again: Vec::new(),
        };
        self.list.push(violation);
        match self.list.last_mut() {
            Some(violation) => violation,
            // Never: one was pushed just now.
            None => &mut self.spare,
        }
    }

    /// Says why a cause that would explain this case is excluded by what was captured.
    pub(crate) fn exclude(&mut self, because: impl Into<String>) {
        self.excluded = Some(because.into());
    }

    /// Takes why the cause is excluded, if it is.
    pub(crate) fn take_excluded(&mut self) -> Option<String> {
        self.excluded.take()
    }

    pub(crate) fn set_place(&mut self, place: ViolationPlace) {
        self.place = place;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.list)
    }
}
