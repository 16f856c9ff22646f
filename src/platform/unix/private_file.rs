//! Files that hold a secret.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use nix::unistd::{Uid, User, geteuid};

use crate::platform::{Account, Secrecy};

/// Makes a file that only its owner may read, and gives it to an account.
///
/// # Errors
///
/// As open(2); `AlreadyExists` where there is something under the name, be it a link to nowhere. As fchown(2); then it is
/// there, and empty.
pub(crate) fn create_private(path: &Path, account: Account) -> io::Result<File> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    if account.user.is_some() || account.group.is_some() {
        fchown(&file, account.user, account.group)?;
    }
    Ok(file)
}

/// Opens a file that holds a secret. A pipe in its place is not waited for.
///
/// # Errors
///
/// As open(2), and where it is no file.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

/// Whether nobody can know or change what an open file holds but root, the process, the account, and those that its owner lets
/// read it as a group: that is how a secret comes into a container, and how whoever scrapes gets it.
///
/// # Errors
///
/// As fstat(2).
pub(crate) fn secrecy(file: &File, account: Account) -> io::Result<Secrecy> {
    let found = file.metadata()?;
    let (owner, mode) = (Uid::from_raw(found.uid()), found.mode() & 0o7777);
    let ours = owner.is_root() || owner == geteuid() || account.user == Some(owner.as_raw());
    if ours && mode & 0o027 == 0 {
        return Ok(Secrecy::Kept);
    }
    let name = User::from_uid(owner).ok().flatten().map(|user| user.name);
    let owner = name.unwrap_or_else(|| owner.to_string());
    Ok(if ours { Secrecy::Exposed { owner, mode } } else { Secrecy::Foreign { owner, mode } })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    const NOBODY: Account = Account { user: None, group: None };

    #[test]
    fn what_is_private_is_the_owners_alone_and_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let file = create_private(&path, NOBODY).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(secrecy(&file, NOBODY).unwrap(), Secrecy::Kept);
        assert_eq!(create_private(&path, NOBODY).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let link = folder.path().join("link");
        symlink(folder.path().join("nowhere"), &link).unwrap();
        assert_eq!(create_private(&link, NOBODY).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_others_may_read_or_write_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        create_private(&path, NOBODY).unwrap();
        for (wanted, kept) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o440, true),
            (0o660, false),
            (0o620, false),
            (0o604, false),
            (0o602, false),
            (0o644, false),
            (0o666, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let file = open_private(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
            match secrecy(&file, NOBODY).unwrap() {
                Secrecy::Kept => assert!(kept, "{wanted:o}"),
                Secrecy::Exposed { mode, .. } => assert_eq!((mode, kept), (wanted, false)),
                foreign @ Secrecy::Foreign { .. } => panic!("{foreign:?}"),
            }
        }
    }

    #[test]
    fn what_is_somebody_elses_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let account = Account { user: Some(54_321), group: Some(12_345) };
        // Only root can give a file away.
        if !geteuid().is_root() {
            assert_eq!(create_private(&path, account).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            return;
        }
        let file = create_private(&path, account).unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (54_321, 12_345, 0o600));
        assert_eq!(secrecy(&file, account).unwrap(), Secrecy::Kept);
        let foreign = Secrecy::Foreign { owner: "54321".to_owned(), mode: 0o600 };
        assert_eq!(secrecy(&file, NOBODY).unwrap(), foreign);
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        mkfifo(&path, Mode::S_IRUSR).unwrap();
        for path in [path.as_path(), folder.path(), Path::new("/dev/null")] {
            let error = open_private(path).unwrap_err();
            assert_eq!(error.to_string(), "it is no file", "{}", path.display());
        }
    }
}
