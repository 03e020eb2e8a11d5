//! What a request carries: JSON within 64 KiB, read into memory that is wiped, with no field but those there are.

use super::answer::Trouble;
use crate::enroll::{EnrollError, TokenId, TokenSecret};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::{Body, Incoming};
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What somebody joins with.
pub(super) struct Join {
    pub(super) id: TokenId,
    pub(super) secret: TokenSecret,
    /// A signing request in PEM.
    pub(super) request: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenJoin<'a> {
    /// Borrowed, so that no copy is made that nobody wipes.
    token: &'a str,
    #[serde(borrow)]
    csr: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRenew<'a> {
    #[serde(borrow)]
    csr: Cow<'a, str>,
}

/// Reads the body; its length is looked at before any of it is.
pub(super) async fn read(request: Request<Incoming>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut body = request.into_body();
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(Trouble::Large);
    }
    // Taken once, so that no copy is left behind by growth.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST));
    let all = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| bad("the body was cut off"))?;
            let Some(data) = frame.data_ref() else { continue };
            if bytes.len() + data.len() > LARGEST {
                return Err(Trouble::Large);
            }
            bytes.extend_from_slice(data);
        }
        Ok(())
    };
    timeout(PATIENCE, all).await.unwrap_or(Err(Trouble::Slow))?;
    Ok(bytes)
}

/// `{"token":"ID.SECRET","csr":"PEM"}`
pub(super) fn join(bytes: &[u8]) -> Result<Join, Trouble> {
    let written: WrittenJoin<'_> =
        serde_json::from_slice(bytes).map_err(|_| bad("the body is not {\"token\":…,\"csr\":…}"))?;
    let no_token = || bad("the token is not ID.SECRET");
    let (id, secret) = written.token.split_once('.').ok_or_else(no_token)?;
    Ok(Join {
        id: id.parse().map_err(|_| no_token())?,
        secret: secret.parse().map_err(|_| no_token())?,
        request: written.csr.into_owned(),
    })
}

/// `{"csr":"PEM"}`
pub(super) fn renew(bytes: &[u8]) -> Result<String, Trouble> {
    let written: WrittenRenew<'_> =
        serde_json::from_slice(bytes).map_err(|_| bad("the body is not {\"csr\":…}"))?;
    Ok(written.csr.into_owned())
}

fn bad(rule: &'static str) -> Trouble {
    Trouble::Refused(EnrollError::Body { rule })
}

const LARGEST: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_fields_and_no_others() {
        let secret = TokenSecret::random().unwrap();
        let token = format!("0123456789abcdef.{}", secret.to_text().as_str());
        let read = join(format!(r#"{{"token":"{token}","csr":"a\nb"}}"#).as_bytes()).ok().unwrap();
        assert_eq!((read.id.to_string().as_str(), read.request.as_str()), ("0123456789abcdef", "a\nb"));
        assert_eq!(read.secret.digest(), secret.digest());
        for text in [
            String::new(),
            "[]".to_owned(),
            "{}".to_owned(),
            format!(r#"{{"token":"{token}"}}"#),
            format!(r#"{{"token":"{token}","csr":1}}"#),
            format!(r#"{{"token":"{token}","csr":"","x":1}}"#),
            format!(r#"{{"token":"{token}","token":"{token}","csr":""}}"#),
            format!(r#"{{"token":"{token}","csr":""}} {{}}"#),
            format!(r#"{{"token":"{}","csr":""}}"#, token.replace('.', "")),
            format!(r#"{{"token":"{token}A","csr":""}}"#),
            format!(r#"{{"token":"x{token}","csr":""}}"#),
            format!(r#"{{"token":"../../{token}","csr":""}}"#),
            "[".repeat(60_000),
        ] {
            let Err(Trouble::Refused(error)) = join(text.as_bytes()) else { panic!("taken: {text}") };
            assert!(!format!("{error:?} {error}").contains(secret.to_text().as_str()));
        }
        assert_eq!(renew(br#"{"csr":"x"}"#).ok().as_deref(), Some("x"));
        assert!(renew(br#"{"csr":"x","token":"y"}"#).is_err());
    }
}
