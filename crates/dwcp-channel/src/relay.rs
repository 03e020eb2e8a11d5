//! Carrying bytes between a session and a plain connection until both have ended, or one is cut.

use crate::pipe::{Fault, Pipe};
use crate::signal::{Seat, Watch};
use crate::{Ended, RelayOutcome, Session, accept};
use dwcp_tls::TlsError;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How bytes are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    buffer: usize,
    idle: IdleLimit,
}

/// How long a connection on which nothing moves may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleLimit {
    /// For ever; TCP keep-alive alone notices a peer that vanished.
    Never,
    /// This long, and up to a quarter longer: activity is looked at four times in that span.
    After(Duration),
}

impl RelaySettings {
    /// Buffers of `bytes` in each direction, between 4 KiB and 1 MiB; values outside are moved to the nearer bound.
    /// Default 64 KiB. A connection holds a buffer only while bytes are in it.
    #[must_use]
    pub const fn with_buffer(mut self, bytes: usize) -> Self {
        self.buffer = if bytes < SMALLEST {
            SMALLEST
        } else if bytes > LARGEST {
            LARGEST
        } else {
            bytes
        };
        self
    }

    /// When a silent connection is given up. Default: after one hour.
    #[must_use]
    pub const fn with_idle(mut self, idle: IdleLimit) -> Self {
        self.idle = idle;
        self
    }
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self { buffer: 64 * 1024, idle: IdleLimit::After(Duration::from_secs(3_600)) }
    }
}

/// Carries bytes both ways between `session` and `plain` until both have closed, one fails, or the registry cuts.
///
/// A node peer that waits for its verdict is accepted first: `plain` is its target, and it is reached. An end of one side
/// is passed on as an end of the other's input (half-close); everything but an orderly end on both sides resets both
/// sockets, and so does dropping the future.
///
/// # Security
/// A stream of the peer that ends without `close_notify` is a truncation (RFC 9846 §6.1): the plain side then sees a reset.
pub async fn relay(session: Session, plain: TcpStream, settings: &RelaySettings) -> RelayOutcome {
    let _ = plain.set_nodelay(true);
    let mut pair = Pair { session, plain, end: Orderly::No };
    let end = pair.carry(settings).await;
    if matches!(end, Ended::Clean) {
        pair.end = Orderly::Yes;
    }
    let entry = &pair.session.tracked.entry;
    let bytes_in = entry.bytes_in.load(Ordering::Relaxed);
    let bytes_out = entry.bytes_out.load(Ordering::Relaxed);
    RelayOutcome { bytes_in, bytes_out, end }
}

/// Both sides; unless they ended in order, dropping them resets both sockets.
struct Pair {
    session: Session,
    plain: TcpStream,
    end: Orderly,
}

#[derive(PartialEq, Eq)]
enum Orderly {
    Yes,
    No,
}

impl Pair {
    async fn carry(&mut self, settings: &RelaySettings) -> Ended {
        if let Err(error) = self.session.confirm().await {
            return ended_by(Fault::Write(error), Side::Peer);
        }
        let mut inward = Pipe::new(settings.buffer);
        let mut outward = Pipe::new(settings.buffer);
        let mut cut = Watch::new(Seat::Reader);
        let mut idle = IdleWatch::new(settings.idle);
        let mut turn = false;
        poll_fn(|cx| {
            let Session { tls, tracked, leading, .. } = &mut self.session;
            let entry = &tracked.entry;
            if let Poll::Ready(reason) = cut.poll_cut(&entry.signal, cx) {
                return Poll::Ready(Ended::Cut(reason));
            }
            let mut peer = crate::leading::Led { tls, leading };
            // Each direction goes first every other time: a budget that one of them exhausts is not always the same one's.
            turn = !turn;
            for first in [turn, !turn] {
                let (polled, reader, writer) = if first {
                    let polled = inward.poll_copy(cx, &mut peer, &mut self.plain, &entry.bytes_in);
                    (polled, Side::Peer, Side::Plain)
                } else {
                    let polled = outward.poll_copy(cx, &mut self.plain, &mut peer, &entry.bytes_out);
                    (polled, Side::Plain, Side::Peer)
                };
                if let Poll::Ready(Err(fault)) = polled {
                    let side = if matches!(fault, Fault::Read(_)) { reader } else { writer };
                    return Poll::Ready(ended_by(fault, side));
                }
            }
            if inward.has_ended() && outward.has_ended() {
                return Poll::Ready(Ended::Clean);
            }
            let moved =
                entry.bytes_in.load(Ordering::Relaxed).wrapping_add(entry.bytes_out.load(Ordering::Relaxed));
            idle.poll_silence(cx, moved).map(|()| Ended::Idle)
        })
        .await
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.end == Orderly::No {
            accept::reset(self.session.tls.io());
            accept::reset(&self.plain);
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Peer,
    Plain,
}

fn ended_by(fault: Fault, side: Side) -> Ended {
    let (Fault::Read(error) | Fault::Write(error)) = fault;
    if let Some(cut) = error.get_ref().and_then(|inner| inner.downcast_ref::<crate::WasCut>()) {
        return Ended::Cut(cut.0);
    }
    match side {
        Side::Plain => Ended::PlainFailed(error),
        Side::Peer => match TlsError::from_stream(error) {
            TlsError::Truncated => Ended::Truncated,
            error => Ended::PeerFailed(error),
        },
    }
}

/// Looks at the byte counters four times per span; four looks in a row that saw nothing new are silence.
struct IdleWatch {
    timer: Option<Pin<Box<Sleep>>>,
    quarter: Duration,
    seen: u64,
    quiet: u8,
}

impl IdleWatch {
    fn new(limit: IdleLimit) -> Self {
        let (timer, quarter) = match limit {
            IdleLimit::Never => (None, Duration::ZERO),
            IdleLimit::After(span) => {
                let quarter = (span / 4).max(Duration::from_millis(1));
                (Some(Box::pin(sleep(quarter))), quarter)
            }
        };
        Self { timer, quarter, seen: 0, quiet: 0 }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>, moved: u64) -> Poll<()> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        while timer.as_mut().poll(cx).is_ready() {
            self.quiet = if moved == self.seen { self.quiet + 1 } else { 0 };
            self.seen = moved;
            if self.quiet >= 4 {
                return Poll::Ready(());
            }
            timer.as_mut().reset(Instant::now() + self.quarter);
        }
        Poll::Pending
    }
}

const SMALLEST: usize = 4 * 1024;
const LARGEST: usize = 1024 * 1024;
