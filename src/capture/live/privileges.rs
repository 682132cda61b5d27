//! Dropping root privileges after everything that needs them is open.
//!
//! Capturing needs privileges, but packets from strangers must not be decoded with them. So after
//! the interfaces are open, and before the first packet is read, the process switches to the user
//! who started it (`SUDO_UID`), or to nobody. Reading a file drops no privileges.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(not(unix))]
use self::elsewhere as system;
#[cfg(unix)]
use self::unix as system;
use crate::capture::Error;

/// A user to which the process can switch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    uid: u32,
    gid: u32,
    /// The name, if the system knows one.
    name: Option<String>,
    /// The home, if the system knows it.
    home: Option<PathBuf>,
    /// Whether this user started the process, by sudo or because the program is set-uid.
    is_caller: bool,
}

/// The user to switch to; `None` if the process has no privileges to drop.
///
/// The real user if the program is set-uid, the caller of sudo, or nobody if root itself started it.
/// In a user namespace with a single user, root already is that user, and there is no other.
pub fn unprivileged_user() -> Option<User> {
    system::unprivileged_user()
}

impl User {
    /// Gives a file to the user.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn own(&self, file: &File) -> io::Result<()> {
        system::own(self, file)
    }

    /// Switches to the user permanently and in all threads: first the groups, then the group, then the
    /// user; and verifies that this cannot be undone.
    ///
    /// # Errors
    ///
    /// [`Error::Live`] if the system refuses, or would allow to undo it.
    pub fn switch_to(&self) -> Result<(), Error> {
        system::switch_to(self).map_err(|cause| Error::Live {
            problem: format!(
                "root privileges cannot be dropped in favor of {}: {cause}",
                self.display_name()
            ),
            remedy: "run wslens as a user who may capture, or with --keep-rights if you trust \
                     what is captured"
                .to_owned(),
        })
    }

    /// Whether the user may create files in a directory; valid after [`User::switch_to`].
    pub fn may_write(&self, folder: &Path) -> bool {
        system::may_write(folder)
    }

    /// Whether this user started the process, by sudo or because the program is set-uid; if not, root itself did.
    pub fn is_caller(&self) -> bool {
        self.is_caller
    }

    /// The variables that name the user, for the environment of a program.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let name = self.name.iter().flat_map(|name| [("USER", name), ("LOGNAME", name)]);
        let home = self.home.iter().map(|home| ("HOME", home.clone().into_os_string()));
        name.map(|(variable, name)| (variable, name.into())).chain(home).collect()
    }

    /// The user's name, or number.
    pub fn display_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("user {}", self.uid))
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::CString;
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::fchown;
    use std::path::Path;

    use nix::unistd::{AccessFlags, Gid, Uid, access, setgid, setuid};

    use super::User;

    pub(super) fn unprivileged_user() -> Option<User> {
        let variable = |name: &str| std::env::var(name).ok()?.parse().ok();
        let owner = ProcessOwner {
            real: Uid::current().as_raw(),
            effective: Uid::effective().as_raw(),
            real_group: Gid::current().as_raw(),
            sudo_user: variable("SUDO_UID"),
            sudo_group: variable("SUDO_GID"),
            map: fs::read_to_string("/proc/self/uid_map").unwrap_or_default(),
        };
        let ((uid, gid), is_caller) = match owner.unprivileged_user()? {
            TargetUser::Known { uid, gid } => ((uid, gid), true),
            TargetUser::Nobody => (nobody(), false),
        };
        let entry = nix::unistd::User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let gid = gid.or_else(|| entry.as_ref().map(|entry| entry.gid.as_raw()));
        let gid = gid.unwrap_or(uid);
        let (name, home) = entry.map(|entry| (entry.name, entry.dir)).unzip();
        Some(User { uid, gid, name, home, is_caller })
    }

    pub(super) fn own(user: &User, file: &File) -> io::Result<()> {
        fchown(file, Some(user.uid), Some(user.gid))
    }

    pub(super) fn switch_to(user: &User) -> io::Result<()> {
        set_groups(user)?;
        setgid(Gid::from_raw(user.gid))?;
        setuid(Uid::from_raw(user.uid))?;
        let is_user = [Uid::current(), Uid::effective()].iter().all(|it| it.as_raw() == user.uid);
        let is_group = [Gid::current(), Gid::effective()].iter().all(|it| it.as_raw() == user.gid);
        let back =
            setuid(Uid::from_raw(0)).is_ok() || (user.gid != 0 && setgid(Gid::from_raw(0)).is_ok());
        if is_user && is_group && !back {
            return Ok(());
        }
        Err(io::Error::other("the system would allow to undo it"))
    }

    pub(super) fn may_write(folder: &Path) -> bool {
        access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
    }

    /// Replaces root's groups by those of the user.
    #[cfg(not(target_vendor = "apple"))]
    fn set_groups(user: &User) -> io::Result<()> {
        use nix::unistd::{initgroups, setgroups};
        let group = Gid::from_raw(user.gid);
        match user.name.as_ref().and_then(|name| CString::new(name.as_str()).ok()) {
            Some(name) => initgroups(&name, group)?,
            None => setgroups(&[group])?,
        }
        Ok(())
    }

    /// macOS looks up the groups of a user itself.
    #[cfg(target_vendor = "apple")]
    fn set_groups(_: &User) -> io::Result<()> {
        Ok(())
    }

    fn nobody() -> (u32, Option<u32>) {
        let entry = nix::unistd::User::from_name("nobody").ok().flatten();
        entry.map_or((NOBODY, Some(NOBODY)), |it| (it.uid.as_raw(), Some(it.gid.as_raw())))
    }

    /// What the process knows about who started it.
    #[derive(Clone, Debug, Default)]
    struct ProcessOwner {
        real: u32,
        effective: u32,
        real_group: u32,
        sudo_user: Option<u32>,
        sudo_group: Option<u32>,
        /// The users of this user namespace.
        map: String,
    }

    /// The user to switch to.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum TargetUser {
        Known { uid: u32, gid: Option<u32> },
        Nobody,
    }

    impl ProcessOwner {
        fn unprivileged_user(&self) -> Option<TargetUser> {
            if self.effective != 0 || self.is_alone() {
                return None;
            }
            if self.real != 0 {
                return Some(TargetUser::Known { uid: self.real, gid: Some(self.real_group) });
            }
            match self.sudo_user {
                Some(uid) if uid != 0 => Some(TargetUser::Known { uid, gid: self.sudo_group }),
                Some(_) | None => Some(TargetUser::Nobody),
            }
        }

        /// Whether root is the only user.
        fn is_alone(&self) -> bool {
            let words: Vec<&str> = self.map.split_whitespace().collect();
            matches!(words.as_slice(), [_, _, "1"])
        }
    }

    /// The unprivileged user, if the system lists none.
    const NOBODY: u32 = 65_534;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_user_who_started_it_takes_over() {
            let whole = || "         0          0 4294967295\n".to_owned();
            let root = ProcessOwner { map: whole(), ..ProcessOwner::default() };
            let known = |uid, gid| Some(TargetUser::Known { uid, gid });
            #[rustfmt::skip]
            let cases = [
                ("a plain user",          ProcessOwner { real: 1000, effective: 1000, ..root.clone() }, None),
                ("root itself",           root.clone(), Some(TargetUser::Nobody)),
                ("sudo",                  ProcessOwner { sudo_user: Some(1000), sudo_group: Some(100), ..root.clone() }, known(1000, Some(100))),
                ("sudo without a group",  ProcessOwner { sudo_user: Some(1000), ..root.clone() }, known(1000, None)),
                ("sudo of root",          ProcessOwner { sudo_user: Some(0), sudo_group: Some(0), ..root.clone() }, Some(TargetUser::Nobody)),
                ("sudo to a plain user",  ProcessOwner { real: 7, effective: 7, sudo_user: Some(1000), ..root.clone() }, None),
                ("set-uid",               ProcessOwner { real: 1000, real_group: 100, ..root.clone() }, known(1000, Some(100))),
                ("alone in a namespace",  ProcessOwner { map: "0 1000 1\n".to_owned(), ..root.clone() }, None),
                ("a container's root",    ProcessOwner { map: "0 1000 1\n1 100000 65536\n".to_owned(), ..root }, Some(TargetUser::Nobody)),
            ];
            for (name, owner, expected) in cases {
                assert_eq!(owner.unprivileged_user(), expected, "{name}");
            }
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use super::User;

    pub(super) fn unprivileged_user() -> Option<User> {
        None
    }

    pub(super) fn own(_: &User, _: &File) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn switch_to(_: &User) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn may_write(_: &Path) -> bool {
        true
    }
}
