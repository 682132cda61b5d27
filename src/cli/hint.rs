//! Where secrets may be that were not given: one line for standard error, after a report that lacks them.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::usage::one_line;

/// Where the secrets of a capture may be, of which something is encrypted; `None` if there is no sign of any.
///
/// They are not used unasked: the variable may be meant for another program.
pub(super) fn about_secrets() -> Option<String> {
    let named = env::var_os(VARIABLE)?;
    // Once is enough, however many captures are read.
    (!HAS_MENTIONED.swap(true, Ordering::Relaxed)).then(|| in_environment(&named))
}

fn in_environment(named: &OsStr) -> String {
    let path = Path::new(named).display();
    one_line(&format!(
        "the environment variable {VARIABLE} names {path}, which is not used: if the program that was captured \
         wrote it, give it with --keylog {path}"
    ))
}

/// What names the key log of many programs.
const VARIABLE: &str = "SSLKEYLOGFILE";

static HAS_MENTIONED: AtomicBool = AtomicBool::new(false);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_shown_in_one_line() {
        for name in ["keys.log", "keys\n.log", "", "\u{1b}[2J"] {
            let text = in_environment(OsStr::new(name));
            assert!(text.contains("SSLKEYLOGFILE") && text.contains("--keylog"), "{text}");
            assert!(!text.contains(char::is_control), "{text}");
        }
    }
}
