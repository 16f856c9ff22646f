//! A handshake from the client's side, to see whether a listener makes one.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};

use super::provider;

/// Makes a handshake, and takes its leave. A listener that wants something of the client that this one has not, as a certificate,
/// a name or a protocol, has answered as well.
///
/// # Errors
///
/// The stream's, and what is no handshake.
pub(crate) fn greet(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Whoever))
        .with_no_client_auth();
    // An address is no name, so none is asked for.
    let nobody = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
    let mut session = ClientConnection::new(Arc::new(config), nobody).map_err(io::Error::other)?;
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(stream) {
            return match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
                Some(Error::AlertReceived(alert)) if is_answer(*alert) => Ok(()),
                _ => Err(error),
            };
        }
    }
    session.send_close_notify();
    // It was there, whatever it does now.
    let _ = session.complete_io(stream);
    Ok(())
}

/// Whether a listener that is well says so to a client that has nothing to show.
fn is_answer(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::HandshakeFailure
            | AlertDescription::AccessDenied
            | AlertDescription::UnrecognisedName
            | AlertDescription::NoApplicationProtocol
    )
}

/// Takes every certificate whose key the server has: it is asked by its address, which is seldom in one, and whether clients
/// trust it is not what is to be known.
#[derive(Debug)]
struct Whoever;

impl ServerCertVerifier for Whoever {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
