//! Several capture files: reading them as one, and the advice to do so.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::glob;
use super::input::Input;
use super::jobs::{self, Job};
use crate::capture::{self, CaptureFiles};
use crate::stream::Timestamp;
use crate::text::shell::quoted;

/// Reading several files as one capture.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct JoinArgs {
    /// Read several files as one capture
    ///
    /// For the files of a ring (-w with -b, dumpcap, tcpdump -C, -G): connections continue from one
    /// file to the next. Packets are ordered and numbered as after mergecap. FILE may be a directory
    /// or a quoted pattern such as 'ring_*.pcapng'.
    #[arg(long)]
    pub(super) join: bool,
}

/// The one capture that several paths are.
///
/// # Errors
///
/// - [`JoinAdvice`] for several files without `--join`.
/// - As [`jobs::list`] and [`CaptureFiles::join`].
pub(super) fn one_capture(named: &[PathBuf], args: JoinArgs) -> anyhow::Result<Input> {
    if !args.join
        && let [one] = named
        && (one == Path::new("-") || one.is_file())
    {
        return Ok(Input::of(one));
    }
    let jobs = jobs::list(named)?;
    if args.join {
        return joined(&jobs);
    }
    if let Some(missing) = named
        .iter()
        .find(|path| !path.exists() && !glob::is_pattern(path) && *path != Path::new("-"))
    {
        capture::open(missing)?;
    }
    match jobs.as_slice() {
        [one] if !one.is_guess() => Ok(one.input.clone()),
        several => {
            let captures = several.iter().filter(|job| !job.is_guess() || job.is_capture());
            let count = captures.count();
            let what = match (named, count) {
                ([folder], _) if folder.is_dir() => {
                    let folder = folder.display();
                    format!("{folder} is a directory; to read its captures as one")
                }
                _ => format!("{count} captures are given; to read them as one"),
            };
            Err(JoinAdvice { what, named: named.to_vec(), code: None }.into())
        }
    }
}

/// The captures to read one by one; only one with `--join`.
///
/// # Errors
///
/// As [`jobs::list`] and [`CaptureFiles::join`].
pub(super) fn listed(named: &[PathBuf], args: JoinArgs) -> anyhow::Result<Vec<Job>> {
    let jobs = jobs::list(named)?;
    if args.join { Ok(vec![Job::named(joined(&jobs)?)]) } else { Ok(jobs) }
}

/// Joins all listed captures to one; what was found in a directory and is not a capture is skipped.
///
/// # Errors
///
/// As [`CaptureFiles::join`], and if there is nothing to join.
fn joined(jobs: &[Job]) -> anyhow::Result<Input> {
    let mut paths = Vec::with_capacity(jobs.len());
    let mut seen = BTreeSet::new();
    for job in jobs {
        if job.is_guess() && !job.is_capture() {
            continue;
        }
        for path in job.input.paths() {
            // The same file twice would be every packet twice.
            if seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                paths.push(path);
            }
        }
        if matches!(job.input, Input::Standard) {
            anyhow::bail!("standard input cannot be joined with --join; write it to a file first");
        }
    }
    if let Some(path) = paths.iter().find(|path| path.exists() && !path.is_file()) {
        anyhow::bail!("{} is not a file that can be read twice; --join needs one", path.display());
    }
    if paths.is_empty() {
        anyhow::bail!("no capture found to join; name a file to see why it is not one");
    }
    Ok(Input::Files(CaptureFiles::join(paths)?))
}

/// Several files may be one capture: `--join` reads them so.
#[derive(Debug, thiserror::Error)]
#[error("{what}: add --join")]
pub(super) struct JoinAdvice {
    /// What is the case, before the command.
    what: String,
    /// The files as named.
    named: Vec<PathBuf>,
    /// The exit code if this is only a hint; `None` if nothing was read.
    pub(super) code: Option<ExitCode>,
}

impl JoinAdvice {
    /// A hint about files that were read one by one.
    pub(super) fn hint(count: usize, named: &[PathBuf], code: ExitCode) -> Self {
        let what = format!(
            "these {count} files look like one capture in several files; to read them as one"
        );
        Self { what, named: named.to_vec(), code: Some(code) }
    }

    /// The line to show: the exact command, made of the given one.
    pub(super) fn line(&self, arguments: &[OsString]) -> String {
        let pattern = pattern_of(&self.named);
        let mut words = vec!["wslens".to_owned()];
        let mut replaced = false;
        for argument in arguments.iter().skip(1) {
            let is_file = self.named.iter().any(|path| path.as_os_str() == argument);
            match &pattern {
                Some(_) if is_file && replaced => {}
                Some(pattern) if is_file => {
                    words.push(quoted(&pattern.to_string_lossy()));
                    replaced = true;
                }
                _ => words.push(quoted(&argument.to_string_lossy())),
            }
        }
        words.push("--join".to_owned());
        format!("{}: {}", self.what, words.join(" "))
    }
}

/// A pattern for exactly these files, if they are too many to be listed.
fn pattern_of(named: &[PathBuf]) -> Option<PathBuf> {
    let [first, .., last] = named else { return None };
    if named.len() <= LISTED {
        return None;
    }
    let folder = first.parent()?;
    let names: Option<Vec<&str>> = named
        .iter()
        .map(|path| (path.parent() == Some(folder)).then(|| path.file_name()?.to_str()).flatten())
        .collect();
    let names = names?;
    let (one, other) = (first.file_name()?.to_str()?, last.file_name()?.to_str()?);
    let common = |both: &mut dyn Iterator<Item = (char, char)>| {
        both.take_while(|(one, other)| one == other).count()
    };
    let before = common(&mut one.chars().zip(other.chars()));
    let after = common(&mut one.chars().rev().zip(other.chars().rev()));
    let after = after.min(one.chars().count().saturating_sub(before));
    let start: String = one.chars().take(before).collect();
    let end: String = one.chars().skip(one.chars().count().saturating_sub(after)).collect();
    let pattern = folder.join(format!("{start}*{end}"));
    let found: BTreeSet<PathBuf> = glob::expand(&pattern).into_iter().collect();
    let is_exact = found.len() == names.len() && named.iter().all(|path| found.contains(path));
    is_exact.then_some(pattern)
}

/// What is known of a file that was read on its own.
#[derive(Clone, Debug)]
pub(super) struct ReadFile {
    pub(super) path: PathBuf,
    /// Times of its first and last packet; `None` if it has no packets.
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

/// Whether files belong together by name and time: numbered parts of one name, each of which starts
/// where the one before it ends, as a ring of files does.
pub(super) fn belong_together(files: &[ReadFile]) -> bool {
    let [first, _, ..] = files else { return false };
    let folder = first.path.parent();
    let stem = unnumbered(&first.path);
    if !files.iter().all(|it| it.path.parent() == folder && unnumbered(&it.path) == stem) {
        return false;
    }
    let mut times: Vec<(Timestamp, Timestamp)> = files.iter().filter_map(|it| it.times).collect();
    if times.len() < 2 {
        return false;
    }
    times.sort();
    times.iter().zip(times.iter().skip(1)).all(|((start, end), (next, last))| {
        let longest = end.since(*start).max(last.since(*next));
        // A quiet moment may be longer than the files; those of other recordings are further apart.
        let quiet = longest.saturating_mul(2).max(SHORT_PAUSE);
        next.0.saturating_add(OVERLAP) >= end.0 && next.since(*end) <= quiet
    })
}

/// A file's name without the numbers in it.
fn unnumbered(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// How many files are listed in a command.
const LISTED: usize = 6;

/// How far files of one ring may overlap, in nanoseconds: timestamps of several processors differ.
const OVERLAP: u64 = 100_000_000;

/// A pause between the last packet of a file and the first of the next, in nanoseconds: 10 s.
const SHORT_PAUSE: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, first: u64, last: u64) -> ReadFile {
        let time = |seconds: u64| Timestamp(seconds * 1_000_000_000);
        ReadFile { path: path.into(), times: Some((time(first), time(last))) }
    }

    #[test]
    fn rings_are_recognized_by_name_and_time() {
        #[rustfmt::skip]
        let cases = [
            ("dumpcap",        vec![file("r_00001_20240501100000.pcapng", 0, 60), file("r_00002_20240501100100.pcapng", 60, 119)], true),
            ("tcpdump -C",     vec![file("f.pcap", 100, 200), file("f.pcap1", 200, 290), file("f.pcap2", 295, 400)],             true),
            ("any order",      vec![file("f2", 200, 290), file("f1", 100, 200)],                                                 true),
            ("short files",    vec![file("f1", 100, 100), file("f2", 105, 105)],                                                 true),
            ("other names",    vec![file("alpha1", 100, 200), file("beta2", 200, 290)],                                          false),
            ("other folders",  vec![file("a/f1", 100, 200), file("b/f2", 200, 290)],                                             false),
            ("other days",     vec![file("f1", 100, 200), file("f2", 90_000, 90_100)],                                           false),
            ("same time",      vec![file("f1", 100, 200), file("f2", 110, 190)],                                                 false),
            ("one",            vec![file("f1", 100, 200)],                                                                       false),
            ("without packets", vec![file("f1", 100, 200), ReadFile { path: "f2".into(), times: None }],                         false),
        ];
        for (name, files, expected) in cases {
            assert_eq!(belong_together(&files), expected, "{name}");
        }
    }

    #[test]
    fn the_command_is_exact() {
        let advice = JoinAdvice {
            what: "2 captures are given; to read them as one".to_owned(),
            named: vec!["a.pcap".into(), "my b.pcap".into()],
            code: None,
        };
        let given = ["wslens", "print", "a.pcap", "my b.pcap", "-Y", "opcode == text"];
        assert_eq!(
            advice.line(&given.map(OsString::from)),
            "2 captures are given; to read them as one: \
             wslens print a.pcap 'my b.pcap' -Y 'opcode == text' --join"
        );
    }

    #[test]
    fn many_files_become_a_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let path = |number: usize| folder.path().join(format!("ring_{number:02}.pcap"));
        let named: Vec<PathBuf> = (1..=20).map(path).collect();
        for path in &named {
            std::fs::write(path, "").unwrap();
        }
        let words = ["wslens", "stats"].into_iter().map(OsString::from);
        let given: Vec<OsString> = words.chain(named.iter().map(OsString::from)).collect();
        let advice = JoinAdvice { what: "20".to_owned(), named, code: None };
        let pattern = folder.path().join("ring_*.pcap");
        let line = format!("20: wslens stats '{}' --join", pattern.display());
        assert_eq!(advice.line(&given), line);
        // One more file that was not named.
        std::fs::write(path(99), "").unwrap();
        assert!(advice.line(&given).contains("ring_07.pcap"));
    }
}
