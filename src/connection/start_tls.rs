//! TLS in mid-connection, when the handler says so.

use std::sync::Arc;

use tokio::time::timeout;

use super::end::EndReason;
use super::error::ConnectionError;
use super::mark::Receive;
use super::receive::Receiving;
use super::shared::Shared;
use crate::establish::Stream;
use crate::establish::tls::TlsServer;

/// Why TLS was not begun, and the connection goes on without.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("this listener has no certificate: see tls.certificate")]
    NoCertificate,
    #[error("the connection is encrypted already")]
    Encrypted,
    #[error("the client has sent bytes in the clear behind its wish for TLS")]
    Injected,
    #[error("the client has ended its input")]
    Over,
}

/// Whether [`start_tls`] may be asked for.
pub(super) fn can_start(shared: &Shared) -> bool {
    shared.settings().tls.is_some() && shared.info.tls().is_none()
}

/// Makes the handshake, once all that was sent before it is written.
pub(super) async fn start_tls(receiving: &mut Receiving) -> Result<(), ConnectionError> {
    let shared = Arc::clone(&receiving.shared);
    let tls = match &shared.settings().tls {
        None => return Err(ConnectionError::StartTls(Unready::NoCertificate.into())),
        Some(_) if !can_start(&shared) => return Err(ConnectionError::StartTls(Unready::Encrypted.into())),
        Some(tls) => Arc::clone(tls),
    };
    // What a man between has put behind the client's last line must not be taken for what the client says under TLS
    // (CVE-2011-0411). What lies in the socket still is no handshake, and fails as one.
    if !receiving.input.is_empty() {
        shared.end(EndReason::EstablishTls);
        return Err(ConnectionError::StartTls(Unready::Injected.into()));
    }
    let handshake = Handshake::begin(shared)?;
    let limit = handshake.shared.settings().timeouts.establish;
    // Boxed: the handler's future is as large as its largest await, for life.
    Box::pin(handshake.finish(&tls, limit)).await
}

/// A handshake that was begun. The connection ends with it if it is dropped.
struct Handshake {
    shared: Arc<Shared>,
    stream: Option<Stream>,
    done: bool,
}

impl Handshake {
    fn begin(shared: Arc<Shared>) -> Result<Self, ConnectionError> {
        let mut core = shared.lock();
        core.check_open()?;
        if core.eof {
            return Err(ConnectionError::StartTls(Unready::Over.into()));
        }
        core.receive = Receive::Busy;
        let stream = core.stream.take();
        drop(core);
        Ok(Self { shared, stream, done: false })
    }

    async fn finish(
        mut self,
        tls: &TlsServer,
        limit: Option<std::time::Duration>,
    ) -> Result<(), ConnectionError> {
        let Some(stream) = self.stream.take() else { return Err(ConnectionError::Closed) };
        let made = match limit {
            None => tls.handshake(stream).await,
            Some(limit) => match timeout(limit, tls.handshake(stream)).await {
                Ok(made) => made,
                Err(_) => {
                    self.shared.end(EndReason::EstablishTlsTimeout);
                    return Err(ConnectionError::Ended(EndReason::EstablishTlsTimeout));
                }
            },
        };
        let (stream, info) = made.map_err(ConnectionError::StartTls)?;
        self.shared.info.begin_tls(info);
        let mut core = self.shared.lock();
        core.stream = Some(stream);
        // What another task has sent meanwhile waits for it.
        core.wakers.wake_task();
        drop(core);
        self.done = true;
        Ok(())
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if !self.done {
            self.shared.end(EndReason::EstablishTls);
        }
    }
}
