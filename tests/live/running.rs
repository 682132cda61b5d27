//! `wslens run`: a command's connections are decrypted while it runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::capturing::Capturing;
use crate::namespace::{Namespace, PATIENCE, skip};
use crate::tools::has_python;

/// The scripts that talk.
const ECHO: &str = "secure_echo.py";
const PROXY: &str = "secure_proxy.py";

/// A folder with a certificate for this machine, which everybody can read.
struct Certificate(tempfile::TempDir);

impl Certificate {
    /// Makes one; reports why not and returns `None` if that is impossible.
    fn new(test: &str) -> Option<Self> {
        if !is_openssl_installed() {
            return skip(test, "openssl is missing (apt install openssl)");
        }
        let folder = tempfile::tempdir().unwrap();
        open_to_all(folder.path(), 0o755);
        let certificate = Self(folder);
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
        openssl.args(["-addext", "subjectAltName=DNS:localhost"]);
        openssl.arg("-keyout").arg(certificate.key()).arg("-out").arg(certificate.path());
        assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
        open_to_all(&certificate.key(), 0o644);
        std::fs::write(certificate.script(ECHO), include_str!("secure_echo.py")).unwrap();
        std::fs::write(certificate.script(PROXY), include_str!("secure_proxy.py")).unwrap();
        Some(certificate)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// A script next to it.
    fn script(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs wslens while a script runs.
    fn run(&self, wslens: &mut Command, script: &str, options: &[&str], code: &str) -> Output {
        wslens.arg("run").args(options).args(["-f", "tcp portrange 8445-8446", "--", "python3"]);
        wslens.arg(self.script(script)).arg("8445").arg(self.path()).arg(self.key()).arg(code);
        wslens.env_remove("NODE_OPTIONS").stdin(Stdio::null()).output().unwrap()
    }
}

fn is_openssl_installed() -> bool {
    let mut version = Command::new("openssl");
    version.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

fn open_to_all(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Where the key log was, and the user of the command, by what it said.
fn said(run: &Output) -> (PathBuf, u32) {
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(errors.contains("the command's output\n"), "{errors}");
    let line = errors.lines().find(|line| line.contains("--tls-keylog=")).unwrap().to_owned();
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[2], format!("--tls-keylog={}", words[0]));
    (PathBuf::from(words[0]), words[1].parse().unwrap())
}

#[test]
fn a_command_is_decrypted_while_it_runs() {
    const TEST: &str = "run decrypts";
    let Some(namespace) = Namespace::new(TEST) else { return };
    let Some(certificate) = Certificate::new(TEST).filter(|_| has_python(TEST)) else { return };
    for code in ["0", "3"] {
        let wslens = &mut namespace.command(env!("CARGO_BIN_EXE_wslens"));
        let run = certificate.run(wslens, ECHO, &["print", "--format", "ndjson"], code);
        let output = String::from_utf8(run.stdout.clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let texts: Vec<_> = lines.iter().filter_map(|line| line["text"].as_str()).collect();
        assert_eq!(texts, ["under TLS", "under TLS"], "{output}");
        assert_eq!(run.status.code(), Some(code.parse().unwrap()));
        let (key_log, user) = said(&run);
        assert_eq!(user, 0, "root itself started it");
        assert!(!key_log.exists() && !key_log.parent().unwrap().exists(), "{key_log:?}");
    }
}

#[test]
fn both_legs_of_a_proxy_that_ends_tls_are_one_story() {
    const TEST: &str = "run sees both legs of a proxy";
    let Some(namespace) = Namespace::new(TEST) else { return };
    let Some(certificate) = Certificate::new(TEST).filter(|_| has_python(TEST)) else { return };
    let wslens = &mut namespace.command(env!("CARGO_BIN_EXE_wslens"));
    let run = certificate.run(wslens, PROXY, &["diagnose", "--format", "ndjson"], "0");
    let output = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(output.matches("proxy dropped the upgrade").count() >= 2, "{output}");
    assert!(output.contains("the proxy forwarded the request as packet"), "{output}");
    assert!(output.contains("the request of connection 1 (packet "), "{output}");
    assert_eq!(run.status.code(), Some(1), "a connection failed");
    said(&run);
}

#[test]
fn a_command_has_the_rights_of_the_user() {
    const TEST: &str = "run drops the rights of root";
    let Some(namespace) = Namespace::new(TEST) else { return };
    let Some(certificate) = Certificate::new(TEST).filter(|_| has_python(TEST)) else { return };
    let sudo = || {
        let mut command = namespace.command("env");
        command.args(["SUDO_UID=12345", "SUDO_GID=23456"]).arg(env!("CARGO_BIN_EXE_wslens"));
        command
    };
    let run = certificate.run(&mut sudo(), ECHO, &["check"], "0");
    let (key_log, user) = said(&run);
    assert_eq!((run.status.code(), user), (Some(0), 12345));
    assert!(!key_log.parent().unwrap().exists(), "{key_log:?}");
    let output = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(output.contains("1 connection, 2 messages"), "{output}");
    let refused = certificate.run(&mut sudo(), ECHO, &["check", "--keep-rights"], "0");
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{errors}");
    assert!(errors.starts_with("wslens: --keep-rights "), "{errors}");
}

#[test]
fn a_signal_ends_the_command_and_its_key_log_is_removed() {
    let Some(namespace) = Namespace::new("run and signals") else { return };
    let wslens = namespace.command(env!("CARGO_BIN_EXE_wslens"));
    let script = "echo $SSLKEYLOGFILE >&2; trap 'exit 4' INT TERM; while :; do sleep 0.1; done";
    let capturing = Capturing::open(wslens, &["run", "stats", "--", "sh", "-c", script]);
    let deadline = std::time::Instant::now() + PATIENCE;
    while !capturing.errors().contains("keys.log\n") {
        assert!(std::time::Instant::now() < deadline, "{}", capturing.errors());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let key_log = PathBuf::from(capturing.errors().lines().next().unwrap());
    assert!(key_log.exists());
    let ended = capturing.interrupt();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.errors);
    assert!(!key_log.parent().unwrap().exists());
}

#[test]
fn a_key_log_that_a_program_writes_decrypts_a_live_capture() {
    const TEST: &str = "growing key log";
    let Some(namespace) = Namespace::new(TEST) else { return };
    let Some(certificate) = Certificate::new(TEST).filter(|_| has_python(TEST)) else { return };
    let key_log = certificate.0.path().join("keys.log");
    let path = key_log.to_str().unwrap();
    let print = ["print", "-i", "lo", "--format", "ndjson", "--keylog", path];
    let capturing = Capturing::start(&namespace, &print);
    let mut python = namespace.command("python3");
    python.arg(certificate.script(ECHO)).arg("8446").arg(certificate.path()).arg(certificate.key());
    python.arg("0").env("SSLKEYLOGFILE", &key_log).env("NODE_OPTIONS", "-");
    assert!(python.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    capturing.wait_for("decrypted messages", |output| output.matches("under TLS").count() == 2);
    let _errors = capturing.interrupt();
}
