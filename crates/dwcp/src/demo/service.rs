//! The plain services of the tour, and a client for them: blocks out, hashes back, every byte checked.
//!
//! The protocol is what a plain TCP service might speak: a block is its length (4 bytes, big endian) and that many bytes;
//! the answer is the block's SHA-256.

use dwcp_crypto::digest::sha256;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// Starts the service on a free port of loopback; it ends with the runtime.
pub(super) async fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The client sees an error as a closed connection and counts it; there is nobody else to tell.
                let _ = answer(stream).await;
            });
        }
    });
    Ok(address)
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut block = vec![0; MAX_BLOCK];
    loop {
        let length = match stream.read_u32().await {
            Ok(length) => usize::try_from(length).unwrap_or(usize::MAX),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return stream.shutdown().await,
            Err(error) => return Err(error),
        };
        let block = block.get_mut(..length).ok_or(io::ErrorKind::InvalidData)?;
        stream.read_exact(block).await?;
        stream.write_all(&sha256(block)).await?;
    }
}

/// Sends one block and checks the hash that comes back. `serial` makes every block differ from the one before.
pub(super) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    block: &mut [u8],
    serial: u64,
) -> io::Result<()> {
    block[..8].copy_from_slice(&serial.to_be_bytes());
    let length = u32::try_from(block.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(block).await?;
    stream.flush().await?;
    let mut hash = [0; 32];
    stream.read_exact(&mut hash).await?;
    if hash != sha256(block) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the service received other bytes than were sent",
        ));
    }
    Ok(())
}

/// The largest block the service takes.
pub(super) const MAX_BLOCK: usize = 256 * 1_024;
