//! Files that hold a secret.

use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ,
};

use crate::platform::{Account, Secrecy};

/// Nothing from the folder; everything for the system, the administrators and the owner (Security Descriptor String Format).
const PRIVATE: &str = "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)";

/// Makes a file that only the system, the administrators and its owner may read. It stays whose it is: no other account can be
/// asked for.
///
/// # Errors
///
/// As `CreateFile`; `AlreadyExists` where there is something under the name.
#[expect(unsafe_code, reason = "a file with a security descriptor from its first moment on")]
pub(crate) fn create_private(path: &Path, _account: Account) -> io::Result<File> {
    let wanted: Vec<u16> = PRIVATE.encode_utf16().chain([0]).collect();
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the text ends in a NUL, and the descriptor is written to the pointer, to be freed by LocalFree.
    let converted = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            wanted.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    };
    if converted == 0 {
        return Err(io::Error::last_os_error());
    }
    let size = u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default();
    let attributes =
        SECURITY_ATTRIBUTES { nLength: size, lpSecurityDescriptor: descriptor, bInheritHandle: 0 };
    // SAFETY: the name ends in a NUL; name and attributes live until the call returns.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_WRITE,
            FILE_SHARE_READ,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            ptr::null_mut(),
        )
    };
    let created = if handle == INVALID_HANDLE_VALUE {
        Err(io::Error::last_os_error())
    } else {
        // SAFETY: it is open, and nobody else has it.
        Ok(File::from(unsafe { OwnedHandle::from_raw_handle(handle) }))
    };
    // SAFETY: it is from the conversion above, and not used any more.
    unsafe { LocalFree(descriptor) };
    created
}

/// Opens a file that holds a secret.
///
/// # Errors
///
/// As `CreateFile`.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Always kept: who may read a file is a list here, which its folder has for it, and whoever wrote that had a reason.
pub(crate) fn secrecy(_file: &File, _account: Account) -> io::Result<Secrecy> {
    Ok(Secrecy::Kept)
}
