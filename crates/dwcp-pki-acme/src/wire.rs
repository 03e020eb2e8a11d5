//! HTTP for the protocol's library: over our own client, to the places that the directory vouches for, in bounded time and size.

use crate::budget::Budget;
use crate::directory::{self, Directory};
use crate::{AcmeError, AcmeProblem, Said, verdict};
use bytes::Bytes;
use dwcp_https::{Answer, Ask, HttpsClient, HttpsUrl, Limits, Verb};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error as LibraryError, HttpClient};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// The way to one authority, for as long as one order or one question takes. Clones are the same way.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Way>);

struct Way {
    client: HttpsClient,
    directory: Directory,
    budget: Budget,
    last: Mutex<Noted>,
}

/// What the library drops from an answer, or may not see.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    /// The status; 0 before there was an answer.
    pub(crate) status: u16,
    /// How long the authority asked to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// What an answer that says no complains of.
    problem: Option<AcmeProblem>,
}

impl Wire {
    /// Fetches the directory, and is the way to all that it names.
    pub(crate) async fn open(client: HttpsClient, url: HttpsUrl, budget: Budget) -> Result<Self, AcmeError> {
        let limits = limits(&budget, directory::LARGEST)?;
        let answer = asked(&client, Verb::Get, &url, None, limits, &budget).await?;
        let noted = Noted::of(&answer);
        if matches!(answer.status, 404 | 405 | 410) {
            // Nobody speaks ACME there: no refusal of an order, but a wrong address.
            let what = format!("there is no directory at {} (status {})", url.as_str(), answer.status);
            return Err(AcmeError::Answer { what: Said::new(&what) });
        }
        if !answer.is_success() {
            return Err(noted.failure());
        }
        let directory = Directory::read(url, &answer.body)?;
        Ok(Self(Arc::new(Way { client, directory, budget, last: Mutex::new(noted) })))
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.0.directory
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Makes sure that an address is on an origin of the directory.
    pub(crate) fn vouch(&self, text: &str) -> Result<HttpsUrl, AcmeError> {
        let url = text.parse().ok().filter(|url| self.0.directory.vouches_for(url));
        url.ok_or_else(|| AcmeError::ForeignUrl { url: Said::new(text) })
    }

    /// What was noted of the newest answer.
    pub(crate) fn noted(&self) -> Noted {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As the library takes it.
    pub(crate) fn for_library(&self) -> Box<dyn HttpClient> {
        Box::new(self.clone())
    }

    /// Fetches a page without a signature (RFC 9773 §4.1).
    pub(crate) async fn get(&self, url: &HttpsUrl) -> Result<Answer, AcmeError> {
        self.ask(Verb::Get, url, None).await
    }

    async fn ask(
        &self,
        verb: Verb,
        url: &HttpsUrl,
        body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    ) -> Result<Answer, AcmeError> {
        let way = &self.0;
        self.vouch(url.as_str())?;
        let limits = limits(&way.budget, LARGEST)?;
        let answer = asked(&way.client, verb, url, body, limits, &way.budget).await?;
        *way.last.lock().unwrap_or_else(PoisonError::into_inner) = Noted::of(&answer);
        Ok(answer)
    }

    async fn carry(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, AcmeError> {
        let (parts, body) = request.into_parts();
        let url = self.vouch(&parts.uri.to_string())?;
        let (verb, body) = match parts.method {
            // It fetches nothing but the directory without a signature, and takes every address in it for one.
            Method::GET => return response(200, &[], self.0.directory.checked_json()),
            Method::HEAD => (Verb::Head, None),
            Method::POST => {
                let Ok(bytes) = body.collect().await;
                (Verb::Post, Some((JOSE, Zeroizing::new(bytes.to_bytes().to_vec()))))
            }
            _ => return Err(malformed("an unknown method")),
        };
        let answer = self.ask(verb, &url, body).await?;
        // Only what the library needs: it would add any Retry-After to a time without a look, and panic where that is out of range.
        let kept = ["replay-nonce", "location"];
        let headers: Vec<_> = kept.iter().filter_map(|name| Some((*name, answer.header(name)?))).collect();
        let (status, headers) = (answer.status, headers);
        let headers: Vec<(&str, String)> =
            headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        response(status, &headers, answer.body)
    }
}

impl HttpClient for Wire {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, LibraryError>> + Send>> {
        let way = self.clone();
        Box::pin(async move { way.carry(request).await.map_err(|error| LibraryError::Other(error.into())) })
    }
}

impl Noted {
    fn of(answer: &Answer) -> Self {
        let problem = match answer.status {
            200..400 => None,
            status => Some(match serde_json::from_slice(&answer.body) {
                Ok(problem) => AcmeProblem::read(&problem, status),
                // The page of a proxy.
                Err(_) => {
                    AcmeProblem::unread(status, answer.body.get(..LONGEST_PAGE).unwrap_or(&answer.body))
                }
            }),
        };
        Self { status: answer.status, retry_after: answer.retry_after, problem }
    }

    /// The error for an answer that says no.
    pub(crate) fn failure(&self) -> AcmeError {
        let unread = || AcmeProblem::unread(self.status, b"");
        verdict::of_problem(self.problem.clone().unwrap_or_else(unread), self.retry_after)
    }
}

async fn asked(
    client: &HttpsClient,
    verb: Verb,
    url: &HttpsUrl,
    body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    limits: Limits,
    budget: &Budget,
) -> Result<Answer, AcmeError> {
    let answer = client.ask(Ask { verb, url, headers: &[], body, limits }).await;
    answer.map_err(|error| match error {
        // Out of time altogether: that is another thing than one slow answer.
        dwcp_https::HttpsError::TimedOut { .. } if budget.left().is_zero() => budget.over(),
        error => AcmeError::Https(error),
    })
}

fn limits(budget: &Budget, body: usize) -> Result<Limits, AcmeError> {
    Ok(Limits { deadline: budget.some()?.min(ONE_ANSWER), body })
}

fn response(status: u16, headers: &[(&str, String)], body: Vec<u8>) -> Result<BytesResponse, AcmeError> {
    let status = StatusCode::from_u16(status).map_err(|_| malformed("an unknown status"))?;
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, value);
    }
    let response = builder.body(Full::new(Bytes::from(body))).map_err(|_| malformed("an unusable header"))?;
    Ok(BytesResponse::from(response))
}

fn malformed(what: &str) -> AcmeError {
    AcmeError::Answer { what: Said::new(what) }
}

/// Of a page that is no problem document.
const LONGEST_PAGE: usize = 200;
const JOSE: &str = "application/jose+json";
/// A chain of 16 certificates in PEM, and an order of 100 names, are far below it.
const LARGEST: usize = 512 * 1024;
/// An authority that takes longer than this over one answer is taken for one that will not answer.
const ONE_ANSWER: Duration = Duration::from_secs(30);
