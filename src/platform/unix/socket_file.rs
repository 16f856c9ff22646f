//! Unix sockets that have a file.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use socket2::{Domain, SockAddr, Socket, Type};

/// One more than the longest path: an address has room for so many bytes, and the last is a NUL (unix(7)).
pub(crate) const LONGEST_SOCKET_PATH: usize =
    size_of::<libc::sockaddr_un>() - std::mem::offset_of!(libc::sockaddr_un, sun_path);

/// Who may connect to a Unix socket: those who may write to its file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketAccess {
    pub(crate) mode: u32,
    /// The user that the file belongs to; `None` = the process's.
    pub(crate) owner: Option<u32>,
    /// As `owner`.
    pub(crate) group: Option<u32>,
}

/// The file of a listening socket. Dropped, it is removed, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Binds a socket to a path and listens.
    ///
    /// A socket's file outlives a process that was killed, so one that nobody listens on any more is replaced. Nobody can
    /// connect before the access is as it is to be. It may block, for a second at most.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: somebody listens there.
    /// - `AlreadyExists`: there is something else, which is left alone.
    /// - As bind(2), lchown(2), chmod(2) and listen(2); the file is removed then.
    pub(crate) fn listen(
        socket: &Socket,
        path: &Path,
        access: &SocketAccess,
        backlog: i32,
    ) -> io::Result<Self> {
        // Of two services that start in the same instant, one must not take the other's new file for an old one.
        let _locked = lock_folder(path);
        remove_stale(path)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let bound = fs::symlink_metadata(path)?;
        let file = Self { path: path.to_owned(), device: bound.dev(), inode: bound.ino() };
        if access.owner.is_some() || access.group.is_some() {
            lchown(path, access.owner, access.group)?;
        }
        set_mode(path, access.mode)?;
        // As long as it does not listen, connecting is refused.
        socket.listen(backlog)?;
        Ok(file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = |file: fs::Metadata| file.dev() == self.device && file.ino() == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(same) {
            // Who became another user may not be allowed to; then the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Sets the permissions of the file itself, and not those of what a link in its place names: whom the folder belongs to may
/// have put one there, and root may be who starts the service.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(mode as libc::mode_t);
    match fchmodat(AT_FDCWD, path, mode, FchmodatFlags::NoFollowSymlink) {
        // A system, or a root without /proc, that can't but follow. A link has no permissions to be set, and says so too.
        Err(Errno::EOPNOTSUPP) if !fs::symlink_metadata(path)?.is_symlink() => {
            Ok(fchmodat(AT_FDCWD, path, mode, FchmodatFlags::FollowSymlink)?)
        }
        set => Ok(set?),
    }
}

/// Removes the file of a socket that nobody listens on.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is something that is no socket"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // With a full backlog, connecting would wait.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        Ok(()) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}

/// Keeps others from the folder of `path` who do the same. It is not waited for for ever: in a folder that all may read,
/// anybody can hold the lock.
#[expect(clippy::disallowed_methods, reason = "it is called where blocking is allowed")]
fn lock_folder(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).ok()?;
    for _ in 0..100 {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::thread;

    use super::*;

    const ACCESS: SocketAccess = SocketAccess { mode: 0o600, owner: None, group: None };

    fn listen(path: &Path) -> io::Result<(Socket, SocketFile)> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let file = SocketFile::listen(&socket, path, &ACCESS, 16)?;
        Ok((socket, file))
    }

    #[test]
    fn the_file_is_there_as_long_as_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (socket, file) = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        drop((socket, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_nobody_listens_on_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        // As a process leaves it that was killed.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _listening = listen(&path).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn who_listens_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let _held = UnixListener::bind(&path).unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();

        let datagrams = folder.path().join("d");
        let _held = UnixDatagram::bind(&datagrams).unwrap();
        assert_eq!(listen(&datagrams).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(datagrams.exists());
    }

    #[test]
    fn a_full_backlog_is_somebody_who_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let held = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        held.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        held.listen(0).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        fs::write(&path, "precious").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn what_a_link_in_its_place_names_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("s"), folder.path().join("precious"));
        fs::write(&precious, "").unwrap();
        fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&precious, &path).unwrap();
        let _ = set_mode(&path, 0o666);
        assert_eq!(fs::metadata(&precious).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn another_file_in_its_place_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let (_old, file) = listen(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let (_new, _its_file) = listen(&path).unwrap();
        drop(file);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn of_many_that_start_at_once_one_listens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        let started = thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| listen(&path))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(started.iter().filter(|start| start.is_ok()).count(), 1);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_locked_for_good_is_no_end() {
        let folder = tempfile::tempdir().unwrap();
        let locked = File::open(folder.path()).unwrap();
        locked.lock().unwrap();
        listen(&folder.path().join("s")).unwrap();
    }
}
