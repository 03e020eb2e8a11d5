//! From `host:port` to a TCP connection, with few name lookups at a time.

use crate::DialError;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

/// Resolves names and connects, with at most four lookups at a time among all clones.
///
/// # Security
/// The system's resolver blocks a thread for as long as its name server is silent. Such a lookup keeps its place until it
/// really ends, even when its caller has given up, so a dead name server never holds more than four threads.
#[derive(Clone)]
pub struct Lookups {
    places: Arc<Semaphore>,
}

impl Lookups {
    /// Connects to the first address of `remote` (`host:port`) that answers, all within `within`: at most eight addresses
    /// are tried, each with an equal share of the time that is left. Keep-alive is on and small writes are not delayed.
    ///
    /// An address literal (`192.0.2.1:80`, `[2001:db8::1]:80`) is not looked up, and waits for no place.
    ///
    /// # Errors
    /// [`DialError::Unresolved`], [`DialError::Unreachable`] or [`DialError::Timeout`], and no other.
    pub async fn reach(&self, remote: &str, within: Duration) -> Result<(TcpStream, SocketAddr), DialError> {
        // A limit beyond the clock's range is a century away; clamping keeps the addition defined.
        let end = Instant::now() + within.min(LONGEST_WAIT);
        let reached = timeout_at(end, self.reach_by(remote, end)).await;
        reached.unwrap_or_else(|_| Err(DialError::Timeout { remote: remote.to_owned(), deadline: within }))
    }

    /// The same, for a caller that watches the time.
    pub(crate) async fn reach_by(
        &self,
        remote: &str,
        end: Instant,
    ) -> Result<(TcpStream, SocketAddr), DialError> {
        let unresolved = |source| DialError::Unresolved { remote: remote.to_owned(), source };
        let addresses = match remote.parse::<SocketAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let name = remote.to_owned();
                self.look_up(move || system(&name)).await.map_err(unresolved)?
            }
        };
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            let shares = u32::try_from(addresses.len() - tried).unwrap_or(1);
            let share = end.saturating_duration_since(Instant::now()) / shares;
            match timeout(share, open(*address)).await {
                Ok(Ok(stream)) => return Ok((stream, *address)),
                Ok(Err(error)) => last = Some(error),
                Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
            }
        }
        match last {
            Some(source) => Err(DialError::Unreachable { remote: remote.to_owned(), source }),
            None => Err(unresolved(io::ErrorKind::NotFound.into())),
        }
    }

    /// Waits for a place, then runs `resolve` on a thread that may block; the place is free again when that has returned.
    async fn look_up(
        &self,
        resolve: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> io::Result<Vec<SocketAddr>> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        let lookup = spawn_blocking(move || {
            let _place = place;
            resolve()
        });
        lookup.await.map_err(io::Error::other)?
    }
}

impl Default for Lookups {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)) }
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookups").field("free", &self.places.available_permits()).finish()
    }
}

fn system(remote: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(remote.to_socket_addrs()?.take(MOST_ADDRESSES).collect())
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// Lookups at a time.
const PLACES: usize = 4;

/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 8;

const LONGEST_WAIT: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tokio::net::TcpListener;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_silent_name_server_holds_four_threads_and_no_more() {
        let lookups = Lookups::default();
        let (started, starts) = mpsc::channel();
        let mut answers = Vec::new();
        for _ in 0..12 {
            let (answer, asked) = mpsc::channel::<()>();
            answers.push(answer);
            let started = started.clone();
            let stuck = lookups.clone().look_up_for_ever(started, asked);
            assert!(timeout(SOON, stuck).await.is_err(), "its caller has given up");
        }
        assert_eq!(starts.try_iter().count(), PLACES);
        // A name has to wait for its place, and gives up in time; a literal needs none.
        let error = lookups.reach("localhost:1", SOON).await.unwrap_err();
        assert!(matches!(error, DialError::Timeout { .. }), "{error:?}");
        for local in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(local).await else { continue };
            let address = listener.local_addr().unwrap();
            let (stream, reached) =
                lookups.reach(&address.to_string(), Duration::from_secs(5)).await.unwrap();
            assert_eq!((reached, stream.nodelay().unwrap()), (address, true));
        }
        // The name server is back.
        answers.clear();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = format!("localhost:{}", listener.local_addr().unwrap().port());
        lookups.reach(&remote, Duration::from_secs(5)).await.unwrap();
        let all = u32::try_from(PLACES).unwrap();
        let _free = timeout(Duration::from_secs(5), lookups.places.acquire_many(all)).await.unwrap().unwrap();
        assert_eq!(starts.try_iter().count(), 0, "who had given up in the queue was never looked up");
    }

    impl Lookups {
        async fn look_up_for_ever(self, started: mpsc::Sender<()>, asked: mpsc::Receiver<()>) {
            let stuck = move || {
                started.send(()).unwrap();
                let _ = asked.recv();
                Ok(Vec::new())
            };
            let _ = self.look_up(stuck).await;
        }
    }

    #[tokio::test]
    async fn a_longest_wait_is_no_overflow() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = listener.local_addr().unwrap().to_string();
        Lookups::default().reach(&remote, Duration::MAX).await.unwrap();
    }

    #[tokio::test]
    async fn each_failure_has_its_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap().to_string();
        drop(listener);
        let lookups = Lookups::default();
        let error = lookups.reach(&closed, Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, DialError::Unreachable { .. }), "{error:?}");
        let error = lookups.reach("no-port", Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, DialError::Unresolved { .. }), "{error:?}");
    }
}
