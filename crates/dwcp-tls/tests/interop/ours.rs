//! This side of every cell: dwcp-tls in the test's own process, over loopback.

use crate::process::wait_for;
use crate::trouble::{Trouble, failed};
use crate::wish::LABEL;
use crate::world::World;
use dwcp_base::{Clock, SystemClock};
use dwcp_pki::Peer;
use dwcp_tls::{
    ClientSettings, ExpectedServer, HandshakeFacts, ServerSettings, TlsContext, TlsError, TlsManager,
    TlsPolicy, TlsSession,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

pub(crate) type Session = TlsSession<TcpStream>;

const DEADLINE: Duration = Duration::from_secs(8);

/// Key updates of a cell, as the issue of this matrix has it.
pub(crate) const UPDATES: usize = 100;

/// A node that shows `name`'s certificate.
pub(crate) fn node(world: &World, name: &str, policy: TlsPolicy) -> TlsManager {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    TlsManager::new(world.store(name), policy, clock).unwrap()
}

/// One runtime for all cells of a test.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Connects as a client.
pub(crate) async fn dial(
    node: &TlsManager,
    settings: ClientSettings,
    name: &str,
    port: u16,
) -> Result<Session, TlsError> {
    let expected = ExpectedServer::name(format!("DNS:{name}").parse().unwrap())?;
    visit(&node.client(settings)?, &expected, port).await
}

/// Connects by a connector that may have been here before.
pub(crate) async fn visit(
    connector: &dwcp_tls::TlsConnector,
    expected: &ExpectedServer,
    port: u16,
) -> Result<Session, TlsError> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(TlsError::Transport)?;
    connector.connect(stream, expected, DEADLINE).await
}

/// Sends `payload` and has just that come back.
pub(crate) async fn echoed(session: &mut Session, payload: &[u8]) -> Result<(), Trouble> {
    let (mut from, mut to) = tokio::io::split(session);
    let mut heard = vec![0; payload.len()];
    let both = async {
        tokio::try_join!(
            async {
                to.write_all(payload).await?;
                to.flush().await
            },
            from.read_exact(&mut heard)
        )
    };
    within(both).await?.map_err(TlsError::from_stream)?;
    if heard == payload { Ok(()) } else { Err(failed("what came back is something else")) }
}

/// The rest of what the peer sends; an error when it ends without close_notify.
pub(crate) async fn rest(session: &mut Session) -> Result<Vec<u8>, TlsError> {
    let mut rest = Vec::new();
    match tokio::time::timeout(DEADLINE, session.read_to_end(&mut rest)).await {
        Ok(Ok(_)) => Ok(rest),
        Ok(Err(error)) => Err(TlsError::from_stream(error)),
        Err(_) => Err(TlsError::Transport(std::io::ErrorKind::TimedOut.into())),
    }
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> Result<T, Trouble> {
    tokio::time::timeout(DEADLINE, what).await.map_err(|_| failed("nothing within 8 s"))
}

/// A listener that serves everything that comes to one port by what was set last.
pub(crate) struct Door {
    pub(crate) port: u16,
    /// What serves, and who has come since it was set: a guest of before, who leaves late, is written down where nobody looks any more.
    serving: Arc<Mutex<(Option<TlsContext>, Guests)>>,
}

type Guests = Arc<Mutex<Vec<Guest>>>;

/// What became of one connection.
#[derive(Debug)]
pub(crate) enum Guest {
    Refused(TlsError),
    /// It is in; more follows when it has left.
    In(Box<HandshakeFacts>, String, Vec<u8>),
    /// It left: with close_notify or otherwise, after so many bytes.
    Left(Result<(), TlsError>),
}

impl Door {
    pub(crate) fn open(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = Arc::<Mutex<(Option<TlsContext>, Guests)>>::default();
        let door = Self { port, serving: Arc::clone(&serving) };
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (context, guests) = serving.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let Some(context) = context else { continue };
                tokio::spawn(serve(context, stream, guests));
            }
        });
        door
    }

    /// Serves by `node` and `settings` from now on, and forgets who was here.
    pub(crate) fn set(&self, node: &TlsManager, settings: ServerSettings) {
        let context = node.server(settings).unwrap();
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = (Some(context), Guests::default());
    }

    fn guests(&self) -> Guests {
        Arc::clone(&self.serving.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// What the `nth` guest that got in agreed on, who it is, and what was exported; an error when somebody was refused.
    pub(crate) fn guest(&self, nth: usize) -> Result<(HandshakeFacts, String, Vec<u8>), Trouble> {
        wait_for("a guest", || {
            let guests = self.guests();
            let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
            let refused = guests.iter().find_map(|guest| match guest {
                Guest::Refused(error) => Some(Err(failed(format!("refused: {error:?}")))),
                _ => None,
            });
            let mut inside = guests.iter().filter_map(|guest| match guest {
                Guest::In(facts, who, exported) => {
                    Some(Ok((HandshakeFacts::clone(facts), who.clone(), exported.clone())))
                }
                _ => None,
            });
            refused.or(inside.nth(nth))
        })?
    }

    /// Why the first guest was not let in.
    pub(crate) fn refusal<T>(&self, look: impl Fn(&TlsError) -> T) -> Result<T, Trouble> {
        wait_for("a refusal", || {
            let guests = self.guests();
            let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
            guests.iter().find_map(|guest| match guest {
                Guest::Refused(error) => Some(Ok(look(error))),
                Guest::In(..) => Some(Err(failed("it was let in"))),
                Guest::Left(_) => None,
            })
        })?
    }

    /// How the first guest left.
    pub(crate) fn farewell<T>(&self, look: impl Fn(&Result<(), TlsError>) -> T) -> Result<T, Trouble> {
        wait_for("a farewell", || {
            let guests = self.guests();
            let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
            guests.iter().find_map(|guest| match guest {
                Guest::Left(how) => Some(look(how)),
                _ => None,
            })
        })
    }
}

async fn serve(context: TlsContext, stream: TcpStream, guests: Guests) {
    let note = |guest| guests.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
    let mut session = match context.accept(stream, DEADLINE).await {
        Ok(session) => session,
        Err(error) => return note(Guest::Refused(error)),
    };
    let who = match session.peer() {
        Peer::Identified(identity) => identity.label(),
        anonymous => anonymous.label(),
    };
    let exported = session.export(LABEL.as_bytes(), b"", 32).unwrap().expose().to_vec();
    note(Guest::In(Box::new(session.facts().clone()), who, exported));
    let left = answer(&mut session).await;
    note(Guest::Left(left.map_err(TlsError::from_stream)));
}

/// Sends back what comes; a POST as the answer to it.
async fn answer(session: &mut Session) -> std::io::Result<()> {
    let mut chunk = vec![0; 16 * 1024];
    let mut begun = false;
    loop {
        let length = session.read(&mut chunk).await?;
        if length == 0 {
            return session.shutdown().await;
        }
        if !begun && chunk.starts_with(b"POST ") {
            return post(session, chunk[..length].to_vec()).await;
        }
        begun = true;
        // After [`REFRESH`] our keys are new with every answer.
        if chunk[..length].starts_with(REFRESH) {
            session.refresh_keys().map_err(std::io::Error::other)?;
        }
        session.write_all(&chunk[..length]).await?;
        session.flush().await?;
    }
}

/// HTTP/1.1 as far as a client needs it that posts what it wants back.
async fn post(session: &mut Session, mut read: Vec<u8>) -> std::io::Result<()> {
    let end = |read: &[u8]| read.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let mut chunk = vec![0; 16 * 1024];
    while end(&read).is_none() {
        let length = session.read(&mut chunk).await?;
        read.extend_from_slice(&chunk[..length]);
    }
    let at = end(&read).unwrap_or_default();
    let head = String::from_utf8_lossy(&read[..at]).to_ascii_lowercase();
    if head.contains("expect: 100-continue") {
        session.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        session.flush().await?;
    }
    let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    let mut body = read.split_off(at);
    let length: usize = length.unwrap_or_default();
    while body.len() < length {
        let more = session.read(&mut chunk).await?;
        if more == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        body.extend_from_slice(&chunk[..more]);
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    session.write_all(head.as_bytes()).await?;
    session.write_all(&body).await?;
    session.shutdown().await?;
    // Its own close_notify says that it has all of it.
    match session.read(&mut chunk).await? {
        0 => Ok(()),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

/// What starts with this is answered under new keys.
pub(crate) const REFRESH: &[u8] = b"refresh";
