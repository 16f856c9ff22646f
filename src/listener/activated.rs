//! Sockets that the service manager has opened, and passes to the service.

use std::collections::BTreeSet;
use std::io;

use socket2::{Socket, Type};

use super::bind::{Listening, set_options, set_unix_options};
use crate::config::SocketOptions;
use crate::platform::{self, PassingError};

/// Why a socket of the service manager can't be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// There are no sockets at all, or not those that were announced: the text says which.
    #[error("{0}")]
    NotPassed(String),
    /// There is none of this name.
    #[error("no socket of this name was passed; those that were: {}", .names.join(", "))]
    Unknown {
        /// The names of those that were passed.
        names: Vec<String>,
    },
    /// It is one of datagrams, or of something else than a stream.
    #[error("it is no stream: its unit has to say ListenStream=")]
    NotStream,
    /// It is a connection already.
    #[error("it does not listen: its unit has to say Accept=no")]
    NotListening,
    /// It is neither TCP's nor a Unix socket.
    #[error("it is neither TCP's nor a Unix socket")]
    UnknownFamily,
    /// What the system said of it.
    #[error("the system refuses it")]
    Io(#[from] io::Error),
}

/// The names of all sockets that were passed.
pub(crate) fn activated_names() -> BTreeSet<String> {
    platform::activated_sockets().unwrap_or_default().into_iter().map(|(name, _)| name).collect()
}

impl Listening {
    /// What the service manager passes under a name: one socket, or several. Their files are not removed, as they are not ours.
    ///
    /// # Errors
    ///
    /// [`ActivationError`], where there is none, or one that can't be served.
    pub(crate) fn activated(name: &str, options: &SocketOptions) -> Result<Vec<Self>, ActivationError> {
        let passed = platform::activated_sockets().map_err(|error| not_passed(&error))?;
        let names: BTreeSet<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
        if !names.contains(name) {
            return Err(match names.is_empty() {
                true => ActivationError::NotPassed("the service manager has passed no sockets".to_owned()),
                false => ActivationError::Unknown { names: names.into_iter().map(str::to_owned).collect() },
            });
        }
        passed.into_iter().filter(|(of, _)| of == name).map(|(_, socket)| adopt(socket, options)).collect()
    }
}

fn not_passed(error: &PassingError) -> ActivationError {
    ActivationError::NotPassed(error.to_string())
}

fn adopt(socket: Socket, options: &SocketOptions) -> Result<Listening, ActivationError> {
    if socket.r#type()? != Type::STREAM {
        return Err(ActivationError::NotStream);
    }
    if !platform::is_listening(&socket)? {
        return Err(ActivationError::NotListening);
    }
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    if let Some(address) = address.as_socket() {
        // The rest belongs to whoever has opened it.
        let options = SocketOptions { reuse_port: false, freebind: false, ..options.clone() };
        set_options(&socket, address, &options);
        return Ok(Listening::Tcp { socket, address, options });
    }
    let address = platform::unix_address(&address).ok_or(ActivationError::UnknownFamily)?;
    set_unix_options(&socket, options);
    Ok(Listening::Unix { socket, address, file: None })
}
