//! Writes one large capture, the same bytes every time: `captures PROFILE MEGABYTES FILE`.
//!
//! `scripts/bench` calls this; README.md in the folder above says what the profiles are.

use std::env;
use std::io::Write;
use std::io::stderr;
use std::path::Path;
use std::process::ExitCode;

use generator::Profile;

mod generator;

fn main() -> ExitCode {
    // `cargo bench` adds this flag to what the user gave.
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    let outcome = match arguments.as_slice() {
        [] => Err(USAGE.to_owned()),
        [profile, megabytes, file] => run(profile, megabytes, file),
        _ => Err(format!("three arguments are needed\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            writeln!(stderr(), "{message}").ok();
            // A bare `cargo bench` ends here, and nothing is wrong with that.
            if arguments.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
        }
    }
}

fn run(profile: &str, megabytes: &str, file: &str) -> Result<(), String> {
    let profile = Profile::ALL.into_iter().find(|it| it.name() == profile).ok_or(USAGE)?;
    let megabytes: u64 = megabytes.parse().map_err(|_| USAGE)?;
    let truth = generator::generate(profile, megabytes.saturating_mul(1_000_000), Path::new(file))
        .map_err(|error| format!("cannot write {file}: {error}"))?;
    if let Some(log) = profile.key_log() {
        write_beside(file, "keys", &log)?;
    }
    // Last: where it is, the capture is whole.
    write_beside(file, "json", &format!("{:#}\n", truth.to_json(profile)))
}

fn write_beside(file: &str, extension: &str, text: &str) -> Result<(), String> {
    let beside = Path::new(file).with_extension(extension);
    std::fs::write(&beside, text)
        .map_err(|error| format!("cannot write {}: {error}", beside.display()))
}

const USAGE: &str = "usage: captures chat|bulk|deflate|noise|lossy|wss MEGABYTES FILE\n\
                     (scripts/bench makes the captures it needs and measures with them)";
