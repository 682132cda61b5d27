//! The programs that talk: node with its ws, and Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::namespace::{Namespace, skip};

/// The folder with the scripts that also record the samples.
pub(crate) fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/record")
}

/// Whether a program is there.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// A script of node inside a namespace, which finds ws. Its messages are logged in `log`.
pub(crate) fn node(namespace: &Namespace, script: &str, log: &Path) -> Command {
    let mut command = namespace.command("node");
    command.arg(scripts().join(script)).env("WSLOG", log).env("NODE_PATH", modules());
    command
}

/// A script of Python inside a namespace. Its messages are logged in `log`.
pub(crate) fn python(namespace: &Namespace, script: &str, log: &Path) -> Command {
    let mut command = namespace.command("python3");
    command.arg(scripts().join(script)).env("WSLOG", log);
    command.env("PYTHONPATH", scripts()).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Sees that node and ws are there, and installs ws where it may; says what is missing where not.
pub(crate) fn has_node(test: &str) -> bool {
    static WS: OnceLock<Result<(), String>> = OnceLock::new();
    match WS.get_or_init(install_ws) {
        Ok(()) => true,
        Err(reason) => skip::<()>(test, reason).is_some(),
    }
}

/// Checks that Python is available, and reports it if not.
pub(crate) fn has_python(test: &str) -> bool {
    is_installed("python3")
        || skip::<()>(test, "python3 is missing (apt install python3)").is_some()
}

fn install_ws() -> Result<(), String> {
    if !is_installed("node") {
        return Err("node is missing (apt install nodejs npm)".to_owned());
    }
    if modules().join("ws/package.json").exists() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(folder())
        .arg("ws");
    let installed = npm.stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    let advice = format!("npm cannot install ws: npm install --prefix {} ws", folder().display());
    if installed { Ok(()) } else { Err(advice) }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools")
}

fn modules() -> PathBuf {
    folder().join("node_modules")
}
