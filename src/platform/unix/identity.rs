//! Becoming another user.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};

use nix::unistd::{self, Gid, Uid, User};

use super::account::{group_id, user_id};
use crate::platform::Account;

/// Whom the process is to become.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    user: Option<Uid>,
    group: Gid,
    /// The user's entry, whose further groups the process gets.
    name: Option<CString>,
}

/// Why a process can't become somebody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("server.user: there is no user `{0}` on this machine")]
    NoUser(String),
    #[error("server.group: there is no group `{0}` on this machine")]
    NoGroup(String),
    #[error(
        "server.user: user {0} has no entry on this machine, so its group is not known: name it in server.group"
    )]
    NoEntry(u32),
    #[error(
        "server.user: only root can become another user: start as root, or remove server.user and server.group"
    )]
    NotRoot,
    #[error("server.user: can't become another user: {0}")]
    System(#[from] io::Error),
}

impl Identity {
    /// Looks a user and a group up, each by name or number; `None` where neither is asked for.
    ///
    /// # Errors
    ///
    /// There is no such user or group, or the group of a user that has no entry is not named.
    pub(crate) fn look_up(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, IdentityError> {
        let named = |group: &str| {
            group_id(group)?.map(Gid::from_raw).ok_or_else(|| IdentityError::NoGroup(group.to_owned()))
        };
        let group = group.map(named).transpose()?;
        let Some(user) = user else {
            return Ok(group.map(|group| Self { user: None, group, name: None }));
        };
        let id = user_id(user)?.map(Uid::from_raw).ok_or_else(|| IdentityError::NoUser(user.to_owned()))?;
        let entry = User::from_uid(id).map_err(io::Error::from)?;
        let group = match (group, &entry) {
            (Some(group), _) => group,
            (None, Some(entry)) => entry.gid,
            (None, None) => return Err(IdentityError::NoEntry(id.as_raw())),
        };
        let name = entry.and_then(|entry| CString::new(entry.name).ok());
        Ok(Some(Self { user: Some(id), group, name }))
    }

    /// Gives it a file that the process has open. A device or a pipe stays whose it is.
    ///
    /// # Errors
    ///
    /// As fchown(2). The file has another name as well: it may be anybody's, and that user have put it there.
    pub(crate) fn own(&self, file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Ok(());
        }
        if found.nlink() > 1 {
            return Err(io::Error::other("it has another name as well: remove one of its hard links"));
        }
        fchown(file, self.user.map(Uid::as_raw), Some(self.group.as_raw()))
    }

    /// Whom it gives files to that are made before it is assumed.
    pub(crate) fn account(&self) -> Account {
        Account { user: self.user.map(Uid::as_raw), group: Some(self.group.as_raw()) }
    }

    /// Whether the process is it already.
    pub(crate) fn is_assumed(&self) -> bool {
        (unistd::geteuid(), unistd::getegid()) == (self.user(), self.group)
    }

    fn user(&self) -> Uid {
        self.user.unwrap_or_else(unistd::geteuid)
    }

    /// Becomes it, with all threads and for good. Whoever it is already stays as it is.
    ///
    /// # Errors
    ///
    /// The process is not root's, or the system refuses. What was changed by then is not changed back: the process must
    /// end.
    pub(crate) fn assume(&self) -> Result<(), IdentityError> {
        if self.is_assumed() {
            return Ok(());
        }
        let user = self.user();
        if !unistd::geteuid().is_root() {
            return Err(IdentityError::NotRoot);
        }
        self.set_groups().map_err(io::Error::from)?;
        unistd::setgid(self.group).map_err(io::Error::from)?;
        unistd::setuid(user).map_err(io::Error::from)?;
        if !user.is_root() && unistd::setuid(Uid::from_raw(0)).is_ok() {
            return Err(io::Error::other("the process could still become root again").into());
        }
        Ok(())
    }

    // Linux and the BSDs; macOS keeps groups by other means.
    #[cfg(not(target_vendor = "apple"))]
    fn set_groups(&self) -> nix::Result<()> {
        match &self.name {
            Some(name) => unistd::initgroups(name, self.group),
            None => unistd::setgroups(&[self.group]),
        }
    }

    #[cfg(target_vendor = "apple")]
    fn set_groups(&self) -> nix::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_for() {
        assert_eq!(Identity::look_up(None, None).unwrap(), None);
        let root = Identity::look_up(Some("root"), None).unwrap().unwrap();
        assert_eq!((root.user, root.group), (Some(Uid::from_raw(0)), Gid::from_raw(0)));
        let number = Identity::look_up(Some("54321"), Some("12345")).unwrap().unwrap();
        assert_eq!((number.user, number.group), (Some(Uid::from_raw(54_321)), Gid::from_raw(12_345)));
        assert_eq!(number.name, None);
    }

    #[test]
    fn who_is_not_there_is_named() {
        for (user, group, message) in [
            (Some("no-such-user"), None, "server.user: there is no user `no-such-user`"),
            (None, Some("no-such-group"), "server.group: there is no group `no-such-group`"),
            (Some("54321"), None, "server.user: user 54321 has no entry"),
        ] {
            let error = Identity::look_up(user, group).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn only_a_file_with_one_name_is_given_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file = File::create(&path).unwrap();
        let owner = |file: &File| file.metadata().map(|found| (found.uid(), found.gid())).unwrap();
        // To whom it belongs already, which needs no rights.
        let (user, group) = owner(&file);
        let identity = Identity::look_up(Some(&user.to_string()), Some(&group.to_string())).unwrap().unwrap();
        identity.own(&file).unwrap();
        std::fs::hard_link(&path, folder.path().join("other")).unwrap();
        let error = identity.own(&file).unwrap_err();
        assert!(error.to_string().starts_with("it has another name as well"), "{error}");

        let device = File::open("/dev/null").unwrap();
        let before = owner(&device);
        let other = Identity::look_up(Some("54321"), Some("12345")).unwrap().unwrap();
        other.own(&device).unwrap();
        assert_eq!(owner(&device), before);
    }

    #[test]
    fn who_it_is_already_needs_no_rights() {
        let user = unistd::geteuid().to_string();
        let group = unistd::getegid().to_string();
        Identity::look_up(Some(&user), Some(&group)).unwrap().unwrap().assume().unwrap();
    }
}
