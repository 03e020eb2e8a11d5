//! Clients that stop in the middle, as transports: what they hold themselves is not counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use crate::common::gullible::Gullible;
use allocation_counter::opt_out;
use dwcp_pki::Credential;
use dwcp_tls::TlsPolicy;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The other end of a server's transport: sends so much and no more, takes whatever comes, and stays.
pub struct Stalling {
    /// Taken out on drop, so that what it holds is freed uncounted as it was allocated.
    client: Option<Box<ClientConnection>>,
    ready: Vec<u8>,
    sent: usize,
    /// How many bytes are sent in all.
    budget: usize,
    /// The last bytes of each flight that are kept back.
    short: usize,
    /// How many bytes are sent at a time.
    step: usize,
}

impl Stalling {
    /// Sends these bytes.
    pub fn bytes(bytes: &[u8], step: usize) -> Self {
        Self { client: None, ready: bytes.to_vec(), sent: 0, budget: bytes.len(), short: 0, step }
    }

    /// Shakes hands as an honest client with `credential` would, until `budget` bytes are sent.
    pub fn client(credential: &Credential, budget: usize, step: usize) -> Self {
        Self::with(credential, None, None, budget, step)
    }

    /// Such a client that shows `other` behind its own certificate, in records of at most 60 bytes, and keeps its last ones back: what is
    /// missing is the end of its proof.
    pub fn unproven(credential: &Credential, other: &Credential) -> Self {
        Self::with(credential, Some(other), Some(60), usize::MAX, 4096).short(100)
    }

    fn with(
        credential: &Credential,
        other: Option<&Credential>,
        fragment: Option<usize>,
        budget: usize,
        step: usize,
    ) -> Self {
        let shown = |of: &Credential| of.chain().leaf().certificate_der().clone().into_owned();
        let chain = std::iter::once(credential).chain(other).map(shown).collect();
        let key = PrivatePkcs8KeyDer::from(credential.key().pkcs8().expose().to_vec());
        let mut config = ClientConfig::builder_with_provider(TlsPolicy::new().crypto_provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible))
            .with_client_auth_cert(chain, key.into())
            .unwrap();
        config.max_fragment_size = fragment;
        let name = ServerName::try_from("server.mesh").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut this =
            Self { client: Some(Box::new(client)), ready: Vec::new(), sent: 0, budget, short: 0, step };
        this.refill();
        this
    }

    /// Keeps the last bytes of its second flight back, of a flight that is read in one piece.
    pub fn short(mut self, short: usize) -> Self {
        self.short = short;
        self
    }

    /// The ClientHello of such a client.
    pub fn hello(&self) -> Vec<u8> {
        self.ready.clone()
    }

    fn refill(&mut self) {
        let Some(client) = &mut self.client else { return };
        while client.wants_write() {
            client.write_tls(&mut self.ready).unwrap();
        }
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let second_flight = self.client.as_ref().is_some_and(|client| !client.is_handshaking());
        let kept = if second_flight { self.short } else { 0 };
        let ready = self.ready.len().saturating_sub(self.sent);
        let left = (ready - kept.min(ready)).min(self.budget - self.sent);
        let part = left.min(self.step).min(buf.remaining());
        if part == 0 {
            return false;
        }
        buf.put_slice(&self.ready[self.sent..self.sent + part]);
        self.sent += part;
        if self.sent == self.budget || second_flight && self.ready.len() - self.sent == self.short {
            // It never reads what comes: nothing of it is left that could be taken for the server's.
            (self.client, self.ready) = (None, Vec::new());
        }
        true
    }
}

impl Drop for Stalling {
    fn drop(&mut self) {
        opt_out(|| {
            self.client = None;
            self.ready = Vec::new();
        });
    }
}

impl AsyncRead for Stalling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match uncounted(|| self.give(buf)) {
            true => Poll::Ready(Ok(())),
            // It stays, and says nothing more: nobody is woken.
            false => Poll::Pending,
        }
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len();
        opt_out(|| {
            if let Some(client) = &mut self.client {
                while bytes.read_some(client) {}
                self.refill();
            }
        });
        cx.waker().wake_by_ref();
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

trait ReadSome {
    fn read_some(&mut self, client: &mut ClientConnection) -> bool;
}

impl ReadSome for &[u8] {
    fn read_some(&mut self, client: &mut ClientConnection) -> bool {
        let read = client.read_tls(self).unwrap();
        // An alert is what it deserves.
        let _ = client.process_new_packets();
        read > 0
    }
}

/// Runs it without its allocations being counted.
pub fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let mut out = None;
    opt_out(|| out = Some(run()));
    out.unwrap()
}

/// A ClientHello by its header, of `length` bytes with its header and zeros in it, in one record if that can hold it.
pub fn promise(length: usize) -> Vec<u8> {
    let [.., high, middle, low] = (length - 4).to_be_bytes();
    let message = [&[1, high, middle, low][..], &vec![0; length - 4]].concat();
    crumbs(&message, &[16_384])
}

/// A handshake message in records of these sizes, over and over.
pub fn crumbs(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut bytes) = (message, Vec::new());
    for size in sizes.iter().cycle() {
        let (part, behind) = rest.split_at((*size).min(rest.len()));
        if part.is_empty() {
            break;
        }
        bytes.extend([22, 3, 1]);
        bytes.extend(u16::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part);
        rest = behind;
    }
    bytes
}

/// An honest hello in one record, made `length` bytes long on the wire by padding (RFC 7685).
pub fn padded(hello: &[u8], length: usize) -> Vec<u8> {
    let more = length - hello.len();
    let mut message = hello[5..].to_vec();
    // Type, version, random; then vectors of one, two, one and two bytes of length.
    let mut at = 4 + 2 + 32;
    at += 1 + usize::from(message[at]);
    at += 2 + usize::from(u16::from_be_bytes([message[at], message[at + 1]]));
    at += 1 + usize::from(message[at]);
    let extensions = u16::from_be_bytes([message[at], message[at + 1]]) + u16::try_from(more).unwrap();
    message[at..at + 2].copy_from_slice(&extensions.to_be_bytes());
    let [.., high, middle, low] = (message.len() - 4 + more).to_be_bytes();
    message[1..4].copy_from_slice(&[high, middle, low]);
    message.extend([0, 21]);
    message.extend(u16::try_from(more - 4).unwrap().to_be_bytes());
    message.extend(vec![0; more - 4]);
    crumbs(&message, &[16_384])
}
