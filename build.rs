//! Finds libpcap, so that a machine without it still builds everything but live capture.
//!
//! Where the library is found, `cfg(libpcap)` is set and `capture/live.rs` is compiled. Elsewhere no
//! path of the crate names the `pcap` crate, so nothing of it reaches the linker.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    for variable in ["LIBPCAP_LIBDIR", "LIBPCAP_VER", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if env::var_os("CARGO_FEATURE_LIVE").is_none() {
        return Ok(());
    }
    match find(&directories()) {
        Found::System => link(None),
        Found::Linkable(library) => {
            watch(&library);
            link(library.parent());
        }
        Found::Runtime(library) => {
            watch(&library);
            let out = PathBuf::from(env::var("OUT_DIR")?);
            link_runtime(&library, &out)?;
            link(Some(&out));
        }
        Found::Nothing => {
            // Only existing files: a missing one would run this, and so compile everything, each time.
            INSTALLED.iter().map(Path::new).filter(|file| file.exists()).for_each(watch);
            println!(
                "cargo::warning=libpcap was not found: live capture is left out \
                 (Debian: apt install libpcap-dev), files can be read"
            );
        }
    }
    Ok(())
}

/// What there is of libpcap.
enum Found {
    /// A part of the system that the linker finds by itself.
    System,
    /// A library with the name that the linker looks for.
    Linkable(PathBuf),
    /// Only the library for running programs, without the name that the linker looks for.
    Runtime(PathBuf),
    /// Nothing.
    Nothing,
}

fn find(directories: &[PathBuf]) -> Found {
    if let Some(directory) = env::var_os("LIBPCAP_LIBDIR").map(PathBuf::from) {
        // Whoever names a directory means that one only.
        return first(&[directory], LINKABLE).map_or(Found::Nothing, Found::Linkable);
    }
    if env::var("TARGET") != env::var("HOST") || target_is("windows") {
        // Libraries of cross compilers and Npcap's kit are found through LIBPCAP_LIBDIR only.
        return Found::Nothing;
    }
    if target_is("macos") {
        return Found::System;
    }
    first(directories, LINKABLE)
        .or_else(|| first(&[pkg_config()?], LINKABLE))
        .map(Found::Linkable)
        .or_else(|| first(directories, RUNTIME).map(Found::Runtime))
        .unwrap_or(Found::Nothing)
}

/// The first of the files `names` that one of the `directories` has.
fn first(directories: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    directories
        .iter()
        .flat_map(|directory| names.iter().map(|name| directory.join(name)))
        .find(|library| library.exists())
}

/// The usual places of libraries for the machine that is built for.
fn directories() -> Vec<PathBuf> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let abi = env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    let pointer = env::var("CARGO_CFG_TARGET_POINTER_WIDTH").unwrap_or_default();
    let mut directories = Vec::new();
    // Debian's directories of one architecture, among them arm-linux-gnueabihf.
    let triplets = [
        format!("{architecture}-linux-{abi}"),
        format!("{architecture}-linux-{abi}eabihf"),
        format!("{architecture}-linux-{abi}abi64"),
    ];
    for root in ["/usr/local/lib", "/usr/lib", "/lib"] {
        directories.extend(triplets.iter().map(|triplet| Path::new(root).join(triplet)));
    }
    if architecture == "x86" {
        directories.push(PathBuf::from("/usr/lib/i386-linux-gnu"));
    }
    if pointer == "64" {
        directories.extend(["/usr/local/lib64", "/usr/lib64", "/lib64"].map(PathBuf::from));
    }
    // On a system with lib64 (Fedora), lib holds libraries of 32 bits.
    if pointer != "64" || !Path::new("/usr/lib64/libc.so.6").exists() {
        directories.extend(["/usr/local/lib", "/usr/lib", "/lib"].map(PathBuf::from));
    }
    directories.extend(["/opt/homebrew/lib", "/opt/local/lib"].map(PathBuf::from));
    directories
}

/// The directory that pkg-config gives for libpcap.
fn pkg_config() -> Option<PathBuf> {
    let answer = Command::new("pkg-config").args(["--variable=libdir", "libpcap"]).output().ok()?;
    let directory = String::from_utf8(answer.stdout).ok()?;
    let directory = directory.trim();
    (answer.status.success() && !directory.is_empty()).then(|| PathBuf::from(directory))
}

/// Gives a runtime library the name that the linker looks for.
fn link_runtime(library: &Path, out: &Path) -> std::io::Result<()> {
    let name = out.join("libpcap.so");
    match fs::remove_file(&name) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(library, name)?;
    #[cfg(not(unix))]
    fs::copy(library, name)?;
    Ok(())
}

fn link(directory: Option<&Path>) {
    println!("cargo::rustc-cfg=libpcap");
    if let Some(directory) = directory {
        println!("cargo::rustc-link-search=native={}", directory.display());
    }
}

/// Makes Cargo run this again when `file` changes or goes away.
fn watch(file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
}

fn target_is(system: &str) -> bool {
    env::var("CARGO_CFG_TARGET_OS").is_ok_and(|target| target == system)
}

/// Names that `-lpcap` finds. A static library alone is of no use: Debian's needs D-Bus and more.
const LINKABLE: &[&str] = &["libpcap.so", "libpcap.dylib", "libpcap.tbd", "wpcap.lib"];

/// Names of the library that runs tcpdump: Debian's, and everyone else's.
const RUNTIME: &[&str] = &["libpcap.so.0.8", "libpcap.so.1"];

/// Files that change when a library is installed: glibc's list of libraries, Alpine's of packages.
const INSTALLED: &[&str] = &["/etc/ld.so.cache", "/lib/apk/db/installed"];
