//! An authority that is sound but for what a test has it say: ACME over real TLS, without a look at signatures.

use super::{DEADLINE, request};
use base64ct::{Base64UrlUnpadded, Encoding};
use dwcp_https::Roots;
use dwcp_pki::{CertificateRequest, Issued};
use dwcp_pki_acme::AcmeIssuer;
use dwcp_testkit::Lab;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ServerConfig, crypto::ring, version::TLS13};

/// One question, as the authority saw it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub verb: String,
    pub path: String,
    pub payload: Value,
    /// The key that signed it, where it says so itself.
    pub key: Option<String>,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Say {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Say {
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// A problem document.
    pub fn problem(status: u16, kind: &str, detail: &str) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        Self::new(status, json!({ "type": kind, "detail": detail }))
    }
}

/// What it says instead of what a sound authority would; `None` for that.
type Script = Box<dyn Fn(&Asked, &str) -> Option<Say> + Send + Sync>;
/// What it answers to a request.
type Sign = Box<dyn Fn(&CertificateRequest) -> Issued + Send + Sync>;

/// The authority, until it is dropped.
pub struct Scripted {
    pub base: String,
    roots: Roots,
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    base: String,
    script: Script,
    sign: Sign,
    asked: Mutex<Vec<Asked>>,
    issued: Mutex<BTreeMap<String, String>>,
    numbers: AtomicU64,
}

impl Scripted {
    /// One that signs by `lab`, whose TLS is of the same lab.
    pub async fn start(
        lab: &Lab,
        script: impl Fn(&Asked, &str) -> Option<Say> + Send + Sync + 'static,
    ) -> Self {
        let (authority, now) = (Arc::clone(lab.authority()), lab.now());
        let sign = move |request: &CertificateRequest| {
            let chain = authority.issue(request, &dwcp_pki::IssuancePolicy::default(), now).unwrap();
            Issued { chain, roots: Vec::new() }
        };
        Self::signing(lab, script, sign).await
    }

    pub async fn signing(
        lab: &Lab,
        script: impl Fn(&Asked, &str) -> Option<Say> + Send + Sync + 'static,
        sign: impl Fn(&CertificateRequest) -> Issued + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            base: base.clone(),
            script: Box::new(script),
            sign: Box::new(sign),
            asked: Mutex::default(),
            issued: Mutex::default(),
            numbers: AtomicU64::new(0),
        });
        let acceptor = TlsAcceptor::from(Arc::new(tls(lab)));
        let shared = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&shared).talk(acceptor.clone(), stream));
            }
        });
        let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
        Self { base, roots, inner, task }
    }

    pub fn issuer(&self) -> AcmeIssuer {
        AcmeIssuer::new(format!("{}/dir", self.base).parse().unwrap(), self.roots.clone())
    }

    /// All that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// How many different keys asked for an account.
    pub fn keys(&self) -> usize {
        let keys: std::collections::BTreeSet<_> =
            self.asked().into_iter().filter_map(|asked| asked.key).collect();
        keys.len()
    }

    /// How often something was asked of `path`.
    pub fn count(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.path == path).count()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inner {
    async fn talk(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream) {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let mut words = head.split(' ');
            let (verb, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            let mut body = vec![0; length.unwrap_or(0)];
            if stream.read_exact(&mut body).await.is_err() {
                return;
            }
            let key = part(&body, "protected").get("jwk").map(Value::to_string);
            let asked = Asked { payload: part(&body, "payload"), key, verb, path };
            self.asked.lock().unwrap().push(asked.clone());
            let say = (self.script)(&asked, &self.base).unwrap_or_else(|| self.sound(&asked));
            let mut text = format!("HTTP/1.1 {} X\r\ncontent-length: {}\r\n", say.status, say.body.len());
            let nonce = format!("nonce{}", self.numbers.fetch_add(1, Ordering::SeqCst));
            for (name, value) in say.headers.iter().chain([&("replay-nonce", nonce)]) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str("\r\n");
            if asked.verb != "HEAD" {
                text.push_str(&say.body);
            }
            if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }

    fn sound(&self, asked: &Asked) -> Say {
        let base = &self.base;
        let number = asked.path.rsplit('/').next().unwrap().to_owned();
        let order = |number: &str, asked: &Value| {
            let done = self.issued.lock().unwrap().contains_key(number);
            let mut order = json!({
                "status": if done { "valid" } else { "ready" },
                "authorizations": [format!("{base}/authz/{number}")],
                "finalize": format!("{base}/finalize/{number}"),
            });
            if done {
                order["certificate"] = format!("{base}/cert/{number}").into();
            }
            if let Some(replaces) = asked.get("replaces") {
                order["replaces"] = replaces.clone();
            }
            order
        };
        match asked.path.split('/').nth(1).unwrap() {
            "dir" => Say::new(200, directory(base)),
            "nonce" => Say::new(200, ""),
            "new-account" => {
                Say::new(201, json!({ "status": "valid" })).with("location", format!("{base}/account/1"))
            }
            "account" => Say::new(200, json!({ "status": "valid" })),
            "new-order" => {
                let number = self.numbers.fetch_add(1, Ordering::SeqCst).to_string();
                Say::new(201, order(&number, &asked.payload))
                    .with("location", format!("{base}/order/{number}"))
            }
            "order" => Say::new(200, order(&number, &Value::Null)),
            "authz" => Say::new(
                200,
                json!({ "status": "valid", "identifier": { "type": "dns", "value": "a.example" }, "challenges": [] }),
            ),
            "finalize" => {
                let csr = Base64UrlUnpadded::decode_vec(asked.payload["csr"].as_str().unwrap()).unwrap();
                let issued = (self.sign)(&CertificateRequest::from_der(&csr).unwrap());
                self.issued.lock().unwrap().insert(number.clone(), issued.chain.to_pem());
                Say::new(200, order(&number, &Value::Null))
            }
            "cert" => Say::new(200, self.issued.lock().unwrap()[&number].clone()),
            _ => Say::problem(404, "malformed", "no such page"),
        }
    }
}

/// The directory of a sound authority.
pub fn directory(base: &str) -> Value {
    json!({
        "newNonce": format!("{base}/nonce"), "newAccount": format!("{base}/new-account"),
        "newOrder": format!("{base}/new-order"), "revokeCert": format!("{base}/revoke"),
        "keyChange": format!("{base}/key-change"), "renewalInfo": format!("{base}/ari"),
    })
}

/// A part of a signed question.
fn part(body: &[u8], name: &str) -> Value {
    let Ok(outer) = serde_json::from_slice::<Value>(body) else { return Value::Null };
    let text = outer[name].as_str().unwrap_or_default();
    let bytes = Base64UrlUnpadded::decode_vec(text).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

fn tls(lab: &Lab) -> ServerConfig {
    let credential = lab.credential(&["IP:127.0.0.1"]);
    let key = PrivatePkcs8KeyDer::from(credential.key().pkcs8().expose().to_vec());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(credential.chain().ders(), key.into())
        .unwrap()
}

/// One attempt at a certificate for `a.example`.
pub async fn attempt(made: &super::Made) -> Result<dwcp_pki::CertificateChain, dwcp_pki_acme::AcmeError> {
    made.provider.obtain(&request(&["DNS:a.example"]).1, DEADLINE).await
}
