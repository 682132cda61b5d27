//! Several captures: listing them, and reading them in parallel.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::Context;

use super::glob;
use super::input::Input;
use crate::capture::{self, Error};

/// A capture to read.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) input: Input,
    origin: JobOrigin,
}

/// Who named a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum JobOrigin {
    /// The user.
    Named,
    /// Nobody: it was found in a directory, and may not be a capture.
    Found,
}

impl Job {
    /// A capture that the user named.
    pub(super) fn named(input: Input) -> Self {
        Self { input, origin: JobOrigin::Named }
    }

    /// Its name as the user wrote it.
    pub(super) fn name(&self) -> String {
        match self.input.files() {
            None => "standard input".to_owned(),
            Some(files) => files.name(),
        }
    }

    /// Whether it can be opened as a capture.
    pub(super) fn is_capture(&self) -> bool {
        self.input.paths().iter().all(|path| capture::open(path).is_ok())
    }

    /// Whether it may not be a capture.
    pub(super) fn is_guess(&self) -> bool {
        self.origin == JobOrigin::Found
    }
}

/// The captures to read: files in the given order, those of a directory or a pattern sorted by name.
///
/// # Errors
///
/// If a directory cannot be read or has no files, or nothing matches a pattern.
pub(super) fn list(named: &[PathBuf]) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for path in named {
        if path.is_dir() {
            let files = files_in(path)?.into_iter();
            jobs.extend(files.map(|it| Job { input: Input::of(&it), origin: JobOrigin::Found }));
        } else if glob::is_pattern(path) && !path.exists() {
            let matching = glob::expand(path).into_iter().filter(|path| path.is_file());
            let before = jobs.len();
            jobs.extend(matching.map(|it| Job::named(Input::of(&it))));
            anyhow::ensure!(
                jobs.len() > before,
                "no file matches {}; check the pattern",
                path.display()
            );
        } else {
            jobs.push(Job::named(Input::of(path)));
        }
    }
    Ok(jobs)
}

/// The files in a directory, sorted by name.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("directory {} cannot be read", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        // Reading a pipe or a device could wait forever.
        if path.is_file() {
            found.push(path);
        }
    }
    anyhow::ensure!(!found.is_empty(), "directory {} has no files in it", folder.display());
    found.sort();
    Ok(found)
}

/// The given paths as one phrase.
pub(super) fn in_words(named: &[PathBuf]) -> String {
    let names: Vec<String> = named.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

/// Whether a file could not be opened because it is not a capture of any kind.
pub(super) fn is_not_a_capture(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Error>() {
        Some(
            Error::Empty { .. }
            | Error::NotCapture { .. }
            | Error::Unsupported { .. }
            | Error::Decompression { .. },
        ) => true,
        Some(
            Error::Missing { .. }
            | Error::Directory { .. }
            | Error::Permission { .. }
            | Error::DamagedCompression { .. }
            | Error::Truncated { .. }
            | Error::Damaged { .. }
            | Error::Io { .. }
            | Error::Unwritable { .. }
            | Error::Exists { .. }
            | Error::NotSpooled { .. }
            | Error::Live { .. },
        )
        | None => false,
    }
}

/// The number of processors.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Runs all jobs, several at a time, and passes their results to `take` in the order of the jobs.
///
/// # Errors
///
/// The first error of `take`; jobs that have not started by then are not run.
pub(super) fn run<T: Send, E>(
    jobs: &[Job],
    threads: usize,
    work: impl Fn(&Job) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.min(jobs.len());
    if threads <= 1 {
        return jobs.iter().map(work).try_for_each(take);
    }
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(place) else { return };
                    // The receiver is gone once no more results are wanted.
                    if sender.send((place, work(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut done: Vec<Option<T>> = jobs.iter().map(|_| None).collect();
        let mut written = 0_usize;
        for (place, result) in receiver {
            if let Some(slot) = done.get_mut(place) {
                *slot = Some(result);
            }
            while let Some(result) = done.get_mut(written).and_then(Option::take) {
                written = written.saturating_add(1);
                if let Err(error) = take(result) {
                    next.store(jobs.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;

    fn jobs(count: usize) -> Vec<Job> {
        (0..count).map(|number| Job::named(Input::of(Path::new(&number.to_string())))).collect()
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        for threads in [0, 1, 2, 9] {
            let mut taken = Vec::new();
            let work = |job: &Job| {
                let number: u64 = job.name().parse().unwrap();
                // The first ones take longest.
                thread::sleep(Duration::from_millis(8_u64.saturating_sub(number)));
                number
            };
            let outcome: Result<(), Infallible> = run(&jobs(10), threads, work, |number| {
                taken.push(number);
                Ok(())
            });
            assert_eq!((outcome, taken), (Ok(()), (0..10).collect()), "{threads} threads");
        }
    }

    #[test]
    fn nothing_is_taken_after_an_error() {
        for threads in [1, 4] {
            let mut taken = 0;
            let outcome = run(
                &jobs(10),
                threads,
                |_| (),
                |()| {
                    taken += 1;
                    if taken == 3 { Err("full") } else { Ok(()) }
                },
            );
            assert_eq!((outcome, taken), (Err("full"), 3), "{threads} threads");
        }
    }

    #[test]
    fn folders_are_listed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d")).unwrap();
        let named = [PathBuf::from("z"), folder.path().to_owned()];
        let found = list(&named).unwrap();
        let names = |found: &[Job]| -> Vec<(String, bool)> {
            let last = |job: &Job| job.name().rsplit('/').next().unwrap_or_default().to_owned();
            found.iter().map(|job| (last(job), job.is_guess())).collect()
        };
        let expected = [("z", false), ("a", true), ("b", true), ("c", true)];
        assert_eq!(names(&found), expected.map(|(name, guess)| (name.to_owned(), guess)));
        let found = list(&[folder.path().join("[ab]")]).unwrap();
        assert_eq!(names(&found), [("a".to_owned(), false), ("b".to_owned(), false)]);
        let nothing = list(&[folder.path().join("x*")]).unwrap_err().to_string();
        assert!(nothing.starts_with("no file matches"), "{nothing}");
        assert!(list(&[folder.path().join("d")]).unwrap_err().to_string().contains("no files"));
    }
}
