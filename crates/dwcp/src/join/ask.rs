//! The three questions of enrolment, over TLS with a server that was named beforehand.

use super::answer::{BadAnswer, Bundle, Granted, Refusal};
use crate::fetch::{Answer, FetchError, Limits, Line, Place, Question, fetch};
use dwcp_base::{Blame, Coded, UnixTime};
use dwcp_pki::ProviderError;
use dwcp_tls::{ExpectedServer, TlsConnector, TlsError};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why there is no answer that can be used.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    /// Nobody answered, or not the one who was meant.
    #[error("nothing came back")]
    Fetch(#[source] FetchError),
    /// The other side says no.
    #[error("{place} refuses ({status} {}): {}", refusal.code, refusal.message)]
    Refused { place: String, status: u16, refusal: Box<Refusal> },
    /// The other side can not at the moment.
    #[error("{place} can not issue now ({status} {}): {}", refusal.code, refusal.message)]
    Busy { place: String, status: u16, refusal: Box<Refusal>, retry_after: Option<Duration> },
    /// The answer is none.
    #[error("the answer of {place} is not understood")]
    Nonsense {
        place: String,
        #[source]
        source: BadAnswer,
    },
}

/// What is sent to join, borrowed: whoever writes it holds no copy of the secret.
#[derive(Serialize)]
struct Joining<'a> {
    token: &'a str,
    csr: &'a str,
}

/// What time it is there, where it says so. Nothing is told to it.
///
/// # Errors
/// [`FetchError`] where there is no connection, or not with whom was meant; an answer that is odd is no error here.
pub(super) async fn time(
    place: &Place,
    (connector, expected): (&TlsConnector, &ExpectedServer),
    deadline: Duration,
) -> Result<Option<UnixTime>, FetchError> {
    let limits = Limits { deadline, head: LARGEST_HEAD, body: LARGEST_ROOT };
    let question = Question::Get { target: "/pki/ca.crt", known: None };
    match fetch(place, Line::Tls(connector, expected), question, limits).await {
        Ok(answer) => Ok(answer.date),
        Err(
            error @ (FetchError::Unreachable { .. } | FetchError::TimedOut { .. } | FetchError::Tls { .. }),
        ) => Err(error),
        Err(_) => Ok(None),
    }
}

/// `POST /enroll/join`: the secret is said here and nowhere else.
pub(super) async fn join(
    place: &Place,
    (connector, expected): (&TlsConnector, &ExpectedServer),
    (proof, csr): (&str, &str),
    deadline: Duration,
) -> Result<Granted, AskError> {
    // Built once at its full size, so that no copy of the secret is left behind by growth; escapes make a text six times as long at most.
    let mut text = Zeroizing::new(Vec::with_capacity((proof.len() + csr.len()) * 6 + 64));
    // Writing two texts into memory does not fail.
    let _ = serde_json::to_writer(&mut *text, &Joining { token: proof, csr });
    let question = Question::Post { target: "/enroll/join", json: &text };
    granted(place, Line::Tls(connector, expected), question, deadline).await
}

/// `POST /enroll/renew`.
pub(super) async fn renew(
    place: &Place,
    (connector, expected): (&TlsConnector, &ExpectedServer),
    csr: &str,
    deadline: Duration,
) -> Result<Granted, AskError> {
    let text = json!({ "csr": csr }).to_string();
    let question = Question::Post { target: "/enroll/renew", json: text.as_bytes() };
    granted(place, Line::Tls(connector, expected), question, deadline).await
}

/// `GET /enroll/bundle`: what is trusted in the mesh, with its entity tag; `None` where it is still that of the tag `known`.
///
/// # Errors
/// [`AskError`].
pub(super) async fn bundle(
    place: &Place,
    (connector, expected): (&TlsConnector, &ExpectedServer),
    known: Option<&str>,
    deadline: Duration,
) -> Result<Option<(Bundle, Option<String>)>, AskError> {
    let question = Question::Get { target: "/enroll/bundle", known };
    let answer = asked(place, Line::Tls(connector, expected), question, deadline).await?;
    if answer.status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let bundle = Bundle::read(&answer.body).map_err(nonsense(place))?;
    Ok(Some((bundle, answer.tag)))
}

async fn granted(
    place: &Place,
    line: Line<'_>,
    question: Question<'_>,
    deadline: Duration,
) -> Result<Granted, AskError> {
    let answer = asked(place, line, question, deadline).await?;
    Granted::read(&answer.body).map_err(nonsense(place))
}

async fn asked(
    place: &Place,
    line: Line<'_>,
    question: Question<'_>,
    deadline: Duration,
) -> Result<Answer, AskError> {
    let limits = Limits { deadline, head: LARGEST_HEAD, body: LARGEST_BODY };
    let answer = fetch(place, line, question, limits).await.map_err(AskError::Fetch)?;
    let (status, place) = (answer.status.as_u16(), place.to_string());
    match status {
        200 | 304 => Ok(answer),
        400 | 401 | 403 => {
            Err(AskError::Refused { place, status, refusal: Box::new(Refusal::read(&answer.body)) })
        }
        429 | 500..=599 => {
            let (refusal, retry_after) = (Box::new(Refusal::read(&answer.body)), answer.retry_after);
            Err(AskError::Busy { place, status, refusal, retry_after })
        }
        _ => Err(AskError::Fetch(FetchError::Status { place, status })),
    }
}

fn nonsense(place: &Place) -> impl Fn(BadAnswer) -> AskError {
    let place = place.to_string();
    move |source| AskError::Nonsense { place: place.clone(), source }
}

impl From<AskError> for ProviderError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused { .. } => Self::Refused(error.into()),
            AskError::Busy { retry_after, .. } => Self::Unavailable { retry_after, source: error.into() },
            AskError::Nonsense { .. } => Self::BadAnswer(error.into()),
            // Our certificate is not taken there, which in TLS 1.3 shows when the handshake is over.
            AskError::Fetch(FetchError::Tls { source: TlsError::PeerAlert(_), .. }) => {
                Self::Refused(error.into())
            }
            AskError::Fetch(FetchError::TimedOut { deadline, .. }) => Self::TimedOut { deadline },
            AskError::Fetch(
                FetchError::Redirected { .. }
                | FetchError::Encoded { .. }
                | FetchError::TooLong { .. }
                | FetchError::Status { .. },
            ) => Self::BadAnswer(error.into()),
            AskError::Fetch(_) => Self::Unavailable { retry_after: None, source: error.into() },
        }
    }
}

impl Coded for AskError {
    fn code(&self) -> &'static str {
        match self {
            Self::Fetch(source) => source.code(),
            Self::Refused { .. } => "join.request.refused",
            Self::Busy { .. } => "join.request.postponed",
            Self::Nonsense { .. } => "join.answer.malformed",
        }
    }

    fn blame(&self) -> Blame {
        match self {
            Self::Fetch(source) => source.blame(),
            Self::Refused { .. } => Blame::Local,
            Self::Busy { .. } => Blame::Network,
            Self::Nonsense { .. } => Blame::Peer,
        }
    }
}

/// A certificate, which is not looked at.
const LARGEST_ROOT: usize = 64 * 1_024;
const LARGEST_HEAD: usize = 16 * 1_024;
/// Lists of up to 64 MiB in DER, in PEM, in JSON, with the roots.
const LARGEST_BODY: usize = 96 << 20;
