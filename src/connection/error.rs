//! What a handler learns when a connection does not go on.

use std::io;

use tokio_util::codec::{AnyDelimiterCodecError, LengthDelimitedCodecError, LinesCodecError};

use super::end::EndReason;
use crate::BoxError;
use crate::codec::FrameError;

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
    /// The client sent what the codec cannot decode.
    #[error("bad frame")]
    BadFrame(#[source] BoxError),
    /// The client sent a frame longer than the codec or `limits.input` allows.
    #[error("frame too long")]
    FrameTooLong(#[source] BoxError),
    /// The codec could not encode a frame that the handler wanted to send. The connection goes on without it.
    #[error("the frame cannot be encoded")]
    Encode(#[source] BoxError),
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

    /// The end reason that the error stands for; `None` where the connection goes on, or had ended before.
    pub(super) fn reason(&self) -> Option<EndReason> {
        match self {
            Self::Reset(_) => Some(EndReason::ClientReset),
            Self::Truncated => Some(EndReason::ClientTruncated),
            Self::BadFrame(_) => Some(EndReason::BadFrame),
            Self::FrameTooLong(_) => Some(EndReason::FrameTooLong),
            Self::Ended(reason) => Some(*reason),
            Self::Encode(_) | Self::Closed => None,
        }
    }
}

impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        let kind = match &error {
            ConnectionError::Reset(source) => source.kind(),
            ConnectionError::Truncated => io::ErrorKind::UnexpectedEof,
            ConnectionError::BadFrame(_) | ConnectionError::FrameTooLong(_) | ConnectionError::Encode(_) => {
                io::ErrorKind::InvalidData
            }
            ConnectionError::Ended(_) => io::ErrorKind::ConnectionAborted,
            ConnectionError::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
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
