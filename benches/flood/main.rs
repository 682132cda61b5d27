//! Load for live capture: sends numbered WebSocket messages over the loopback interface, and hears what of
//! them a capture prints.
//!
//! `flood send SECONDS RATE each|packed` prints what was sent, `flood hear` what came of it in the ndjson on its
//! standard input, both as one line of JSON. `scripts/bench-live` runs them in a network namespace of their own.

use std::env;
use std::io::{Write, stderr, stdin, stdout};
use std::process::ExitCode;

use hearing::Heard;
use sending::Load;

mod hearing;
mod sending;

fn main() -> ExitCode {
    // `cargo bench` adds this flag to what the user gave.
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["send", seconds, rate, writes] => send(seconds, rate, writes),
        ["hear"] => Heard::of(stdin().lock())
            .map(|heard| heard.to_json().to_string())
            .map_err(|it| it.to_string()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome.and_then(|line| writeln!(stdout(), "{line}").map_err(|it| it.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            writeln!(stderr(), "{message}").ok();
            // A bare `cargo bench` ends here, and nothing is wrong with that.
            if arguments.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
        }
    }
}

fn send(seconds: &str, rate: &str, writes: &str) -> Result<String, String> {
    let load = Load::parse(seconds, rate, writes).ok_or(USAGE)?;
    load.send().map(|sent| sent.to_json().to_string()).map_err(|it| it.to_string())
}

const USAGE: &str = "usage: flood send SECONDS MESSAGES-PER-SECOND each|packed, or flood hear\n\
                     (scripts/bench-live runs them and measures with them)";
