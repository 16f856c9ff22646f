//! What a handler learns when a connection does not go on.

use std::io;

use tokio_util::codec::{AnyDelimiterCodecError, LengthDelimitedCodecError, LinesCodecError};

use super::end::EndReason;
use crate::BoxError;
use crate::codec::FrameError;
use crate::establish::Foreign;

/// Why a connection's `recv`, `send` or `flush` failed. The variants say who ended it.
///
/// A handler usually passes it on with `?`: the connection then ends for the reason that the error stands for, not as
/// `handler_error`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The client, or the network between, reset the connection.
    #[error("the client reset the connection")]
    Reset(#[source] io::Error),
    /// The client ended its input inside a frame.
    #[error("the client ended its input inside a frame")]
    Truncated,
    /// The client ended its stream without the end that a layer of it has, as TLS's close_notify: anybody between may have cut
    /// it off. What is half received is no frame.
    #[error("the client's stream was cut off")]
    CutOff(#[source] io::Error),
    /// The client sent what the codec cannot decode.
    #[error("bad frame")]
    BadFrame(#[source] BoxError),
    /// The client sent a frame longer than the codec or `limits.input` allows.
    #[error("frame too long")]
    FrameTooLong(#[source] BoxError),
    /// The codec could not encode a frame that the handler wanted to send. The connection goes on without it.
    #[error("the frame cannot be encoded")]
    Encode(#[source] BoxError),
    /// TLS could not be begun in mid-connection.
    #[cfg(feature = "tls")]
    #[error("TLS could not be begun")]
    StartTls(#[source] BoxError),
    /// terima ended the connection: a deadline passed or the server stopped.
    #[error("the connection was ended: {0}")]
    Ended(EndReason),
    /// The connection's handler has returned, or its output was closed.
    #[error("the connection is closed")]
    Closed,
}

impl ConnectionError {
    /// Sorts a codec's error: too long, or bad in another way.
    pub(super) fn from_decoder(error: BoxError) -> Self {
        match error.downcast::<FrameError>() {
            Ok(error) => match *error {
                FrameError::Io(error) => Self::Reset(error),
                error @ FrameError::TooLong { .. } => Self::FrameTooLong(error.into()),
                error @ FrameError::Malformed(_) => Self::BadFrame(error.into()),
            },
            Err(error) if is_too_long(&error) => Self::FrameTooLong(error),
            Err(error) => Self::BadFrame(error),
        }
    }

    /// Sorts a stream's error: one that has layers does not only fail because it is reset.
    pub(super) fn from_read(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutOff(error),
            io::ErrorKind::InvalidData => Self::BadFrame(error.into()),
            _ => Self::Reset(error),
        }
    }

    /// Says what the client speaks, where its first bytes tell that it is another protocol than the codec's.
    pub(super) fn explain(self, first: &[u8]) -> Self {
        let misdirected = |source| match Foreign::recognize(first) {
            Some(sent) => Misdirected { sent, source }.into(),
            None => source,
        };
        match self {
            Self::BadFrame(source) => Self::BadFrame(misdirected(source)),
            Self::FrameTooLong(source) => Self::FrameTooLong(misdirected(source)),
            other => other,
        }
    }

    /// The end reason that the error stands for; `None` where the connection goes on, or had ended before.
    pub(super) fn reason(&self) -> Option<EndReason> {
        match self {
            Self::Reset(_) => Some(EndReason::ClientReset),
            Self::Truncated | Self::CutOff(_) => Some(EndReason::ClientTruncated),
            Self::BadFrame(_) => Some(EndReason::BadFrame),
            Self::FrameTooLong(_) => Some(EndReason::FrameTooLong),
            Self::Ended(reason) => Some(*reason),
            Self::Encode(_) | Self::Closed => None,
            // It was noted where that is so.
            #[cfg(feature = "tls")]
            Self::StartTls(_) => None,
        }
    }
}

impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        let kind = match &error {
            ConnectionError::Reset(source) => source.kind(),
            ConnectionError::Truncated | ConnectionError::CutOff(_) => io::ErrorKind::UnexpectedEof,
            ConnectionError::BadFrame(_) | ConnectionError::FrameTooLong(_) | ConnectionError::Encode(_) => {
                io::ErrorKind::InvalidData
            }
            #[cfg(feature = "tls")]
            ConnectionError::StartTls(_) => io::ErrorKind::InvalidData,
            ConnectionError::Ended(_) => io::ErrorKind::ConnectionAborted,
            ConnectionError::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

/// A client that came to the wrong port.
#[derive(Debug, thiserror::Error)]
#[error("the client sent {sent}, which is not what this listener speaks")]
struct Misdirected {
    sent: Foreign,
    source: BoxError,
}

/// Whether an error of tokio-util's own codecs says that a frame was too long.
fn is_too_long(error: &BoxError) -> bool {
    if let Some(error) = error.downcast_ref::<LinesCodecError>() {
        return matches!(error, LinesCodecError::MaxLineLengthExceeded);
    }
    if let Some(error) = error.downcast_ref::<AnyDelimiterCodecError>() {
        return matches!(error, AnyDelimiterCodecError::MaxChunkLengthExceeded);
    }
    // LengthDelimitedCodec wraps its one error in an io::Error of kind InvalidData.
    error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .is_some_and(|inner| inner.is::<LengthDelimitedCodecError>())
}
