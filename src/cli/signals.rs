//! Ctrl-C: the first ends what is read, so that the summary follows; the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::signal::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Sets `stop` at the first signal that asks to end; a second one ends the process at once.
///
/// # Errors
///
/// When the system refuses.
pub(super) fn stop_at_first(stop: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // The order matters: at the first signal, the flag is not set yet when this looks at it.
        flag::register_conditional_default(signal, Arc::clone(stop))?;
        flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}
