//! Makes captures of any size, the same bytes for the same profile and size.
//!
//! Nothing here reads a clock or the analyzer: peers are simulated, a [`Tap`] writes down what
//! passes, and a [`Truth`] counts what was sent, so that a test can hold the analyzer against it.

#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "writes headers from numbers of its own making; no input reaches this code"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::Path;

pub(crate) use self::profile::Profile;
use self::tap::Tap;
pub(crate) use self::truth::Truth;
use wslens::stream;

mod profile;
mod sender;
mod session;
mod tap;
mod tcp;
#[path = "../../../src/testkit/mod.rs"]
mod testkit;
mod truth;
mod websocket;

/// Writes a capture of at least `size` bytes to `path`, and returns what is in it.
///
/// It grows past `size` only by the packets that close the connections still open.
pub(crate) fn generate(profile: Profile, size: u64, path: &Path) -> io::Result<Truth> {
    let mut tap = Tap::create(path, profile.precision())?;
    let mut actors = profile.actors(size, &mut tap);
    // Woken in the order of time, and of their number where two want the same nanosecond.
    let mut wakes: BinaryHeap<Reverse<(u64, usize)>> = actors
        .iter()
        .enumerate()
        .map(|(number, actor)| Reverse((actor.starts(), number)))
        .collect();
    let mut now = 0;
    while let Some(Reverse((time, number))) = wakes.pop() {
        now = time;
        if tap.written() >= size {
            break;
        }
        wakes.push(Reverse((actors[number].wake(&mut tap, now).max(now + 1), number)));
    }
    for actor in &mut actors {
        now += 10_000;
        actor.end(&mut tap, now);
    }
    tap.finish()
}

/// A pair of peers, or several in turn, that send when they are woken.
trait Actor {
    /// When it wants to be woken first; nanoseconds since the start of the capture, as all times here.
    fn starts(&self) -> u64;

    /// Sends what is due at `now`; returns when it wants to be woken again.
    fn wake(&mut self, tap: &mut Tap, now: u64) -> u64;

    /// Says goodbye.
    fn end(&mut self, tap: &mut Tap, now: u64);
}
