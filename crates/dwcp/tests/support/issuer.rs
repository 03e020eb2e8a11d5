//! A node that holds an authority and takes machines into its mesh, as the protocol of enrolment says, or as somebody who means harm would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test binary uses its part")]

use base64ct::{Base64UrlUnpadded, Encoding};
use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityParams, Certificate, CertificateAuthority, CertificateChain, CertificateRequest,
    CertificateStore, Credential, Crl, IssuancePolicy, Peer, RevocationMode, TrustStore,
};
use dwcp_tls::{ClientAuth, ServerSettings, TlsContext, TlsManager, TlsPolicy, TlsSession};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What it does with a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Manner {
    /// What it should.
    #[default]
    Good,
    /// A certificate for a key of its own.
    AnotherKey,
    /// A certificate with a name that was not asked for, for the key that was; OpenSSL makes it.
    MoreNames,
    /// One that has ended.
    Expired,
    /// One of an authority that nobody knows, whose root it names as well.
    Stranger,
    /// Roots without the one that everybody was told of.
    OtherRoots,
    /// A list that somebody else signed.
    ForeignList,
    /// It says that the certificate is for somebody else.
    AnotherIdentity,
    /// This, whatever was asked.
    Says(String),
    /// This, and then bytes for as long as anybody listens.
    Floods(&'static str),
    /// Nothing, and the connection stays open.
    Silence,
}

/// What it has, and what it was told.
pub(crate) struct State {
    pub(crate) authority: CertificateAuthority,
    stranger: CertificateAuthority,
    pub(crate) manner: Manner,
    dir: PathBuf,
    /// How long its certificates last.
    pub(crate) ttl: Duration,
    /// Roots that it names besides its own.
    pub(crate) more_roots: Vec<Certificate>,
    /// Whether its own root is among those that it names.
    pub(crate) names_its_root: bool,
    /// When its list was signed, seconds before now.
    pub(crate) list_age: u64,
    pub(crate) trust_domain: String,
    /// Lists that it hands out in place of its own, PEM.
    pub(crate) lists: Option<String>,
    /// How far its clock is ahead, seconds, where it says what time it is.
    pub(crate) ahead: Option<i64>,
    /// Target, body, and who asked.
    pub(crate) heard: Vec<(String, String, String)>,
}

/// The server; it ends with this value.
pub(crate) struct Issuer {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) address: SocketAddr,
    pub(crate) dir: tempfile::TempDir,
    runtime: Runtime,
}

pub(crate) const SERVER: &str = "spiffe://test.example/node/a";

impl Issuer {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Old enough for what it signed long ago.
        let begin = now().minus(Duration::from_secs(30 * 86_400));
        let authority = |name: &str| {
            let params = AuthorityParams::new(name.to_owned());
            CertificateAuthority::create(Arc::new(LocalDisk), &dir.path().join(name), &params, begin).unwrap()
        };
        let (own, stranger) = (authority("ca"), authority("stranger"));
        let names = [SERVER, "localhost"]
            .map(|name| format!("{}{name}", if name == SERVER { "URI:" } else { "DNS:" }));
        let credential = issue(&own, &names.map(|name| name.parse().unwrap()), now());
        // The root stands behind the chain, for those who know its fingerprint alone.
        let mut shown: Vec<Certificate> = credential.chain().iter().cloned().collect();
        shown.push(own.root().clone());
        let pem = dwcp_pki::private_key_pem(credential.key()).unwrap();
        let (crt, key) = (dir.path().join("a.crt"), dir.path().join("a.key"));
        std::fs::write(&crt, CertificateChain::new(shown).unwrap().to_pem()).unwrap();
        dwcp_base::Disk::replace(&LocalDisk, &key, pem.expose(), true).unwrap();
        let credential = Credential::load(&crt, &key).unwrap();
        let anchors = vec![own.root().certificate_der().clone()];
        let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
        let store = Arc::new(CertificateStore::new(credential, trust).unwrap());
        let tls = TlsManager::new(store, TlsPolicy::default(), Arc::new(SystemClock::new())).unwrap();
        let settings = ServerSettings::new(ClientAuth::Optional).with_alpn([b"http/1.1".to_vec()]);
        let context = tls.server(settings).unwrap();
        let state = Arc::new(Mutex::new(State {
            authority: own,
            stranger,
            manner: Manner::Good,
            dir: dir.path().to_owned(),
            ttl: Duration::from_secs(3_600),
            more_roots: Vec::new(),
            names_its_root: true,
            list_age: 0,
            trust_domain: "test.example".to_owned(),
            lists: None,
            ahead: None,
            heard: Vec::new(),
        }));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, context, Arc::clone(&state)));
        Self { state, address, dir, runtime }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// A token for this server.
    pub(crate) fn token(&self) -> String {
        self.token_of(&self.address.to_string(), SERVER, &self.root().fingerprint())
    }

    /// A token that says this.
    pub(crate) fn token_of(&self, address: &str, server: &str, root: &[u8]) -> String {
        let hex: String = root.iter().map(|octet| format!("{octet:02x}")).collect();
        // In this order and without a blank: a token has one text.
        let json = format!(
            r#"{{"a":"{address}","s":"{server}","f":"{hex}","t":"0123456789abcdef","k":"{SECRET}"}}"#
        );
        format!("dwcp1_{}", Base64UrlUnpadded::encode_string(json.as_bytes()))
    }

    pub(crate) fn root(&self) -> Certificate {
        self.state.lock().unwrap().authority.root().clone()
    }

    /// Whether the secret of a token was ever said to it.
    pub(crate) fn heard_the_secret(&self) -> bool {
        self.state.lock().unwrap().heard.iter().any(|(_, body, _)| body.contains(SECRET))
    }

    /// How often a target was asked for, and by whom the last time.
    pub(crate) fn asked(&self, target: &str) -> (usize, String) {
        let state = self.state.lock().unwrap();
        let mut found = state.heard.iter().filter(|(asked, ..)| asked == target);
        let last = found.next_back().map(|(.., who)| who.clone()).unwrap_or_default();
        (state.heard.iter().filter(|(asked, ..)| asked == target).count(), last)
    }

    /// Issues an identity under its root; gives the prefix of its files.
    pub(crate) fn identity(&self, name: &str) -> String {
        let names = [format!("URI:spiffe://test.example/node/{name}").parse().unwrap()];
        let credential = issue(&self.state.lock().unwrap().authority, &names, now());
        let prefix = self.dir.path().join(name);
        credential.save(&LocalDisk, &prefix).unwrap();
        prefix.to_str().unwrap().to_owned()
    }

    /// Revokes what is in `PREFIX.crt`.
    pub(crate) fn revoke(&self, prefix: &str) {
        let leaf = Certificate::from_pem(&std::fs::read(format!("{prefix}.crt")).unwrap()).unwrap();
        let state = self.state.lock().unwrap();
        let reason = dwcp_pki::RevocationReason::KeyCompromise;
        let _ = state.authority.revoke(&leaf.serial(), reason, now()).unwrap();
    }
}

impl State {
    pub(crate) fn list(&self) -> Crl {
        self.authority.crl(now().minus(Duration::from_secs(self.list_age))).unwrap()
    }

    /// A list that nobody here can place.
    pub(crate) fn strange_list(&self) -> Crl {
        self.stranger.crl(now()).unwrap()
    }

    fn roots(&self) -> String {
        let own = self.names_its_root.then(|| self.authority.root().to_pem());
        own.into_iter().chain(self.more_roots.iter().map(Certificate::to_pem)).collect()
    }

    /// Status, entity tag and body.
    fn answer(&mut self, target: &str, body: &str, known: Option<&str>) -> (u16, String, Value) {
        match target {
            "/enroll/bundle" => {
                let list = match self.manner {
                    Manner::ForeignList => self.stranger.crl(now()).unwrap(),
                    _ => self.list(),
                };
                let tag = format!("\"{}-{}\"", list.number().unwrap(), self.trust_domain);
                if known == Some(&tag) {
                    return (304, tag, Value::Null);
                }
                let crls = self.lists.clone().unwrap_or_else(|| list.to_pem());
                let body = json!({ "roots": self.roots(), "crls": crls, "trust_domain": self.trust_domain });
                (200, tag, body)
            }
            "/enroll/join" | "/enroll/renew" => {
                let body: Value = serde_json::from_str(body).unwrap();
                match self.grant(body["csr"].as_str().unwrap()) {
                    Ok(granted) => (200, String::new(), granted),
                    Err(why) => {
                        let error = json!({ "code": "enroll.name.refused", "message": why, "fix": "" });
                        (403, String::new(), json!({ "error": error }))
                    }
                }
            }
            _ => (404, String::new(), json!({})),
        }
    }

    /// What it grants, or why it does not.
    fn grant(&mut self, csr: &str) -> Result<Value, String> {
        let mut request = CertificateRequest::from_pem(csr.as_bytes()).unwrap();
        let identity = request.names().iter().find_map(dwcp_pki::SubjectName::spiffe_id).unwrap().to_string();
        let names = request.names().to_vec();
        let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
        if self.manner == Manner::AnotherKey {
            request = CertificateRequest::generate(&key, &names).unwrap();
        }
        let at =
            if self.manner == Manner::Expired { now().minus(Duration::from_secs(90_000)) } else { now() };
        let policy = IssuancePolicy::default().with_ttl(self.ttl).unwrap();
        let by = if self.manner == Manner::Stranger { &self.stranger } else { &self.authority };
        let chain = match self.manner {
            Manner::MoreNames => more_names(&self.dir, csr, &identity),
            _ => by.issue(&request, &policy, at).map_err(|error| error.to_string())?,
        };
        let roots = match self.manner {
            Manner::Stranger | Manner::OtherRoots => self.stranger.root().to_pem(),
            _ => self.roots(),
        };
        let list =
            if self.manner == Manner::ForeignList { self.stranger.crl(now()).unwrap() } else { self.list() };
        let lists = self.lists.clone().unwrap_or_else(|| list.to_pem());
        let identity = match self.manner {
            Manner::AnotherIdentity => "spiffe://test.example/node/z".to_owned(),
            _ => identity,
        };
        Ok(
            json!({ "chain": chain.to_pem(), "roots": roots, "crl": lists, "identity": identity, "renew_after": null }),
        )
    }
}

async fn serve(listener: TcpListener, context: TlsContext, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (context, state) = (context.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            if let Ok(session) = context.accept(stream, Duration::from_secs(5)).await {
                let _ = talk(session, &state).await;
            }
        });
    }
}

async fn talk(mut session: TlsSession<TcpStream>, state: &Mutex<State>) -> std::io::Result<()> {
    let who = match session.peer() {
        Peer::Identified(identity) => identity.label(),
        Peer::Anonymous(_) => String::new(),
    };
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if session.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let length: usize = header("content-length:").and_then(|text| text.parse().ok()).unwrap_or(0);
    while read.len() < end + length {
        if session.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
    let body = String::from_utf8_lossy(&read[end..]).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let (manner, answer, date) = {
        let mut state = state.lock().unwrap();
        let date = state.ahead.map(|ahead| format!("Date: {}\r\n", date(ahead))).unwrap_or_default();
        state.heard.push((target.clone(), body.clone(), who));
        let manner = state.manner.clone();
        let answer = match &manner {
            Manner::Says(_) | Manner::Floods(_) | Manner::Silence => (0, String::new(), Value::Null),
            _ => state.answer(&target, &body, header("if-none-match:").as_deref()),
        };
        (manner, answer, date)
    };
    match manner {
        Manner::Says(text) => session.write_all(text.as_bytes()).await?,
        Manner::Floods(text) => {
            session.write_all(text.as_bytes()).await?;
            loop {
                session.write_all(&[b'x'; 65_536]).await?;
            }
        }
        Manner::Silence => std::future::pending().await,
        _ => {
            let (status, tag, body) = (answer.0, answer.1, answer.2.to_string());
            let body = if status == 304 { "" } else { &body };
            let tag = if tag.is_empty() { tag } else { format!("ETag: {tag}\r\n") };
            let text =
                format!("HTTP/1.1 {status} X\r\n{date}{tag}Content-Length: {}\r\n\r\n{body}", body.len());
            session.write_all(text.as_bytes()).await?;
        }
    }
    session.shutdown().await
}

fn issue(authority: &CertificateAuthority, names: &[dwcp_pki::SubjectName], at: UnixTime) -> Credential {
    let key = SigningKey::generate(KeyType::EcdsaP256).unwrap();
    let request = CertificateRequest::generate(&key, names).unwrap();
    let chain = authority.issue(&request, &IssuancePolicy::default(), at).unwrap();
    Credential::new(chain, key).unwrap()
}

/// What the authority in `dir/ca` would never sign.
fn more_names(dir: &Path, csr: &str, identity: &str) -> CertificateChain {
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    std::fs::write(at("csr"), csr).unwrap();
    let names = format!("subjectAltName=URI:{identity},DNS:localhost,IP:127.0.0.1,DNS:payroll.example\n");
    std::fs::write(at("ext"), names).unwrap();
    let (csr, ca, key, ext) = (at("csr"), at("ca/ca.crt"), at("ca/ca.key"), at("ext"));
    let arguments = ["x509", "-req", "-in", &csr, "-CA", &ca, "-CAkey", &key, "-extfile", &ext, "-days", "1"];
    let made = Command::new("openssl").args(arguments).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    CertificateChain::from_pem(&made.stdout).unwrap()
}

/// So many seconds from now, as HTTP writes it; nobody looks at the day of the week.
fn date(ahead: i64) -> String {
    let text = UnixTime::from_secs(now().secs() + ahead).to_string();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months[text[5..7].parse::<usize>().unwrap() - 1];
    format!("Mon, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19])
}

fn now() -> UnixTime {
    SystemClock::new().unix()
}

/// 32 bytes.
pub(crate) const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
