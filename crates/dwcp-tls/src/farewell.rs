//! Leaving so that the peer can still read why.

use crate::alert::Alert;
use crate::bounded_io::BoundedIo;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Ends our direction and reads on for a moment before the transport is dropped.
///
/// A TCP socket that is closed with unread input sends a reset, which may overtake and destroy the alert that explains
/// the refusal.
pub(crate) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(io: BoundedIo<IO>) {
    // In a box, so that a handshake that goes well carries no room for this. Whatever goes wrong here happens to a connection that is being given up.
    let _ = timeout(PATIENCE, Box::pin(part(io, &[]))).await;
}

/// As [`linger`], after a fatal alert in the clear: for a handshake that has no keys yet.
pub(crate) async fn refuse<IO: AsyncRead + AsyncWrite + Unpin>(io: BoundedIo<IO>, alert: Alert) {
    // RFC 9846 §5.1 and §6: a record of type alert and version 0x0303, two bytes long, level fatal.
    let _ = timeout(PATIENCE, Box::pin(part(io, &[21, 3, 3, 0, 2, 2, alert.number()]))).await;
}

async fn part<IO: AsyncRead + AsyncWrite + Unpin>(
    mut io: BoundedIo<IO>,
    last_words: &[u8],
) -> io::Result<()> {
    // What is discarded is bounded here. The bound of the handshake may be what the peer is refused for: it would end this at once.
    io.lift();
    io.write_all(last_words).await?;
    io.shutdown().await?;
    let mut discarded = [0; 1024];
    for _ in 0..MOST_READS {
        if io.read(&mut discarded).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// How long a refused peer may take to read its alert and hang up.
const PATIENCE: Duration = Duration::from_millis(250);

/// Reads of at most 1 KiB each.
const MOST_READS: usize = 32;
