//! A server over TLS that says what a real one would not say.

#![allow(unreachable_pub, reason = "a module of each test binary")]
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use dwcp_testkit::Lab;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, version::TLS13};

/// In the place of a status: the connection is cut without an answer.
pub const CUT: u16 = 0;
/// In the place of a status: nothing is said, and the connection stays.
pub const SILENT: u16 = 1;

/// Its address. It serves until the runtime ends: to a path below `/v1/` a status and a body. With 429 it asks for a minute's rest.
pub async fn serve<F>(lab: &Lab, says: F) -> String
where
    F: Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static,
{
    let credential = lab.credential(&["IP:127.0.0.1"]);
    let key = PrivatePkcs8KeyDer::from(credential.key().pkcs8().expose().to_vec());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(credential.chain().ders(), PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let says = Arc::new(says);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, says) = (acceptor.clone(), Arc::clone(&says));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut question = vec![0; 16_384];
                let length = stream.read(&mut question).await.unwrap_or(0);
                let question = String::from_utf8_lossy(&question[..length]).into_owned();
                let path = question.split(' ').nth(1).unwrap_or_default();
                let (status, body) = says(path.strip_prefix("/v1/").unwrap_or(path));
                match status {
                    CUT => return,
                    SILENT => std::future::pending().await,
                    _ => {}
                }
                let rest = if status == 429 { "Retry-After: 59\r\n" } else { "" };
                let head = format!(
                    "HTTP/1.1 {status} Said\r\n{rest}Connection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}
