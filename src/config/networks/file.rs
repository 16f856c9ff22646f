//! Lists of networks in files: one a line, and `#` begins a comment.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Networks;
use crate::config::printable::printable;
use crate::config::regular::{NotRead, read_regular};
use crate::config::value::Network;
use crate::config::watch::{Watchable, Watched};

/// A list in a file, which is read again when that changes.
#[derive(Debug, Clone)]
pub(crate) struct ListFile(Arc<Watched<Networks>>);

/// Why a file is no list.
#[derive(Debug)]
pub(in crate::config) struct ListError {
    file: PathBuf,
    pub(in crate::config) kind: ListErrorKind,
}

#[derive(Debug)]
pub(in crate::config) enum ListErrorKind {
    Unreadable(NotRead),
    Faulty {
        text: String,
        /// The first of them.
        faults: Vec<LineFault>,
        /// All of them.
        count: usize,
    },
}

/// What is wrong with a line.
#[derive(Debug)]
pub(in crate::config) struct LineFault {
    /// From 1.
    line: usize,
    /// Where in the text.
    pub(in crate::config) span: Range<usize>,
    /// One line, or two: the reason, and what to write instead.
    pub(in crate::config) reason: String,
}

/// Beyond these nobody reads on.
pub(super) const MOST_FAULTS: usize = 10;

/// Far more than all networks of the internet, and little enough to be read into memory.
const LARGEST: u64 = 64 << 20;

impl ListFile {
    /// Reads the file.
    pub(in crate::config) fn read(path: &Path) -> Result<Self, ListError> {
        let file = path.to_owned();
        Watched::read([file.clone()], move || read(&file)).map(Self)
    }

    /// From now on it is read again when it changes, for as long as somebody has it.
    pub(crate) fn keep_watch(&self) {
        self.0.keep_watch();
    }

    /// As a metric wants it.
    pub(crate) fn watchable(&self) -> Arc<dyn Watchable> {
        self.0.clone()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.files().first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// What is in it, or was when it was good the last time.
    pub(crate) fn networks(&self) -> impl std::ops::Deref<Target = Arc<Networks>> {
        self.0.load()
    }
}

impl PartialEq for ListFile {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path()
    }
}

fn read(path: &Path) -> Result<Networks, ListError> {
    let read = read_regular(path, LARGEST).map_err(ListErrorKind::Unreadable);
    read.and_then(|(_, bytes)| parse(&bytes)).map_err(|kind| ListError { file: path.to_owned(), kind })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Networks, ListErrorKind> {
    // What is no UTF-8 becomes characters that are in no network, so its line is found faulty; in a comment it may stand.
    let text = String::from_utf8_lossy(bytes);
    let mut networks = Networks::default();
    let (mut faults, mut count) = (Vec::new(), 0);
    let mut start = 0;
    for (index, line) in text.split('\n').enumerate() {
        let entry = line.split('#').next().unwrap_or_default();
        let entry = entry.strip_prefix('\u{feff}').unwrap_or(entry).trim();
        if !entry.is_empty() {
            match Network::read(entry) {
                Ok(network) => networks.insert(network.0, index + 1),
                Err(reason) => {
                    count += 1;
                    if faults.len() < MOST_FAULTS {
                        let at = start + line.find(entry).unwrap_or(0);
                        faults.push(LineFault { line: index + 1, span: at..at + entry.len(), reason });
                    }
                }
            }
        }
        start += line.len() + 1;
    }
    if faults.is_empty() {
        Ok(networks)
    } else {
        Err(ListErrorKind::Faulty { text: text.into_owned(), faults, count })
    }
}

impl ListErrorKind {
    /// What is wrong with the file as a whole.
    pub(in crate::config) fn reason(&self) -> String {
        match self {
            Self::Unreadable(NotRead::Failed(error)) => format!("the file cannot be read: {error}"),
            Self::Unreadable(NotRead::NoFile) => "this is no file".to_owned(),
            Self::Unreadable(NotRead::TooLarge) => format!("the file is larger than {} MiB", LARGEST >> 20),
            Self::Faulty { count, .. } => format!("{count} of its lines are no networks"),
        }
    }
}

/// In one line: the file, the line, and what is wrong with the first that is.
impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", printable(&self.file.display().to_string()))?;
        let ListErrorKind::Faulty { faults, count, .. } = &self.kind else {
            return write!(f, ": {}", self.kind.reason());
        };
        let Some(LineFault { line, reason, .. }) = faults.first() else { return Ok(()) };
        write!(f, ":{line}: {}", reason.replace('\n', ": "))?;
        match count {
            1 => Ok(()),
            _ => write!(f, " (and {} more)", count - 1),
        }
    }
}

impl Error for ListError {}
