//! What queries and bodies say of sessions on top of HTTP.

use memchr::memmem;

/// The value of the first parameter of this name in the query of a target, as it was sent; `None` if it is empty.
pub fn parameter<'a>(target: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let query = target.splitn(2, |byte| *byte == b'?').nth(1)?;
    let query = query.split(|byte| *byte == b'#').next().unwrap_or(query);
    let value = query.split(|byte| *byte == b'&').find_map(|part| {
        let rest = part.strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    });
    value.filter(|value| !value.is_empty())
}

/// The session id in the open packet of Engine.IO, which answers the first request of long polling:
/// `0{"sid":"lv_VI97HAXpY6yYWAAAC",...}`, in version 3 after its length.
pub fn session_of(body: &[u8]) -> Option<&[u8]> {
    let length = body.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b':').count();
    let object = body.get(length..).filter(|rest| rest.starts_with(b"{"))?;
    let packet = body.get(..length)?;
    let at = memmem::find(object, SID).filter(|_| packet.ends_with(b"0"))?;
    let value = object.get(at.saturating_add(SID.len())..)?;
    value.split(|byte| *byte == b'"').next().filter(|id| !id.is_empty())
}

const SID: &[u8] = b"\"sid\":\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_their_whole_name() {
        let target = b"/socket.io/?EIO=4&xsid=a&sid=b&sid=c&t=#sid=d";
        assert_eq!(parameter(target, "sid"), Some(&b"b"[..]));
        assert_eq!((parameter(target, "t"), parameter(target, "id")), (None, None));
        assert_eq!(parameter(b"/a", "sid"), None);
    }

    #[test]
    fn sessions_are_found_in_open_packets_only() {
        #[rustfmt::skip]
        let rows: &[(&[u8], Option<&[u8]>)] = &[
            (b"0{\"sid\":\"abc\",\"upgrades\":[]}", Some(b"abc")),
            (b"96:0{\"sid\":\"abc\",\"upgrades\":[]}2:40", Some(b"abc")),
            (b"40{\"sid\":\"abc\"}", Some(b"abc")),
            (b"42[\"sid\",{\"sid\":\"abc\"}]", None),
            (b"{\"sid\":\"abc\"}", None),
            (b"0{\"sid\":\"\"}", None),
            (b"", None),
        ];
        for (body, expected) in rows {
            assert_eq!(session_of(body), *expected, "{}", body.escape_ascii());
        }
    }
}
