//! Reads what the server answers. Bodies are bounded before they come here; nothing in them is believed beyond its form.

use crate::{VaultError, text};
use dwcp_crypto::Secret;
use dwcp_pki::{Certificate, CertificateChain, Issued, Serial};
use serde::Deserialize;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The answer to a signing: leaf, what leads from it to a root, and the roots that the mount names.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Chain and roots, as a provider hands them on.
    pub issued: Issued,
    /// The serial as the certificate has it.
    pub serial: Serial,
}

/// A certificate whose private key the *server* made.
#[derive(Debug)]
pub struct IssuedWithKey {
    /// Chain and roots.
    pub issued: Issued,
    /// The private key: PKCS#8 in PEM. It was known to the server, and to whoever reads its memory.
    pub key: Secret,
}

/// One issuer of the mount.
#[derive(Clone, Debug)]
pub struct VaultIssuer {
    /// Its id: a UUID.
    pub id: String,
    /// Its name; empty where it has none.
    pub name: String,
    /// Whether it is the mount's default.
    pub default: bool,
    /// Its certificate.
    pub certificate: Certificate,
}

#[derive(Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) data: T,
}

#[derive(Deserialize)]
struct Lease<'a> {
    #[serde(default, borrow)]
    lease_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SignedData {
    certificate: String,
    #[serde(default)]
    issuing_ca: String,
    #[serde(default)]
    ca_chain: Vec<String>,
    #[serde(default)]
    private_key: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct CertificateData {
    #[serde(default)]
    pub(crate) certificate: String,
    #[serde(default)]
    pub(crate) ca_chain: Vec<String>,
    #[serde(default)]
    pub(crate) issuer_name: String,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<String>,
}

impl Signed {
    /// Reads the answer of `sign` and `issue`. The chain begins with the leaf, each certificate followed by the one that it names as its
    /// issuer, as far as the answer has it; certificates that their own key signed are roots.
    ///
    /// # Errors
    /// [`VaultError::Malformed`] for JSON of another shape, certificates that do not parse, and more than 16 of them.
    pub fn from_answer(body: &[u8]) -> Result<Self, VaultError> {
        let data: SignedData = data(body)?;
        Self::of(&data)
    }

    fn of(data: &SignedData) -> Result<Self, VaultError> {
        if data.ca_chain.len() > MOST_IN_CHAIN {
            return Err(VaultError::Malformed { what: "its chain is longer than 16 certificates" });
        }
        let leaf = certificate(&data.certificate)?;
        let mut pool = Vec::new();
        for text in std::iter::once(&data.issuing_ca).chain(&data.ca_chain) {
            if text.trim().is_empty() {
                continue;
            }
            // A chain may also come as one text with several sections.
            for found in Certificate::bundle_from_pem(text.as_bytes())
                .map_err(|_| VaultError::Malformed { what: "a certificate of its chain does not parse" })?
            {
                if !pool.contains(&found) && pool.len() < MOST_IN_CHAIN {
                    pool.push(found);
                }
            }
        }
        let serial = leaf.serial();
        let issued = arranged(leaf, pool)?;
        Ok(Self { issued, serial })
    }
}

impl IssuedWithKey {
    /// Reads the answer of `issue`.
    ///
    /// # Errors
    /// As [`Signed::from_answer`], and where there is no key.
    pub fn from_answer(body: &[u8]) -> Result<Self, VaultError> {
        let mut data: SignedData = data(body)?;
        let key = data.private_key.take().map(String::into_bytes).map(Secret::from);
        let key = key.ok_or(VaultError::Malformed { what: "it has no private key" })?;
        Ok(Self { issued: Signed::of(&data)?.issued, key })
    }
}

/// Leaf first, each followed by its issuer; roots aside.
fn arranged(leaf: Certificate, pool: Vec<Certificate>) -> Result<Issued, VaultError> {
    let (roots, mut rest): (Vec<_>, Vec<_>) = pool.into_iter().partition(Certificate::is_self_signed);
    let mut chain = vec![leaf];
    while let Some(last) = chain.last() {
        let Some(next) = rest.iter().position(|one| one.subject() == last.issuer()) else { break };
        let next = rest.swap_remove(next);
        chain.push(next);
    }
    let chain = CertificateChain::new(chain)
        .map_err(|_| VaultError::Malformed { what: "its chain is longer than 16 certificates" })?;
    Ok(Issued { chain, roots })
}

/// Every certificate of a PEM text, at most 16.
pub(crate) fn bundle(text: &str) -> Result<Vec<Certificate>, VaultError> {
    let all = Certificate::bundle_from_pem(text.as_bytes())
        .map_err(|_| VaultError::Malformed { what: "a certificate does not parse" })?;
    match all.len() {
        0..=MOST_IN_CHAIN => Ok(all),
        _ => Err(VaultError::Malformed { what: "it has more than 16 certificates" }),
    }
}

pub(crate) fn certificate(text: &str) -> Result<Certificate, VaultError> {
    Certificate::from_pem(text.as_bytes())
        .map_err(|_| VaultError::Malformed { what: "its certificate does not parse" })
}

/// The `data` of an answer.
pub(crate) fn data<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, VaultError> {
    // What serde says of a broken text may quote it, and this one may hold a key.
    serde_json::from_slice::<Envelope<T>>(body)
        .map(|envelope| envelope.data)
        .map_err(|_| VaultError::Malformed { what: "it is not JSON with the data that was asked for" })
}

/// Whether what was issued has a lease, and so goes when the token does.
pub(crate) fn has_lease(body: &[u8]) -> bool {
    serde_json::from_slice::<Lease<'_>>(body).is_ok_and(|answer| !answer.lease_id.is_empty())
}

/// The names of a list, at most 1 000.
pub(crate) fn keys(body: &[u8]) -> Result<Vec<String>, VaultError> {
    let list: Keys = data(body)?;
    match list.keys.len() {
        0..=1_000 => Ok(list.keys),
        _ => Err(VaultError::Malformed { what: "its list is longer than 1000 entries" }),
    }
}

/// The server's words in an error answer, on one line.
pub(crate) fn words(body: &[u8]) -> Vec<String> {
    let found = serde_json::from_slice::<Errors>(body).map(|errors| errors.errors).unwrap_or_default();
    found.iter().take(4).map(|word| text::printable(word.trim())).collect()
}

/// Whether an error answer that knows no such path is that of another program: Vault and OpenBao put their words, or none, into a list.
pub(crate) fn is_strangers(status: u16, body: &[u8]) -> bool {
    matches!(status, 404 | 405) && {
        let said: Result<serde_json::Value, _> = serde_json::from_slice(body);
        said.map_or(true, |said| said.get("errors").is_none())
    }
}

/// What a policy calls the right to do what is done here at a path.
pub(crate) fn capability(path: &str) -> &'static str {
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        [.., "issuers" | "keys"] => "list",
        [.., "json" | "der" | "pem" | "lookup-self"] | [.., "roles" | "config", _] => "read",
        _ => "update",
    }
}

/// What is said of an answer of another program.
pub(crate) const STRANGER: &str = "the address knows no such path, and says so in other words than Vault's";

/// What an error answer means, by its status and its words. `path` is what was asked for, as a policy names it.
pub(crate) fn fault(
    status: u16,
    words: &[String],
    retry_after: Option<std::time::Duration>,
    path: &str,
) -> VaultError {
    let has = |what: &str| words.iter().any(|word| word.contains(what));
    let said =
        || if words.is_empty() { "it said nothing".to_owned() } else { text::printable(&words.join("; ")) };
    match status {
        403 => VaultError::Denied { path: path.to_owned() },
        404 | 405
            if has("no handler for route") || has("unsupported path") || has("route entry not found") =>
        {
            VaultError::NotFound { what: "mount", path: mount(path).to_owned() }
        }
        // OpenBao; the caller knows which.
        404 if has("namespace not found") => {
            VaultError::NotFound { what: "namespace", path: path.to_owned() }
        }
        404 => VaultError::NotFound { what: kind(path), path: path.to_owned() },
        400 if has("unknown role") => VaultError::NotFound { what: "role", path: path.to_owned() },
        // A reference that names nobody is a failure of its own to OpenBao: status 500.
        400 | 500 if has("unable to find PKI issuer") => {
            VaultError::NotFound { what: "issuer", path: path.to_owned() }
        }
        // An authority whose key is elsewhere: the mount knows its certificate, and signs no list for it.
        500 if has("unable to find CRL for issuer") => {
            VaultError::NotFound { what: "list", path: path.to_owned() }
        }
        // OpenBao answers so where a token is missing or its namespace is another.
        400 if has("missing client token") => VaultError::Denied { path: path.to_owned() },
        412 => VaultError::Server { status, retry_after, said: said() },
        429 => VaultError::RateLimited { retry_after },
        472 | 473 => VaultError::Standby,
        501 => VaultError::Uninitialised,
        503 if has("sealed") => VaultError::Sealed,
        400.. if status < 500 => VaultError::Refused { status, said: said() },
        _ => VaultError::Server { status, retry_after, said: said() },
    }
}

/// What a path of the PKI engine names.
fn kind(path: &str) -> &'static str {
    let has = |part: &str| path.split('/').any(|segment| segment == part);
    match () {
        () if has("roles") || has("sign") || has("issue") => "role",
        () if has("issuer") || has("issuers") => "issuer",
        () if has("keys") => "key",
        () => "path",
    }
}

/// The mount that a path is in, which may have several segments: all that is before the first word of an engine.
fn mount(path: &str) -> &str {
    let mut end = 0;
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 && ENGINES.contains(&segment) && !(at == 1 && path.starts_with("auth/")) {
            break;
        }
        end += segment.len() + usize::from(at > 0);
    }
    path.get(..end).unwrap_or(path)
}

/// What follows a mount in the paths that are asked for here.
const ENGINES: [&str; 11] = [
    "sign", "issue", "roles", "issuer", "issuers", "config", "revoke", "login", "encrypt", "decrypt", "keys",
];

/// A body that may hold secrets, wiped when it goes.
pub(crate) type Body = Zeroizing<Vec<u8>>;

const MOST_IN_CHAIN: usize = 16;

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
