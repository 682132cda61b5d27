//! Who may capture, and as whom it is done.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::capturing::Capturing;
use crate::namespace::{Namespace, skip};

/// The real and effective user of a process, as the kernel tells them.
fn users_of(process: u32) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    line.split_whitespace().skip(1).map(|id| id.parse().unwrap()).collect()
}

fn capabilities_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("CapEff:")).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

#[test]
fn root_becomes_the_user_who_called_sudo() {
    let Some(namespace) = Namespace::new("rights of root, with sudo") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture.pcapng");
    // A user that need not exist.
    let mut command = namespace.command("env");
    command.args(["SUDO_UID=12345", "SUDO_GID=23456"]).arg(env!("CARGO_BIN_EXE_wslens"));
    let path = file.to_str().unwrap();
    let arguments = ["print", "-i", "lo", "--format", "ndjson", "-w", path];
    let capturing = Capturing::open(command, &arguments);
    let deadline = std::time::Instant::now() + crate::namespace::PATIENCE;
    while !capturing.output().contains("\"refused\"") {
        assert!(std::time::Instant::now() < deadline, "{}", capturing.errors());
        namespace.knock(9);
    }
    assert_eq!(users_of(capturing.id()), [12345; 4]);
    assert_eq!(capabilities_of(capturing.id()), 0);
    let owner = fs::metadata(&file).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (12345, 23456));
    capturing.interrupt().summary();
}

#[test]
fn root_without_sudo_becomes_nobody_unless_configured_otherwise() {
    let Some(namespace) = Namespace::new("rights of root") else { return };
    let print = ["print", "-i", "lo", "--format", "ndjson"];
    let capturing = Capturing::start(&namespace, &print);
    let users = users_of(capturing.id());
    assert!(users.iter().all(|user| *user != 0), "{users:?}");
    capturing.interrupt().summary();
    let keeping = [&print[..], &["--keep-rights"]].concat();
    let capturing = Capturing::start(&namespace, &keeping);
    assert_eq!(users_of(capturing.id()), [0; 4]);
    capturing.interrupt().summary();
}

#[test]
fn without_the_right_one_line_says_what_to_do() {
    let test = "no right to capture";
    let Some(namespace) = Namespace::new(test) else { return };
    if !crate::tools::is_installed("setpriv") {
        skip::<()>(test, "setpriv is missing (apt install util-linux)");
        return;
    }
    // Where others cannot reach the binary, a copy is made that they can.
    let folder = tempfile::Builder::new().prefix("wslens").tempdir_in("/var/tmp").unwrap();
    let copy = folder.path().join("wslens");
    fs::copy(env!("CARGO_BIN_EXE_wslens"), &copy).unwrap();
    let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status();
    assert!(opened.unwrap().success());
    let as_nobody = |interface: &str| {
        let mut command = namespace.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        Capturing::open(command, &["print", "-i", interface]).end()
    };
    let captured = as_nobody("lo");
    assert_eq!((captured.status.code(), captured.output.as_str()), (Some(2), ""));
    assert_eq!(captured.errors.lines().count(), 1, "{}", captured.errors);
    assert!(captured.errors.contains("capturing on lo is not permitted"), "{}", captured.errors);
    let setcap = format!("sudo setcap cap_net_raw=ep {}", copy.display());
    assert!(captured.errors.contains(&setcap), "{}", captured.errors);
    let captured = as_nobody("nonesuch0");
    assert_eq!(captured.status.code(), Some(2));
    assert!(captured.errors.contains("there is no interface nonesuch0"), "{}", captured.errors);
}

#[test]
fn what_cannot_be_captured_is_one_clear_line() {
    let Some(namespace) = Namespace::new("impossible captures") else { return };
    let rows: &[(&[&str], &str)] = &[
        (&["print", "-i", "nonesuch0"], "there is no interface nonesuch0"),
        (
            &["print", "-i", "lo", "-f", "tcp prot 80"],
            "can't parse filter expression: syntax error",
        ),
        (&["print", "-i", "lo", "-f", "port 99999"], "illegal port number 99999 > 65535"),
    ];
    for (arguments, expected) in rows {
        let command = namespace.command(env!("CARGO_BIN_EXE_wslens"));
        let captured = Capturing::open(command, arguments).end();
        assert_eq!(captured.status.code(), Some(2), "{arguments:?}");
        assert!(captured.errors.contains(expected), "{arguments:?}: {}", captured.errors);
        assert_eq!(captured.errors.lines().count(), 1, "{}", captured.errors);
    }
}
