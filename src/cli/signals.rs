//! Ctrl-C: the first ends reading, so that the summary follows; the second ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(unix)]
use signal_hook::consts::signal::SIGHUP;
use signal_hook::consts::signal::{SIGINT, SIGTERM};

/// Sets `stop` at the first terminating signal; a later one ends the process immediately, after `clean_up`.
///
/// Signals right after the first belong to it: timeout(1) sends each signal to the process and to
/// its group.
///
/// # Errors
///
/// If the system refuses.
#[cfg(unix)]
pub(super) fn stop_at_first(
    stop: &Arc<AtomicBool>,
    clean_up: impl Fn() + Send + 'static,
) -> io::Result<()> {
    use std::sync::atomic::Ordering;
    use std::thread;

    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let stop = Arc::clone(stop);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut first = None;
        for signal in &mut signals {
            let since = now().saturating_duration_since(*first.get_or_insert_with(now));
            if stop.swap(true, Ordering::Relaxed) && since >= SAME {
                clean_up();
                emulate_default_handler(signal).ok();
            }
        }
    })?;
    Ok(())
}

/// The same on systems where signals cannot be waited for.
///
/// # Errors
///
/// If the system refuses.
#[cfg(not(unix))]
pub(super) fn stop_at_first(
    stop: &Arc<AtomicBool>,
    _clean_up: impl Fn() + Send + 'static,
) -> io::Result<()> {
    use signal_hook::flag;

    for signal in [SIGINT, SIGTERM] {
        // The order matters: at the first signal, the flag is not set yet when this looks at it.
        flag::register_conditional_default(signal, Arc::clone(stop))?;
        flag::register(signal, Arc::clone(stop))?;
    }
    Ok(())
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a key is pressed twice in wall time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Signals within this time count as one.
#[cfg(unix)]
const SAME: std::time::Duration = std::time::Duration::from_millis(250);
