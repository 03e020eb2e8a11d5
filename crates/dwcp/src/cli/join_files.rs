//! What `dwcp init --join` writes: the files of a node that joined, and its annotated configuration.

use super::args::Init;
use super::exit::{Exit, Failure};
use crate::enroll::JoinToken;
use crate::join::Joined;
use dwcp_base::{Disk, LocalDisk};
use dwcp_pki::{Certificate, Crl};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// What belongs to a node that joins.
pub(super) struct Paths {
    pub(super) config: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) roots: PathBuf,
    pub(super) lists: PathBuf,
}

impl Paths {
    pub(super) fn of(dir: &Path) -> Self {
        let at = |name: &str| dir.join(name);
        Self {
            config: at("dwcp.yaml"),
            cert: at("identity.crt"),
            key: at("identity.key"),
            roots: at("mesh-ca.crt"),
            lists: at("mesh.crl"),
        }
    }

    /// What is trusted before the pair that leads to it, so that a crash in between leaves a node that starts, or none.
    pub(super) fn write(&self, joined: &Joined) -> Result<(), Failure> {
        let Joined { credential, roots, lists, .. } = joined;
        let roots: String = roots.iter().map(Certificate::to_pem).collect();
        let lists: String = lists.iter().map(Crl::to_pem).collect();
        for (path, text) in [(&self.roots, roots), (&self.lists, lists)] {
            LocalDisk.replace(path, text.as_bytes(), false).map_err(|error| unwritable(path, &error))?;
        }
        let kept = credential.save(&LocalDisk, &self.cert.with_extension(""));
        kept.map_err(|error| {
            super::node_failure::credential("the identity was not written".to_owned(), &error)
        })
    }

    /// All of it was made a moment ago by this command.
    pub(super) fn remove(&self) {
        let prefix = self.cert.with_extension("");
        let staged = ["next.crt", "next.key"].map(|end| prefix.with_extension(end));
        for path in [&self.cert, &self.key, &self.roots, &self.lists].into_iter().chain(&staged) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A file that comes and goes, as large as what will be written is as a rule: neither a directory that is read-only nor a full disk is to
/// cost a token.
pub(super) fn probe(dir: &Path) -> Result<(), Failure> {
    let path = dir.join("init.probe");
    LocalDisk
        .replace(&path, &[b'\n'; 65_536], false)
        .and_then(|()| std::fs::remove_file(&path))
        .map_err(|error| unwritable(dir, &error))
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let what = format!("{} can not be written", path.display());
    Failure::new(Exit::Failure, what, error, "name a directory this user can write to")
}

/// The default address of the admin listener; where another node of this machine has it, the next port that is free.
fn free_admin() -> SocketAddr {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut tried = (9_443..9_463).map(local);
    tried.find(|address| TcpListener::bind(address).is_ok()).unwrap_or(local(9_443))
}

/// The configuration of a node that joined.
pub(super) fn annotated(args: &Init, token: &JoinToken, name: &str) -> String {
    format!(
        r#"# A dwcp node of a mesh. `dwcp config check {file}` reads this file; SIGHUP applies it, all or nothing.
# Durations are written 30s, 5m, 720h. Relative paths start at this file's directory.

node:
  name: "{name}"
  trust_domain: "{domain}"
  admin:
    listen: {admin}      # HTTPS: /health/tls /health/certs /health/security /health/live /metrics
{socket}
  drain: 8s                     # how long SIGTERM lets connections end by themselves

  # A listener takes mutual TLS 1.3 and hands plain bytes to a service of this machine.
  listeners:
    - name: example
      listen: "{listen}"
      target: 127.0.0.1:8080    # the plain service; while it is down, dialing nodes are told so
      allow:                    # who may come in, by identity: required, nobody is admitted by omission
        - "spiffe://{domain}/node/*"

  # A dialer takes plain connections of this machine to another node's listener.
  dialers: []
  #  - name: example-out
  #    listen: 127.0.0.1:18080
  #    remote: other.example.org:7443
  #    expect: ["{server}"]

security:
  tls:
    min_version: "1.3"          # the only one there is
    pq: prefer                  # X25519MLKEM768 first; require | off
    crl_refresh: 1h             # how often the mesh is asked for its roots and for what was revoked
  cert_management:
    provider: mesh              # the certificate is renewed at the node that holds the authority
    auto_renew: true            # at half of the certificate's life; at two thirds of lives of ten days and more
    mesh:
      address: "{address}"
      server: "{server}"
  auditing:
    enabled: true               # the log is in ./audit; `dwcp audit verify` checks it

guard:
  handshakes_per_second: 20     # new connections of one source that has not shown a good certificate yet
  burst: 40
"#,
        admin = free_admin(),
        file = args.dir.join("dwcp.yaml").display(),
        domain = token.server.trust_domain(),
        socket = socket_line(&args.dir),
        listen = args.listen,
        address = token.address,
        server = token.server,
    )
}

/// The socket is there where its path fits into an address of the system.
fn socket_line(dir: &Path) -> &'static str {
    let path = std::path::absolute(dir.join("admin.sock")).unwrap_or_else(|_| dir.join("admin.sock"));
    match path.as_os_str().len() <= LONGEST_SOCKET {
        true => "    socket: admin.sock            # the same for this user alone: `dwcp tls status` asks it",
        false => {
            "    # socket: admin.sock          # the same for this user alone; the path here is too long for it"
        }
    }
}

const LONGEST_SOCKET: usize = 100;
