//! The causes: what explains the findings of a connection, one file for each.
//!
//! A cause is a rule of the catalogue whose check is asked once, when a connection has ended and all rules
//! have been asked (`Check::Cause`): it has a hypothesis, and a test of it on what was captured. Of the causes
//! that hold on a connection, the one with the lowest rank is reported. What several connections show together
//! becomes known later, and is reported then (`Check::Group`).

mod accepted_twin;
mod application_protocols;
mod application_refused;
mod coded_stream;
mod compression_mark;
pub(crate) mod derailed;
mod empty_connection;
mod ended_together;
mod endings;
mod gave_up;
#[cfg(test)]
mod generated_streams;
mod heartbeat_failed;
mod heartbeat_limits;
mod http2_mismatch;
mod idle_close;
mod idle_data;
mod inconclusive;
mod known_refusal;
mod legacy_encoding;
mod legal_refused;
mod length_byte_order;
mod length_in_characters;
mod length_off;
mod length_overflow;
mod mask;
mod maximum_age;
mod misread_request;
mod no_response;
mod program_errors;
mod proxy_distrusted;
mod proxy_header;
mod proxy_refused;
mod proxy_upstream;
mod response_refused;
mod said_why;
mod second_response;
mod server_unable;
mod session_unknown;
mod split_character;
mod stray_bytes;
mod subprotocol_needed;
mod text_encoding;
mod two_writers;
mod unfinished_response;
mod unframed;
mod version_mismatch;
mod wrong_port;

use crate::findings::engine::rule::Rule;

/// All causes, in one table for each file.
pub(crate) const TABLES: &[&[Rule]] = &[
    wrong_port::RULES,
    text_encoding::RULES,
    stray_bytes::RULES,
    proxy_refused::RULES,
    proxy_header::RULES,
    http2_mismatch::RULES,
    accepted_twin::RULES,
    response_refused::RULES,
    gave_up::RULES,
    legal_refused::RULES,
    said_why::RULES,
    heartbeat_failed::RULES,
    maximum_age::RULES,
    idle_data::RULES,
    idle_close::RULES,
    ended_together::RULES,
    session_unknown::RULES,
    version_mismatch::RULES,
    subprotocol_needed::RULES,
    server_unable::RULES,
    application_refused::RULES,
    proxy_upstream::RULES,
    proxy_distrusted::RULES,
    two_writers::RULES,
    length_in_characters::RULES,
    length_overflow::RULES,
    length_byte_order::RULES,
    length_off::RULES,
    coded_stream::RULES,
    second_response::RULES,
    compression_mark::RULES,
    mask::RULES,
    split_character::RULES,
    unframed::RULES,
    unfinished_response::RULES,
    misread_request::RULES,
    inconclusive::RULES,
    empty_connection::RULES,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::engine::cause::Explains;

    #[test]
    fn causes_explain_something_and_name_rules_that_exist() {
        for cause in TABLES.iter().copied().flatten() {
            let explains = cause.explains.unwrap();
            assert!(cause.is_cause() && explains.explains != Explains::Nothing, "{}", cause.id);
            for start in explains.consequences {
                let is_known = crate::findings::rules().any(|rule| rule.id.starts_with(start));
                assert!(is_known && !start.starts_with("WHY"), "{}: {start}", cause.id);
            }
        }
    }
}
