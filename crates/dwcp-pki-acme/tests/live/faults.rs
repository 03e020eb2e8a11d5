//! A front before a Pebble that ends TLS and breaks answers: what a bad network and a bad proxy do to an authority, as a seed draws it.

use dwcp_testkit::{Dice, Pebble};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What happens to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection is reset, and the authority hears nothing of it.
    Reset,
    /// The authority does what it is asked, and the connection is reset instead of an answer.
    Lost,
    /// The page of a proxy, with status 500.
    Error,
    /// Status 503, with a `Retry-After` of so many seconds.
    Unavailable(u64),
    /// Half the body, with a length that says that this is all.
    Halved,
    /// Half the body, and then the end, although more was announced.
    Cut,
    /// The answer in twenty pieces, for half a second.
    Dripped,
}

const FAULTS: &[Fault] = &[
    Fault::Reset,
    Fault::Lost,
    Fault::Error,
    Fault::Unavailable(1),
    Fault::Unavailable(90),
    Fault::Halved,
    Fault::Cut,
    Fault::Dripped,
];

/// The front: one question a connection, one fault at most for each. Ends when it is dropped.
pub struct Front {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    pebble: u16,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    percent: AtomicU8,
    dice: Mutex<Dice>,
    drawn: Mutex<BTreeMap<Fault, usize>>,
    asked: Mutex<usize>,
}

impl Front {
    /// Before `pebble`, certified by the same lab; `percent` of a hundred questions have a fault.
    pub async fn start(pebble: &Pebble, dice: Dice, percent: u8) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = pebble.lab().write(&format!("front-{port}"), &pebble.lab().node("front"));
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let provider = Arc::new(ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let server = server.with_protocol_versions(&[&TLS13]).unwrap().with_no_client_auth();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pebble.ca_file()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]).unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let shared = Arc::new(Shared {
            pebble: pebble.port(),
            acceptor: TlsAcceptor::from(Arc::new(server.with_single_cert(chain, key).unwrap())),
            connector: TlsConnector::from(Arc::new(client)),
            percent: AtomicU8::new(percent),
            dice: Mutex::new(dice),
            drawn: Mutex::default(),
            asked: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { port, shared, accepting }
    }

    /// The URL of the directory behind it. What the authority names is behind it too, since it goes by the host it is asked for.
    pub fn directory_url(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.port)
    }

    /// How many of a hundred questions have a fault from here on.
    pub fn set_percent(&self, percent: u8) {
        self.shared.percent.store(percent, Ordering::SeqCst);
    }

    /// How often each fault was drawn.
    pub fn drawn(&self) -> BTreeMap<Fault, usize> {
        self.shared.drawn.lock().unwrap().clone()
    }

    /// How many questions there were.
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn draw(&self) -> Option<Fault> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let happens = dice.happens(self.percent.load(Ordering::SeqCst));
        let fault = *dice.one_of(FAULTS);
        if !happens {
            return None;
        }
        *self.drawn.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
        Some(fault)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // What ends a connection is what the suite is about.
        tokio::spawn(async move { drop(answer(stream, &shared).await) });
    }
}

async fn answer(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut client = shared.acceptor.accept(stream).await?;
    let (head, body) = question(&mut client).await?;
    let fault = shared.draw();
    match fault {
        Some(Fault::Reset) => return client.get_ref().0.set_zero_linger(),
        Some(Fault::Error) => {
            let page = "<html>oops</html>";
            return say(&mut client, "500 Internal Server Error", &[], page.as_bytes(), page.len()).await;
        }
        Some(Fault::Unavailable(seconds)) => {
            let wait = format!("Retry-After: {seconds}");
            return say(&mut client, "503 Service Unavailable", &[&wait], b"busy", 4).await;
        }
        _ => {}
    }
    let (status, headers, content) = shared.forward(&head, &body).await?;
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let half = content.get(..content.len() / 2).unwrap_or_default();
    match fault {
        Some(Fault::Lost) => client.get_ref().0.set_zero_linger(),
        Some(Fault::Halved) => say(&mut client, &status, &headers, half, half.len()).await,
        Some(Fault::Cut) => say(&mut client, &status, &headers, half, content.len()).await,
        Some(Fault::Dripped) => {
            let mut pieces = Vec::new();
            say(&mut pieces, &status, &headers, &content, content.len()).await?;
            for piece in pieces.chunks(pieces.len() / 20 + 1) {
                client.write_all(piece).await?;
                client.flush().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            client.shutdown().await
        }
        _ => say(&mut client, &status, &headers, &content, content.len()).await,
    }
}

impl Shared {
    /// Asks the authority: the status, the headers that tell of more than the connection, and the body.
    async fn forward(&self, head: &str, body: &[u8]) -> io::Result<(String, Vec<String>, Vec<u8>)> {
        let stream = TcpStream::connect(("127.0.0.1", self.pebble)).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut server = self.connector.connect(name, stream).await?;
        // The older version ends its answer with the connection, without chunks.
        server.write_all(head.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes()).await?;
        server.write_all(body).await?;
        server.flush().await?;
        let mut bytes = Vec::new();
        // It may end the connection without saying so by TLS.
        let _ = server.read_to_end(&mut bytes).await;
        let end = end_of_head(&bytes).ok_or(io::ErrorKind::InvalidData)?;
        let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split_once(' ')).ok_or(io::ErrorKind::InvalidData)?.1;
        let of_connection = ["connection:", "content-length:", "transfer-encoding:"];
        let kept = lines.filter(|line| {
            let lower = line.to_ascii_lowercase();
            !of_connection.iter().any(|name| lower.starts_with(name))
        });
        let content = bytes.get(end..).unwrap_or_default().to_vec();
        Ok((status.to_owned(), kept.map(str::to_owned).collect(), content))
    }
}

/// Reads one question: its head with the empty line, and its body.
async fn question(client: &mut (impl AsyncRead + Unpin)) -> io::Result<(String, Vec<u8>)> {
    const MOST: usize = 256 * 1024;
    let mut bytes = Vec::new();
    let mut end = None;
    loop {
        if let Some(end) = end.or_else(|| end_of_head(&bytes)) {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if bytes.len() >= end + length.unwrap_or(0) {
                return Ok((head, bytes.get(end..).unwrap_or_default().to_vec()));
            }
        }
        end = end_of_head(&bytes);
        if bytes.len() > MOST || client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Answers with `announced` as the length of the body, and ends the connection.
async fn say(
    client: &mut (impl AsyncWrite + Unpin),
    status: &str,
    headers: &[&str],
    body: &[u8],
    announced: usize,
) -> io::Result<()> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {announced}\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.write_all(body).await?;
    client.flush().await?;
    client.shutdown().await
}
