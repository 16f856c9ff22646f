//! A service of tower's as a handler.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use tokio_util::codec::{Decoder, Encoder};
use tower_service::Service;

use super::{Handler, HandlerError};
use crate::BoxError;
use crate::codec::Codec;
use crate::connection::Connection;

/// A handler made of a service; the return type of [`service_handler`].
pub struct ServiceHandler<C, S> {
    /// Cloned for each connection. Behind a lock, since services need not be `Sync`.
    service: Mutex<S>,
    codec: PhantomData<fn() -> C>,
}

/// Makes a handler of a [`Service`] that answers each frame with one: so tower's layers, such as its timeouts and its limits
/// on concurrency, lie around single requests.
///
/// Each connection has a clone of the service. It serves one request at a time, in the order in which they came: a request
/// is read, then the service's readiness is waited for, then it is called, and its response sent. So a client whose
/// requests the service does not keep up with is not read from, and an idle connection holds no place in a limit. An error
/// of the service ends the connection as `handler_error`; one that the client is to see is a response.
///
/// With the feature `tower`, which is not on by default.
///
/// ```
/// use std::convert::Infallible;
/// use std::future::{Ready, ready};
/// use std::task::{Context, Poll};
///
/// use bytes::Bytes;
/// use terima::{Framing, NoOptions, Server, service_handler};
/// use tower_service::Service;
///
/// #[derive(Clone)]
/// struct Shout; // or `tower::service_fn`, or a `tower::ServiceBuilder` with layers
///
/// impl Service<Bytes> for Shout {
///     type Response = Vec<u8>;
///     type Error = Infallible;
///     type Future = Ready<Result<Vec<u8>, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, frame: Bytes) -> Self::Future {
///         ready(Ok(frame.to_ascii_uppercase()))
///     }
/// }
///
/// let builder = Server::builder().handler("shout", |_: NoOptions| Ok(service_handler::<Framing, _>(Shout)));
/// ```
pub fn service_handler<C, S>(service: S) -> ServiceHandler<C, S>
where
    C: Codec<Item: Send> + Encoder<S::Response, Error: Into<BoxError>>,
    S: Service<<C as Decoder>::Item, Response: Send, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    ServiceHandler { service: Mutex::new(service), codec: PhantomData }
}

impl<C, S> Handler for ServiceHandler<C, S>
where
    C: Codec<Item: Send> + Encoder<S::Response, Error: Into<BoxError>>,
    S: Service<<C as Decoder>::Item, Response: Send, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Codec = C;

    async fn handle(&self, mut conn: Connection<C>) -> Result<(), HandlerError> {
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        while let Some(request) = conn.recv().await? {
            // Not before there is a request: who is ready may hold a place until it is called.
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::<BoxError>::into)?;
            let response = service.call(request).await.map_err(Into::<BoxError>::into)?;
            conn.send(response).await?;
        }
        Ok(())
    }
}

impl<C, S> fmt::Debug for ServiceHandler<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceHandler")
    }
}
