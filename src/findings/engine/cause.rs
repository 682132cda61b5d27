//! What a broken rule explains about its connection.

/// What the findings of a rule explain, in the words and the order of `wslens diagnose`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cause {
    /// What kind of outcome it explains.
    pub explains: Explains,
    /// Its place among the causes of a connection: the one with the lower rank explains more.
    pub rank: u16,
    /// The cause in a few words, for a verdict.
    pub words: &'static str,
    /// Rules, or starts of their ids: if the connection has findings of these, it adds nothing to them.
    pub unless: &'static [&'static str],
    /// Rules, or starts of their ids: their findings on the connection are consequences of it.
    pub consequences: &'static [&'static str],
    /// Whether the bytes of one direction show it, without anything else about their connection: then it is tested
    /// on bytes that were pasted, too, and frames of the other direction do not follow from it.
    pub is_of_stream: bool,
}

/// What a finding explains.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Explains {
    /// Why a connection never became a WebSocket.
    Failure,
    /// Why a connection failed, if it did: a peer broke a rule.
    BrokenRule,
    /// Why, or how, a WebSocket ended in another way than it should have.
    Drop,
    /// What is wrong with a connection that worked.
    Trouble,
    /// Why a connection cannot be decoded.
    Undecodable,
    /// Nothing: it is one of the other findings.
    Nothing,
}

impl Explains {
    /// What it answers about a connection, in words.
    pub fn question(self) -> &'static str {
        match self {
            Self::Failure | Self::BrokenRule => "why it failed",
            Self::Drop => "how it dropped",
            Self::Trouble => "what is wrong with it",
            Self::Undecodable => "why it cannot be decoded",
            Self::Nothing => "nothing",
        }
    }
}

impl Cause {
    /// The rank of a broken rule that has no cause of its own.
    pub const BROKEN_RULE: u16 = 500;

    /// The rank of one that the receiver put up with: it is not why the connection ended, but wrong all the
    /// same.
    pub const TOLERATED_VIOLATION: u16 = 685;

    /// The rank of a stream that derailed if its receiver put up with it: what ended the connection later comes
    /// first.
    pub(crate) const TOLERATED_DERAILMENT: u16 = 1_189;

    /// The lowest rank of a cause that only several connections show.
    pub(crate) const OF_SEVERAL: u16 = 1_170;

    pub(crate) const fn failure(rank: u16, words: &'static str) -> Self {
        Self::new(Explains::Failure, rank, words)
    }

    pub(crate) const fn dropped(rank: u16, words: &'static str) -> Self {
        Self::new(Explains::Drop, rank, words)
    }

    pub(crate) const fn trouble(rank: u16, words: &'static str) -> Self {
        Self::new(Explains::Trouble, rank, words)
    }

    pub(crate) const fn undecodable(rank: u16, words: &'static str) -> Self {
        Self::new(Explains::Undecodable, rank, words)
    }

    pub(crate) const fn nothing(rank: u16, words: &'static str) -> Self {
        Self::new(Explains::Nothing, rank, words)
    }

    /// What is wrong with the bytes of one direction, as these show by themselves.
    pub(crate) const fn of_stream(rank: u16, words: &'static str) -> Self {
        Self { is_of_stream: true, ..Self::trouble(rank, words) }
    }

    const fn new(explains: Explains, rank: u16, words: &'static str) -> Self {
        Self { explains, rank, words, unless: &[], consequences: &[], is_of_stream: false }
    }

    /// The same, but it adds nothing to findings of these rules.
    pub(crate) const fn unless(self, unless: &'static [&'static str]) -> Self {
        Self { unless, ..self }
    }

    /// The same, and findings of these rules are its consequences.
    pub(crate) const fn explaining(self, consequences: &'static [&'static str]) -> Self {
        Self { consequences, ..self }
    }
}
