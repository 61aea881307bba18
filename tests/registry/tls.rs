//! A registry behind TLS.

use crate::support::{registry, within};
use guanaco::serialization::registry::{
    RegistryError, RegistrySettings, Schema, SchemaKind, SchemaRegistry,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Takes TLS off the connections to an address; gives its own port and certificate.
async fn tls_before(plain: String) -> (u16, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain: SocketAddr = plain.trim_start_matches("http://").parse().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outer = acceptor.accept(stream).await?;
                let mut inner = TcpStream::connect(plain).await?;
                copy_bidirectional(&mut outer, &mut inner).await
            });
        }
    });
    (port, certificate)
}

fn trusting(certificates: &[CertificateDer<'static>]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test]
async fn a_certificate_is_checked_against_roots_and_name() {
    let (mock, _) = registry().await;
    let (port, certificate) = tls_before(mock.address()).await;
    let schema = Schema::new(SchemaKind::Avro, "\"string\"");
    let ask = async |host: &str, roots: &[CertificateDer<'static>]| {
        let settings = RegistrySettings::new(format!("https://{host}:{port}"))
            .with_bearer_token("canary")
            .with_retries(0)
            .with_tls_config(trusting(roots));
        let client = SchemaRegistry::new(&settings).unwrap();
        within(client.register("s", &schema, false)).await
    };
    let known = [certificate];
    assert_eq!(ask("localhost", &known).await.unwrap(), 1);
    for (host, roots) in [("localhost", &[][..]), ("127.0.0.1", &known)] {
        let error = ask(host, roots).await.unwrap_err();
        assert!(
            matches!(error, RegistryError::Unreachable { .. }),
            "{error:?}"
        );
        let causes = crate::support::chain(&error);
        assert!(causes.contains("certificate"), "{causes}");
    }
    assert_eq!(
        mock.requests().len(),
        1,
        "nothing was sent to whom it cannot trust"
    );
}
