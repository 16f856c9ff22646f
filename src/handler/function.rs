//! A closure as a handler.

use std::fmt;
use std::marker::PhantomData;

use super::{Handler, HandlerError};
use crate::codec::Codec;
use crate::connection::Connection;

/// A handler made of a closure; the return type of [`handler_fn`].
pub struct HandlerFn<C, F> {
    function: F,
    codec: PhantomData<fn() -> C>,
}

/// Makes a handler of a closure. Its argument's type says which codec it speaks.
///
/// ```
/// use terima::{Connection, Framing, handler_fn};
///
/// let greet = handler_fn(|mut conn: Connection<Framing>| async move {
///     conn.send(format!("hello, {}\n", conn.info().client())).await?;
///     Ok(())
/// });
/// # fn is_handler<H: terima::Handler>(_: H) {}
/// # is_handler(greet);
/// ```
//
// A function, since a blanket `impl<C, F> Handler for F` cannot exist: C would be unconstrained (E0207).
pub fn handler_fn<C, F, Fut>(function: F) -> HandlerFn<C, F>
where
    C: Codec,
    F: Fn(Connection<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    HandlerFn { function, codec: PhantomData }
}

impl<C, F, Fut> Handler for HandlerFn<C, F>
where
    C: Codec,
    F: Fn(Connection<C>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), HandlerError>> + Send,
{
    type Codec = C;

    fn handle(&self, conn: Connection<C>) -> impl Future<Output = Result<(), HandlerError>> + Send {
        (self.function)(conn)
    }
}

impl<C, F> fmt::Debug for HandlerFn<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFn")
    }
}
