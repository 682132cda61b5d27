//! The rules of ARCHITECTURE.md that a machine can check.
//!
//! Each list below is meant to be edited: a new module is a line in [`LAYERS`], a new dependency a
//! line in [`CRATES`].

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Every module, lowest first. A module may import only from itself and those before it.
const LAYERS: &[&str] = &[
    "stream",
    // For tests only: makes their packets.
    "testkit",
    "text",
    "capture",
    "decode",
    "tcp",
    "tls",
    "proxy",
    "http",
    "websocket",
    "analysis",
    "findings",
    "journal",
    "timeline",
    "describe",
    "pipeline",
    "report",
    "tui",
    "cli",
];

/// `(module, other)`: the list would allow the import, the design does not.
const STRANGERS: &[(&str, &str)] = &[
    ("tcp", "capture"),
    ("tls", "capture"),
    ("tls", "decode"),
    ("tls", "tcp"),
    ("proxy", "capture"),
    ("proxy", "decode"),
    ("proxy", "tcp"),
    ("proxy", "tls"),
    ("http", "capture"),
    ("http", "decode"),
    ("http", "tcp"),
    ("http", "tls"),
    ("http", "proxy"),
    ("websocket", "capture"),
    ("websocket", "decode"),
    ("websocket", "tcp"),
    ("websocket", "tls"),
    ("websocket", "proxy"),
    ("websocket", "http"),
    ("report", "tui"),
];

/// `(folder, module)`: two parts of one module that the list above does not separate. What is below
/// the folder must not import the module.
const APART: &[(&str, &str)] = &[
    // What is remembered of one connection never depends on another, so that each can have its thread.
    ("findings/state", "findings::across"),
];

/// `(crate, where)`: the only files and folders of `src` that may name it. Every dependency is listed.
const CRATES: &[(&str, &[&str])] = &[
    ("aes", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("aes_gcm", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("aho_corasick", &["findings/causes"]),
    ("anstyle", &["report/style.rs"]),
    ("anyhow", &["cli", "main.rs"]),
    ("base64", &["http/accept.rs", "report"]),
    ("cbc", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("ccm", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("chacha20poly1305", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("chardetng", &["findings/causes/legacy_encoding.rs"]),
    ("clap", &["cli", "main.rs"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("crossterm", &["tui"]),
    ("encoding_rs", &["findings/causes/legacy_encoding.rs"]),
    ("etherparse", &["decode"]),
    ("flate2", &["capture/compressed.rs", "websocket/deflate/tests.rs"]),
    (
        "foldhash",
        &[
            "decode",
            "tcp",
            "analysis",
            "findings",
            "journal",
            "timeline",
            "report",
            "tls/keylog.rs",
            "tls/resumption.rs",
            "tui/preview.rs",
            "tui/severity_index.rs",
            "tui/correlation.rs",
        ],
    ),
    ("hkdf", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("hmac", &["tls/crypto.rs", "testkit/secure.rs"]),
    ("humantime", &["text"]),
    ("indicatif", &["cli"]),
    ("md5", &["tls/crypto.rs", "testkit/secure.rs"]),
    (
        "memchr",
        &[
            "findings/rules/handshake/fields_read.rs",
            "findings/rules/handshake/refused_request.rs",
            "findings/rules/tls/mistaken.rs",
            "findings/state/app_heartbeat.rs",
            "http",
            "report",
            "timeline/filter",
        ],
    ),
    ("nix", &["capture/live", "cli/run"]),
    ("nom", &["capture", "decode", "http", "proxy", "tls", "websocket"]),
    ("pcap", &["capture/live"]),
    ("procfs", &["capture/live/sockets/procfs.rs"]),
    ("ratatui", &["tui"]),
    ("regex", &["timeline/filter", "tui/search.rs"]),
    ("ruzstd", &["capture/compressed.rs"]),
    ("serde", &["report", "cli", "websocket/subprotocol/json.rs"]),
    (
        "serde_json",
        &[
            "report",
            "cli",
            "timeline/filter",
            "websocket/subprotocol/json.rs",
            "findings/rules/handshake/refused_request.rs",
        ],
    ),
    ("sha1", &["http/accept.rs", "tls/crypto.rs", "testkit/secure.rs"]),
    ("sha2", &["http/accept.rs", "websocket/content.rs", "tls/crypto.rs", "testkit/secure.rs"]),
    ("signal_hook", &["tui/session.rs", "cli/signals.rs"]),
    ("simdutf8", &["websocket/utf8.rs", "report/ndjson.rs"]),
    ("socket2", &["capture/live"]),
    ("strsim", &["findings/engine/rule_name.rs", "timeline/filter/nearest.rs"]),
    ("tempfile", &["capture/spool.rs", "cli/run"]),
    ("terminal_size", &["cli/output.rs"]),
    ("thiserror", &["capture", "cli", "timeline/open.rs"]),
    ("tui_input", &["tui/prompt.rs"]),
    (
        "unicode_width",
        &[
            "text/escape.rs",
            "text/page.rs",
            "report/line.rs",
            "report/wrap.rs",
            "tui/inspector/page.rs",
        ],
    ),
    ("x509_cert", &["tls/certificate.rs"]),
    ("zeroize", &["tls/crypto.rs"]),
];

/// Percent of all definitions of types that may share their name with another one.
///
/// A name that exists twice has to be looked up with its module each time: prefix it with its subject.
const SHARED_NAMES: usize = 15;

/// `(folder, files)`: how many files of a folder of `src` may import one another in a circle at most; one file
/// alone is no circle. Tests of a file do not count.
const CIRCLES: &[(&str, usize)] = &[
    ("analysis", 1),
    ("capture", 3),
    ("cli", 1),
    ("decode", 1),
    ("describe", 3),
    ("findings", 1),
    ("http", 1),
    ("journal", 1),
    ("report", 3),
    ("tcp", 1),
    ("text", 1),
    ("timeline", 3),
    ("tls", 3),
    ("tui", 3),
    ("websocket", 3),
];

/// Names that say nothing about what a module is for.
const EMPTY_NAMES: &[&str] =
    &["common", "constants", "helper", "helpers", "misc", "prelude", "types", "util", "utils"];

/// Lines of a file; what is longer holds a second idea.
const LONGEST_FILE: usize = 800;

/// Starts of paths that exist on one machine only, each in two parts so that this file holds none.
const MACHINE_PATHS: &[(&str, &str)] =
    &[("/tm", "p/"), ("/hom", "e/"), ("/roo", "t/"), ("/User", "s/")];

#[test]
fn imports_only_point_down() {
    for file in sources() {
        let Some(level) = LAYERS.iter().position(|layer| *layer == file.module()) else {
            assert!(
                ["lib", "main"].contains(&file.module()),
                "{}: a module that LAYERS misses",
                file.name
            );
            continue;
        };
        for used in file.names_after("crate::") {
            assert!(
                !used.is_empty(),
                "{}: one `use crate::module::Item;` for each module, so that it can be read here",
                file.name
            );
            let target = LAYERS.iter().position(|layer| *layer == used);
            assert!(
                target.is_some_and(|target| target <= level)
                    && !STRANGERS.contains(&(file.module(), used)),
                "{} must not import crate::{used}",
                file.name
            );
        }
    }
}

#[test]
fn parts_of_a_module_that_are_apart_stay_so() {
    for file in sources() {
        for (folder, module) in APART {
            let last = module.rsplit("::").next().unwrap();
            let named = [format!("crate::{module}"), format!("super::{last}")];
            let imports = named.iter().any(|path| file.code.contains(path.as_str()));
            let below = Path::new(&file.name).starts_with(folder);
            assert!(!(below && imports), "{} must not import crate::{module}", file.name);
        }
    }
}

#[test]
fn files_import_one_another_in_small_circles_only() {
    let sources: Vec<Source> = sources().collect();
    let modules: BTreeMap<String, &Source> =
        sources.iter().map(|source| (source.path().join("::"), source)).collect();
    let imports: BTreeMap<&str, BTreeSet<&str>> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| {
            let paths = source.imports();
            let targets = paths.iter().filter_map(|path| defining(&modules, path));
            (source.name.as_str(), targets.map(|target| target.name.as_str()).collect())
        })
        .collect();
    for (folder, most) in CIRCLES {
        let is_within = |name: &str| name.starts_with(&format!("{folder}/"));
        let reached = |from: &str| {
            let mut seen = BTreeSet::new();
            let mut open = vec![from.to_owned()];
            while let Some(name) = open.pop() {
                for target in imports.get(name.as_str()).into_iter().flatten() {
                    if is_within(target) && seen.insert((*target).to_owned()) {
                        open.push((*target).to_owned());
                    }
                }
            }
            seen
        };
        let names = imports.keys().filter(|name| is_within(name));
        let reach: BTreeMap<&str, BTreeSet<String>> =
            names.map(|name| (*name, reached(name))).collect();
        for (name, targets) in &reach {
            let circle: Vec<&str> = targets
                .iter()
                .map(String::as_str)
                .filter(|target| reach.get(target).is_some_and(|back| back.contains(*name)))
                .collect();
            assert!(circle.len() <= *most, "these files import one another: {circle:#?}");
        }
    }
}

/// The file that defines what a path names: the last module on it, or what that module passes on from another.
fn defining<'a>(modules: &BTreeMap<String, &'a Source>, path: &[String]) -> Option<&'a Source> {
    let module = |length: usize| modules.get(&path.get(..length)?.join("::")).copied();
    let length = (1..=path.len()).rev().find(|length| module(*length).is_some())?;
    let module = module(length)?;
    let passed_on = path
        .get(length)
        .and_then(|item| module.passed_on().into_iter().find(|passed| passed.last() == Some(item)));
    match passed_on {
        Some(passed) if passed != path => defining(modules, &passed),
        Some(_) | None => Some(module),
    }
}

#[test]
fn few_types_share_their_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources() {
        for name in file.code.lines().filter_map(type_defined) {
            places.entry(name.to_owned()).or_default().push(file.name.clone());
        }
    }
    let all: usize = places.values().map(Vec::len).sum();
    places.retain(|_, files| files.len() > 1);
    let shared: usize = places.values().map(Vec::len).sum();
    assert!(
        shared * 100 < all * SHARED_NAMES,
        "{shared} of {all} types share their name with another, {SHARED_NAMES} % or more: {places:#?}"
    );
}

/// The name of the type that a line defines.
///
/// An associated type of a trait is none: its name is the trait's, not ours.
fn type_defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => code,
    };
    let (kind, rest) = code.split_once(' ')?;
    let counts = match kind {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' ') || line.trim_start().starts_with("pub"),
        _ => false,
    };
    let name = rest.split(|letter: char| !is_word(letter)).next()?;
    (counts && name.starts_with(char::is_uppercase)).then_some(name)
}

#[test]
fn definitions_of_types_are_recognized() {
    for (line, name) in [
        ("struct Frame {", Some("Frame")),
        ("pub(super) enum Kind<'a> {", Some("Kind")),
        ("pub trait Sink {", Some("Sink")),
        ("pub(in crate::tcp) struct Held(u8);", Some("Held")),
        ("    struct InTests;", Some("InTests")),
        ("pub type Result<T> = io::Result<T>;", Some("Result")),
        ("    type Item = u8;", None),
        ("    pub structure: Structure,", None),
        ("struct is a word", None),
        ("fn frame() {}", None),
    ] {
        assert_eq!(type_defined(line), name, "{line}");
    }
}

#[test]
fn third_party_crates_are_named_where_they_belong() {
    for file in sources() {
        for (name, places) in CRATES {
            let allowed = places.iter().any(|place| Path::new(&file.name).starts_with(place));
            assert!(
                allowed || !file.names_crate(name),
                "{} must not name the crate {name}, only {places:?} may",
                file.name
            );
        }
    }
}

#[test]
fn every_dependency_has_its_place() {
    let manifest = read(&root().join("Cargo.toml"));
    // Those of all systems, and those of some.
    let sections = manifest.split("\n[").filter(|section| {
        let name = section.split(']').next().unwrap();
        name == "dependencies" || name.ends_with(".dependencies")
    });
    let dependencies: BTreeSet<String> = sections
        .flat_map(|section| section.lines().skip(1))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    let listed: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(dependencies, listed, "Cargo.toml (left) and CRATES (right) differ");
}

#[test]
fn files_hold_one_idea_each() {
    for path in files(&root()).filter(|path| has_extension(path, &["rs"])) {
        let lines = read(&path).lines().count();
        assert!(lines <= LONGEST_FILE, "{}: {lines} lines, at most {LONGEST_FILE}", path.display());
    }
}

#[test]
fn modules_are_named_for_what_they_do() {
    for file in sources() {
        let parts = Path::new(&file.name).with_extension("");
        for part in parts.iter().filter_map(|part| part.to_str()) {
            assert!(!EMPTY_NAMES.contains(&part), "{}: {part} is not a description", file.name);
        }
    }
}

#[test]
fn every_sample_has_its_story() {
    let samples = root().join("samples");
    if !samples.exists() {
        return;
    }
    let stories = read(&samples.join("README.md"));
    for path in files(&samples).filter(|path| path.parent() == Some(samples.as_path())) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.contains(".pcap") {
            let stem = name.split('.').next().unwrap();
            let told = [name, stem].iter().any(|word| stories.contains(&format!("`{word}`")));
            assert!(told, "samples/README.md tells nothing of `{name}`");
        }
    }
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    for path in files(&root()) {
        if !path.extension().is_none_or(|_| has_extension(&path, TEXT)) {
            continue;
        }
        // Files that are no text (a capture without an extension) have no paths to check.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (start, end) in MACHINE_PATHS {
            let named = format!("{start}{end}");
            assert!(!text.contains(&named), "{} names a path in {named}", path.display());
        }
    }
}

/// A file of `src`.
struct Source {
    /// Its path below `src`.
    name: String,
    /// Its lines that are not comments.
    code: String,
}

impl Source {
    /// The top-level module it belongs to; `lib` or `main` for the two roots.
    fn module(&self) -> &str {
        let first = self.name.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The path of its module, without `crate`.
    fn path(&self) -> Vec<String> {
        let stem = self.name.strip_suffix(".rs").unwrap_or(&self.name);
        let stem = stem.strip_suffix("/mod").unwrap_or(stem);
        stem.split('/').map(str::to_owned).collect()
    }

    /// Whether it holds nothing but tests.
    fn is_test(&self) -> bool {
        self.name.ends_with("tests.rs") || self.name.contains("fixture")
    }

    /// Paths of items that it imports or names where it uses them, without `crate`, its tests aside.
    fn imports(&self) -> Vec<Vec<String>> {
        self.uses().into_iter().map(|(_, path)| path).chain(self.named_inline()).collect()
    }

    /// Paths of items of ours that it writes out where it uses them. The scope of a `pub(in ...)` is not one.
    fn named_inline(&self) -> Vec<Vec<String>> {
        let elsewhere = self.untested().split(';').filter(|statement| import(statement).is_none());
        let paths = elsewhere.flat_map(|code| {
            ["crate::", "super::", "self::"].iter().flat_map(move |start| {
                code.match_indices(start).filter_map(move |(at, _)| {
                    let before = &code[..at];
                    let is_part = before.ends_with(|letter: char| is_word(letter) || letter == ':');
                    let path = code[at..].split(|letter: char| !is_word(letter) && letter != ':');
                    path.into_iter().next().filter(|_| !is_part && !before.ends_with("(in "))
                })
            })
        });
        paths.filter_map(|path| self.absolute(path.trim_end_matches(':'))).collect()
    }

    /// Its code without its tests.
    fn untested(&self) -> &str {
        self.code.split("#[cfg(test)]\nmod tests").next().unwrap()
    }

    /// Those that others can import from here.
    fn passed_on(&self) -> Vec<Vec<String>> {
        self.uses().into_iter().filter(|(is_public, _)| *is_public).map(|(_, path)| path).collect()
    }

    /// Items of ours that it imports, and whether it passes them on.
    fn uses(&self) -> Vec<(bool, Vec<String>)> {
        let mut found = Vec::new();
        for statement in self.untested().split(';') {
            let Some((before, tree)) = import(statement) else { continue };
            let (prefix, names) = match tree.split_once('{') {
                Some((prefix, names)) => (prefix, names.trim_end_matches('}')),
                None => ("", tree),
            };
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let name = name.split(" as ").next().unwrap();
                if let Some(path) = self.absolute(&format!("{prefix}{name}")) {
                    found.push((!before.is_empty(), path));
                }
            }
        }
        found
    }

    /// A path from the root of our crate; `None` for one into another crate.
    fn absolute(&self, path: &str) -> Option<Vec<String>> {
        let mut parts = path.trim().split("::").map(str::to_owned).peekable();
        let mut absolute = match parts.next()?.as_str() {
            "crate" => Vec::new(),
            "self" => self.path(),
            "super" => {
                let mut up = self.path();
                up.pop();
                up
            }
            _ => return None,
        };
        while parts.next_if(|part| part == "super").is_some() {
            absolute.pop();
        }
        absolute.extend(parts);
        Some(absolute)
    }

    /// The name that follows each `key`; empty if a brace or a star does.
    fn names_after<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.code.match_indices(key).map(|(at, key)| {
            let rest = &self.code[at + key.len()..];
            rest.split(|letter: char| !is_word(letter)).next().unwrap()
        })
    }

    /// Whether a path starts with the crate's name; `super::pcap` is a module of ours.
    ///
    /// Tests may use what they like.
    fn names_crate(&self, name: &str) -> bool {
        if self.name.ends_with("/tests.rs") || self.module() == "testkit" {
            return false;
        }
        let code = self.code.split("#[cfg(test)]\nmod tests {").next().unwrap();
        [format!("{name}::"), format!("use {name};")].iter().any(|key| {
            code.match_indices(key.as_str()).any(|(at, _)| {
                !code[..at].ends_with(|letter: char| is_word(letter) || letter == ':')
            })
        })
    }
}

/// What precedes `use` in a statement that imports something, and what it imports.
fn import(statement: &str) -> Option<(&str, &str)> {
    let (before, tree) = statement.trim_start().split_once("use ")?;
    let is_import = before.is_empty() || before.starts_with("pub") && !before.contains('\n');
    is_import.then_some((before, tree))
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// All files of `src`.
fn sources() -> impl Iterator<Item = Source> {
    let src = root().join("src");
    files(&src.clone()).map(move |path| {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        let text = read(&path);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        Source { name, code: code.collect::<Vec<_>>().join("\n") }
    })
}

/// All files below `folder`, without what a build or a download left there.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                found.push(path);
            } else if !SKIPPED.iter().any(|name| path.ends_with(name)) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found.into_iter()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|it| it.to_str()).is_some_and(|it| extensions.contains(&it))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

const SKIPPED: &[&str] = &[".git", "__pycache__", "node_modules", "target"];
const TEXT: &[&str] = &["html", "js", "md", "py", "rs", "sh", "snap", "toml", "txt", "yml"];
