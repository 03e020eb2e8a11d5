//! The other end of a connection, in bytes.

use super::{DEADLINE, Outcome, server_dns};
use dwcp_tls::{TlsConnector, TlsContext};
use std::time::Duration;
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::task::JoinHandle;

/// A server that accepts one connection, and the raw other end of it.
pub fn facing(server: TlsContext, deadline: Duration) -> (JoinHandle<Outcome>, DuplexStream) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    (tokio::spawn(async move { server.accept(near, deadline).await }), far)
}

/// The first record a client sends.
pub async fn hello(client: &TlsConnector) -> Vec<u8> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let client = client.clone();
    let dialling = tokio::spawn(async move { client.connect(near, &server_dns(), DEADLINE).await });
    let mut bytes = vec![0; 64 * 1024];
    let length = far.read(&mut bytes).await.unwrap();
    bytes.truncate(length);
    dialling.abort();
    bytes
}

pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &length[..], body].concat()
}

pub async fn everything(mut from: DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).await.unwrap();
    bytes
}
