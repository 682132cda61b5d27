//! Whether the answer about permessage-deflate fits an offer.

use crate::findings::rules::deflate::params::{ParameterRole, bits, is_valid};
use crate::findings::rules::handshake::fields_read::acceptance;
use crate::http::Handshake;
use crate::websocket::extension;
use crate::websocket::extension::{
    CLIENT_MAX_WINDOW_BITS, Extension, PERMESSAGE_DEFLATE, SERVER_MAX_WINDOW_BITS,
    SERVER_NO_CONTEXT_TAKEOVER,
};

/// How an answer fits what was offered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fit {
    /// It fits an offer, or another rule says what is wrong with it.
    Fits,
    /// It does not fit the only offer, for these reasons.
    Breaks(Vec<NegotiationMisfit>),
    /// It fits none of the offers, for these reasons in words.
    MatchesNone(String),
}

/// Why an answer does not fit an offer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NegotiationMisfit {
    /// It limits the client's window, which the offer does not allow (RFC 7692 §7.1.2.2).
    ClientWindowUnasked,
    /// It gives the server's window more bits than the offer, or none (RFC 7692 §7.1.2.1).
    ServerWindow { offered: u8, answered: Option<u8> },
    /// It does not say `server_no_context_takeover`, as the offer does (RFC 7692 §7.1.1.1).
    ServerTakeover,
}

impl NegotiationMisfit {
    /// The misfit in words.
    pub(super) fn text(self) -> String {
        match self {
            Self::ClientWindowUnasked => {
                format!("{CLIENT_MAX_WINDOW_BITS} is in the response and was not offered")
            }
            Self::ServerWindow { offered, answered: Some(answered) } => {
                format!("{SERVER_MAX_WINDOW_BITS}={offered} is {answered} in the response")
            }
            Self::ServerWindow { offered, answered: None } => {
                format!("{SERVER_MAX_WINDOW_BITS}={offered} is missing from the response")
            }
            Self::ServerTakeover => format!(
                "{SERVER_NO_CONTEXT_TAKEOVER} is missing from the \
                response"
            ),
        }
    }
}

/// Compares the answer of a handshake with its offers.
pub(super) fn fit(handshake: &Handshake) -> Fit {
    let values = handshake.extensions_offered().zip(handshake.extensions_accepted());
    let Some((offered, accepted)) = values.filter(|_| acceptance(handshake).is_some()) else {
        return Fit::Fits;
    };
    let (offered, accepted) = (extension::parse(&offered), extension::parse(&accepted));
    if offered.malformed.is_some() || accepted.malformed.is_some() {
        return Fit::Fits;
    }
    let offers: Vec<&Extension> = offered.named(PERMESSAGE_DEFLATE).collect();
    let answers: Vec<&Extension> = accepted.named(PERMESSAGE_DEFLATE).collect();
    if offers.is_empty() || !answers.iter().all(|answer| is_valid(answer, ParameterRole::Answer)) {
        return Fit::Fits;
    }
    match answers.as_slice() {
        [] => Fit::Fits,
        [answer] => fit_one(&offers, answer),
        [_, _, ..] => Fit::MatchesNone(format!("it was accepted {} times", answers.len())),
    }
}

fn fit_one(offers: &[&Extension], answer: &Extension) -> Fit {
    let valid = offers.iter().filter(|offer| is_valid(offer, ParameterRole::Offer));
    let misfits: Vec<Vec<NegotiationMisfit>> = valid.map(|offer| misfits(offer, answer)).collect();
    if misfits.iter().any(Vec::is_empty) {
        return Fit::Fits;
    }
    match (misfits.as_slice(), offers) {
        ([], _) => Fit::MatchesNone("no offer is valid, so none could be accepted".to_owned()),
        ([only], [_]) => Fit::Breaks(only.clone()),
        (several, _) => {
            let reasons = several.iter().flatten().map(|misfit| misfit.text());
            Fit::MatchesNone(reasons.collect::<Vec<_>>().join("; "))
        }
    }
}

fn misfits(offer: &Extension, answer: &Extension) -> Vec<NegotiationMisfit> {
    let mut misfits = Vec::new();
    let client = answer.param(CLIENT_MAX_WINDOW_BITS).and_then(bits);
    // RFC 7692 §7.1.2.2: a number in the offer is a hint, and a larger one in the answer does not bind.
    if client.is_some() && offer.param(CLIENT_MAX_WINDOW_BITS).is_none() {
        misfits.push(NegotiationMisfit::ClientWindowUnasked);
    }
    let server = answer.param(SERVER_MAX_WINDOW_BITS).and_then(bits);
    if let Some(offered) = offer.param(SERVER_MAX_WINDOW_BITS).and_then(bits)
        && server.is_none_or(|answered| answered > offered)
    {
        misfits.push(NegotiationMisfit::ServerWindow { offered, answered: server });
    }
    if offer.param(SERVER_NO_CONTEXT_TAKEOVER).is_some()
        && answer.param(SERVER_NO_CONTEXT_TAKEOVER).is_none()
    {
        misfits.push(NegotiationMisfit::ServerTakeover);
    }
    misfits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Head;
    use crate::stream::Span;

    fn fit_of(offers: &str, answer: &str) -> Fit {
        let head = |line: &str, value: &str| {
            let raw = format!(
                "{line}\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: {value}\r\n\r\n"
            );
            Some(Head::parse(raw.as_bytes(), Span::default()))
        };
        fit(&Handshake {
            request: head("GET / HTTP/1.1", offers),
            response: head("HTTP/1.1 101 x", answer),
            ..Handshake::default()
        })
    }

    #[test]
    fn answers_are_compared_with_each_offer() {
        let none = |text: &str| Fit::MatchesNone(text.to_owned());
        #[rustfmt::skip]
        let rows: &[(&str, &str, Fit)] = &[
            // RFC 7692 §7.1.2.2 and §7.1.3: examples of negotiations.
            ("permessage-deflate", "permessage-deflate", Fit::Fits),
            ("permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=10", Fit::Fits),
            ("permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits", "permessage-deflate", Fit::Fits),
            // §7.1.1.1, §7.1.1.2, §7.1.2.1: what a server may say unasked.
            ("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", Fit::Fits),
            ("permessage-deflate; client_no_context_takeover; client_max_window_bits=9", "permessage-deflate", Fit::Fits),
            ("permessage-deflate; client_max_window_bits=12", "permessage-deflate; client_max_window_bits=9", Fit::Fits),
            ("permessage-deflate", "permessage-deflate; client_max_window_bits=15", Fit::Breaks(vec![NegotiationMisfit::ClientWindowUnasked])),
            ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=12", Fit::Fits),
            ("permessage-deflate; server_max_window_bits=10; server_no_context_takeover", "permessage-deflate", Fit::Breaks(vec![NegotiationMisfit::ServerWindow { offered: 10, answered: None }, NegotiationMisfit::ServerTakeover])),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=12", Fit::Breaks(vec![NegotiationMisfit::ServerWindow { offered: 10, answered: Some(12) }])),
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate; server_no_context_takeover", "permessage-deflate", none("server_max_window_bits=10 is missing from the response; server_no_context_takeover is missing from the response")),
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate; level=1", "permessage-deflate", none("server_max_window_bits=10 is missing from the response")),
            ("permessage-deflate; level=1", "permessage-deflate", none("no offer is valid, so none could be accepted")),
            ("permessage-deflate", "permessage-deflate, permessage-deflate", none("it was accepted 2 times")),
            // Other rules speak.
            ("x-other", "permessage-deflate; client_max_window_bits=9", Fit::Fits),
            ("permessage-deflate", "x-other", Fit::Fits),
            ("permessage-deflate", "permessage-deflate; client_max_window_bits=99", Fit::Fits),
            ("permessage-deflate; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=", Fit::Fits),
        ];
        for (offers, answer, expected) in rows {
            assert_eq!(fit_of(offers, answer), *expected, "{offers} - {answer}");
        }
    }
}
