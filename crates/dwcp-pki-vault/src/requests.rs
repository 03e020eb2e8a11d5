//! What the PKI engine is asked: to sign, to revoke, and who its issuers are.

use crate::answer::{self, CertificateData};
use crate::client::SMALL;
use crate::role::common_name;
use crate::{IssuedWithKey, Signed, VaultClient, VaultError, VaultIssuer, text};
use dwcp_base::Coded;
use dwcp_https::{Limits, Verb};
use dwcp_pki::{Certificate, CertificateRequest, Issued, Serial, SubjectName};
use serde_json::{Map, Value, json};
use std::time::Duration;

impl VaultClient {
    /// Has a request signed under the role. The server sees the request and no key.
    ///
    /// The certificate is to have the names of the request and no other: they are given beside it too, since a role may be told to look there.
    ///
    /// # Errors
    /// [`VaultError`]; what came back is not judged here.
    pub async fn sign(&self, request: &CertificateRequest, deadline: Duration) -> Result<Issued, VaultError> {
        let mut body = self.wishes(request.names());
        body.insert("csr".to_owned(), Value::String(request.to_pem()));
        let limits = Limits { deadline, body: SMALL };
        let answer = self.call(Verb::Post, &self.path("sign"), Some(&Value::Object(body)), limits).await;
        let signed = answer.and_then(|answer| {
            self.heed_lease(&answer);
            Signed::from_answer(&answer)
        });
        let issued = self.session.signing(signed)?.issued;
        let leaf = issued.chain.leaf();
        // Dated back it may be, so that this is no less than what it has left.
        self.session.lives(leaf.not_before().until(leaf.not_after()));
        Ok(issued)
    }

    /// Has the *server* make a key and a certificate for it (`pki/issue`).
    ///
    /// # Security
    /// The private key is made by somebody else, is known to them, and travels. [`VaultProvider`](crate::VaultProvider) never does this; it
    /// is for machines that can make no key of their own. The role's `key_type` says what kind of key it is.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn issue_with_key_made_by_server(
        &self,
        names: &[SubjectName],
        deadline: Duration,
    ) -> Result<IssuedWithKey, VaultError> {
        let mut body = self.wishes(names);
        body.insert("private_key_format".to_owned(), json!("pkcs8"));
        let limits = Limits { deadline, body: SMALL };
        let answer = self.call(Verb::Post, &self.path("issue"), Some(&Value::Object(body)), limits).await?;
        self.heed_lease(&answer);
        IssuedWithKey::from_answer(&answer)
    }

    /// Whether what was issued hangs on the token, by a role with `generate_lease`.
    fn heed_lease(&self, answer: &[u8]) {
        if answer::has_lease(answer) {
            self.session.leased();
        }
    }

    /// Revokes a certificate of this mount. Revoking it again is no error.
    ///
    /// # Errors
    /// [`VaultError::Refused`] for a serial that the mount did not issue, or did not keep (`no_store`).
    pub async fn revoke(&self, serial: &Serial, deadline: Duration) -> Result<(), VaultError> {
        let digits = serial.to_string();
        let octets: Vec<&str> =
            (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2)).collect();
        let body = json!({ "serial_number": octets.join(":") });
        let path = format!("{}/revoke", self.settings().mount());
        let limits = Limits { deadline, body: SMALL };
        self.call(Verb::Post, &path, Some(&body), limits).await.map(drop)
    }

    /// The chain of the mount's default issuer, or of the one that is set: the issuer first, a root at the end where the mount knows it.
    /// Asked without a token, so that it comes while no login is to be had.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn ca_chain(&self, deadline: Duration) -> Result<Vec<Certificate>, VaultError> {
        let issuer = self.settings().issuer().unwrap_or("default").to_owned();
        let data = self.issuer(&issuer, deadline).await?;
        let mut chain = Vec::new();
        for text in std::iter::once(&data.certificate).chain(&data.ca_chain) {
            for found in answer::bundle(text)? {
                if !chain.contains(&found) && chain.len() < MOST_ISSUERS {
                    chain.push(found);
                }
            }
        }
        Ok(chain)
    }

    /// Every issuer of the mount, at most 32. Asked without a token, so that they come while no login is to be had.
    ///
    /// # Errors
    /// [`VaultError`]; one issuer that can not be read fails the whole, so that none goes missing in silence.
    pub async fn issuers(&self, deadline: Duration) -> Result<Vec<VaultIssuer>, VaultError> {
        let budget = self.session.budget(deadline);
        let path = format!("{}/issuers", self.settings().mount());
        let ids = answer::keys(&self.open(Verb::List, &path, Limits { deadline, body: SMALL }).await?)?;
        if ids.len() > MOST_ISSUERS {
            return Err(VaultError::Malformed { what: "it has more than 32 issuers" });
        }
        let default = self.default_issuer(budget.left()?).await?;
        let mut found = Vec::new();
        for id in ids {
            let id =
                text::segment("issuer", &id).map_err(|_| VaultError::Malformed { what: "an issuer's id" })?;
            let data = self.issuer(&id, budget.left()?).await?;
            let certificate = answer::certificate(&data.certificate)?;
            let name = text::printable(&data.issuer_name);
            found.push(VaultIssuer {
                default: default.as_ref() == Some(&certificate),
                id,
                name,
                certificate,
            });
        }
        Ok(found)
    }

    async fn default_issuer(&self, deadline: Duration) -> Result<Option<Certificate>, VaultError> {
        match self.issuer("default", deadline).await {
            Ok(data) => answer::certificate(&data.certificate).map(Some),
            Err(error) if error.code() == "vault.path.unknown" || !error.is_retryable() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn issuer(&self, reference: &str, deadline: Duration) -> Result<CertificateData, VaultError> {
        let path = format!("{}/issuer/{reference}/json", self.settings().mount());
        let body = self.open(Verb::Get, &path, Limits { deadline, body: SMALL }).await?;
        answer::data(&body)
    }

    /// `pki/sign/ROLE`, or the same of a named issuer.
    fn path(&self, verb: &str) -> String {
        let settings = self.settings();
        match settings.issuer() {
            Some(issuer) => format!("{}/issuer/{issuer}/{verb}/{}", settings.mount(), settings.role()),
            None => format!("{}/{verb}/{}", settings.mount(), settings.role()),
        }
    }

    /// The names, each in the field of its kind.
    fn wishes(&self, names: &[SubjectName]) -> Map<String, Value> {
        let (mut hosts, mut addresses, mut uris) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            match name {
                SubjectName::Dns(text) | SubjectName::Email(text) => hosts.push(text.clone()),
                SubjectName::Ip(address) => addresses.push(address.to_string()),
                SubjectName::Uri(text) => uris.push(text.clone()),
            }
        }
        let mut body = Map::new();
        body.insert("alt_names".to_owned(), json!(hosts.join(",")));
        body.insert("ip_sans".to_owned(), json!(addresses.join(",")));
        body.insert("uri_sans".to_owned(), json!(uris));
        // The common name is one of the names already, or is not there at all: it adds none.
        body.insert("exclude_cn_from_sans".to_owned(), json!(true));
        if let Some(name) = common_name(names) {
            body.insert("common_name".to_owned(), json!(name));
        }
        if let Some(ttl) = self.settings().ttl() {
            body.insert("ttl".to_owned(), json!(format!("{}s", ttl.as_secs().max(1))));
        }
        body
    }
}

const MOST_ISSUERS: usize = 32;
