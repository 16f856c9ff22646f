//! How a handler says that a connection did not end well.

use std::fmt;

use crate::BoxError;

/// What a handler returns when a connection did not end well.
///
/// Every error converts into it, so `?` works on all of them; like `anyhow::Error` it is for that reason not an
/// `Error` itself. Its text stands in the access line, control characters escaped.
pub struct HandlerError {
    reason: Option<&'static str>,
    source: Option<BoxError>,
}

impl HandlerError {
    /// Ends the connection for a reason of the handler's own: one word in snake case, which takes the place of
    /// `handler_error` in the access line and, as a label, in metrics. So it must be one of a few.
    pub fn end(reason: &'static str) -> Self {
        Self { reason: Some(reason), source: None }
    }

    pub(crate) fn into_parts(self) -> (Option<&'static str>, Option<BoxError>) {
        (self.reason, self.source)
    }
}

impl<E: Into<BoxError>> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self { reason: None, source: Some(error.into()) }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.reason) {
            (Some(source), _) => source.fmt(f),
            (None, reason) => f.write_str(reason.unwrap_or("handler error")),
        }
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerError").field("reason", &self.reason).field("source", &self.source).finish()
    }
}
