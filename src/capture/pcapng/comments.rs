//! The comments of blocks, as they are changed when a capture is copied.

use super::blocks::{self, COMMENT, PACKET_FIELDS, SECTION_OPTIONS, padded};
use super::{ENHANCED_PACKET, INTERFACE_DESCRIPTION, INTERFACE_STATISTICS, PACKET, SECTION_HEADER};
use crate::capture::bytes::ByteOrder;
use crate::capture::secrets_change::EditComment;
use crate::stream::{length_u64, length_usize};

/// The bytes between a block's two lengths after its comments were changed; `None` if they stay as they
/// are. A comment of which nothing is left is removed.
pub(super) fn edited(
    block_type: u32,
    body: &[u8],
    order: ByteOrder,
    edit: &mut EditComment<'_>,
) -> Option<Vec<u8>> {
    let mut rest = body.get(options_start(block_type, body, order)?..)?;
    let mut result = body.get(..body.len().saturating_sub(rest.len()))?.to_vec();
    let mut is_changed = false;
    while let Ok((_, (code, value))) = blocks::option(rest, order) {
        let length = OPTION_HEADER.saturating_add(length_usize(padded(length_u64(value.len()))));
        let (whole, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let left = if code == COMMENT { edit(value) } else { None };
        match left {
            None => result.extend_from_slice(whole),
            Some(left) => {
                is_changed = true;
                if !left.is_empty() {
                    push(&mut result, code, &left, order);
                }
            }
        }
        rest = after;
        if code == blocks::END_OF_OPTIONS {
            break;
        }
    }
    result.extend_from_slice(rest);
    is_changed.then_some(result)
}

/// Where the options of a block begin; `None` for blocks without comments, or whose comments are not
/// looked for.
fn options_start(block_type: u32, body: &[u8], order: ByteOrder) -> Option<usize> {
    match block_type {
        SECTION_HEADER => Some(SECTION_OPTIONS),
        INTERFACE_DESCRIPTION => Some(INTERFACE_OPTIONS),
        INTERFACE_STATISTICS => Some(STATISTICS_OPTIONS),
        ENHANCED_PACKET | PACKET => {
            let captured = blocks::enhanced_packet(body, order)?.captured;
            PACKET_FIELDS.checked_add(length_usize(padded(u64::from(captured))))
        }
        NAME_RESOLUTION => {
            let mut at = 0;
            // Records have the form of options; the last has the code of the last option.
            while let Ok((_, (code, value))) = blocks::option(body.get(at..)?, order) {
                at = at.checked_add(OPTION_HEADER)?;
                at = at.checked_add(length_usize(padded(length_u64(value.len()))))?;
                if code == blocks::END_OF_OPTIONS {
                    return Some(at);
                }
            }
            None
        }
        _ => None,
    }
}

fn push(into: &mut Vec<u8>, code: u16, value: &[u8], order: ByteOrder) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let value = value.get(..usize::from(length)).unwrap_or(value);
    into.extend_from_slice(&order.u16_bytes(code));
    into.extend_from_slice(&order.u16_bytes(length));
    into.extend_from_slice(value);
    into.resize(into.len().next_multiple_of(4), 0);
}

/// Name Resolution Block.
const NAME_RESOLUTION: u32 = 4;

/// Length of an option's code and length, in bytes.
const OPTION_HEADER: usize = 4;

/// Where the options of an interface's description begin.
const INTERFACE_OPTIONS: usize = 8;

/// Where those of an interface's statistics begin.
const STATISTICS_OPTIONS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    /// Options with these comments, among others.
    fn options(comments: &[&str], order: ByteOrder) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, 9, &[6], order);
        for comment in comments {
            push(&mut bytes, COMMENT, comment.as_bytes(), order);
        }
        push(&mut bytes, 2, b"eth0", order);
        push(&mut bytes, 0, b"", order);
        bytes
    }

    #[test]
    fn comments_are_changed_wherever_they_are() {
        let mut packet = vec![0; 20];
        packet.extend_from_slice(b"five\0\0\0\0");
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let mut packet = packet.clone();
            packet[12..16].copy_from_slice(&order.u32_bytes(5));
            let mut names = Vec::new();
            push(&mut names, 1, b"\x7f\0\0\x01localhost\0", order);
            push(&mut names, 0, b"", order);
            let rows = [
                (SECTION_HEADER, vec![7; 16]),
                (INTERFACE_DESCRIPTION, vec![7; 8]),
                (INTERFACE_STATISTICS, vec![7; 12]),
                (ENHANCED_PACKET, packet.clone()),
                (PACKET, packet),
                (NAME_RESOLUTION, names),
            ];
            for (block_type, fields) in rows {
                let body =
                    [fields.clone(), options(&["a secret", "plain", "gone"], order)].concat();
                let mut edit = |comment: &[u8]| match comment {
                    b"a secret" => Some(b"a note".to_vec()),
                    b"gone" => Some(Vec::new()),
                    _ => None,
                };
                let changed = edited(block_type, &body, order, &mut edit).unwrap();
                let expected = [fields, options(&["a note", "plain"], order)].concat();
                assert_eq!(changed, expected, "{block_type} {order:?}");
                assert_eq!(edited(block_type, &changed, order, &mut edit), None);
            }
        }
    }

    #[test]
    fn what_is_cut_off_stays_as_it_is() {
        let order = ByteOrder::Little;
        let whole = [vec![7; 8], options(&["a secret", "plain"], order)].concat();
        for length in 0..whole.len() {
            let mut edit = |comment: &[u8]| (comment == b"a secret").then(Vec::new);
            if let Some(changed) = edited(INTERFACE_DESCRIPTION, &whole[..length], order, &mut edit)
            {
                assert_eq!(changed.len() + 12, length.max(28), "{length}");
            }
        }
    }
}
