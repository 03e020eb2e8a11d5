//! A node whose certificates a real OpenBao signs, under the role of the original's documentation.

use super::{Line, PATIENCE, Running, command, echo, free_port, ok, text};
use dwcp_pki::Certificate;
use dwcp_testkit::OpenBao;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What a node may do at the server, and no more.
const POLICY: &str = "path \"pki/sign/dwcp-role\" { capabilities = [\"update\"] }\n\
    path \"pki/roles/dwcp-role\" { capabilities = [\"read\"] }\n\
    path \"pki/config/crl\" { capabilities = [\"read\"] }\n";

/// The mount as the original's guide makes it, with the two settings that a node needs, and leaves of seconds.
pub(crate) fn mount(bao: &OpenBao) {
    bao.set_up_pki();
    policy(bao);
    complete(bao);
}

/// The policy alone.
pub(crate) fn policy(bao: &OpenBao) {
    bao.write("sys/policies/acl/dwcp", &json!({ "policy": POLICY }));
}

/// The two settings; dated back by less than a leaf of seconds lives.
pub(crate) fn complete(bao: &OpenBao) {
    bao.complete_role_with(&["not_before_duration=1s"]);
}

/// A token of that policy.
pub(crate) fn token(bao: &OpenBao, ttl: &str) -> String {
    bao.token(&["dwcp"], ttl, &json!({}))
}

/// A node in a directory of its own.
pub(crate) struct VaultNode {
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Where its dialer takes plain connections, where it has one.
    pub(crate) plain: SocketAddr,
    _home: tempfile::TempDir,
}

impl VaultNode {
    /// A node that listens, and dials `remote` where there is one, with certificates that live for `ttl`.
    pub(crate) fn new(bao: &OpenBao, name: &str, ttl: &str, token: &str, remote: Option<SocketAddr>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().to_owned();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (listen, admin, plain, target) =
            (local(free_port()), local(free_port()), local(free_port()), local(free_port()));
        let node = Self { dir, name: name.to_owned(), listen, admin, plain, _home: home };
        node.write_token(token);
        let dialer = remote.map(|remote| {
            format!(
                "  dialers: [{{name: d, listen: '{plain}', remote: '{remote}', expect: ['spiffe://novacron.local/node/*']}}]\n"
            )
        });
        let config = format!(
            "security:\n  cert_management:\n    provider: vault\n    renew_before: 720h\n    vault:\n      address: '{}'\n      ca_file: {}\n      \
             role: dwcp-role\n      token_file: token\n      ttl: {ttl}\n      \
             names: ['URI:spiffe://novacron.local/node/{name}', 'DNS:{name}.novacron.local', 'IP:127.0.0.1']\n\
             node:\n  name: {name}\n  trust_domain: novacron.local\n  admin: {{listen: '{admin}', socket: admin.sock}}\n  \
             listeners: [{{name: w, listen: '{listen}', target: '{target}', allow: ['spiffe://novacron.local/node/*']}}]\n{}",
            bao.address(),
            text(bao.ca_file()),
            dialer.unwrap_or_default(),
        );
        fs::write(node.path("dwcp.yaml"), config).unwrap();
        echo(target);
        node
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.path(name))
    }

    /// Replaces text in the configuration that must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("dwcp.yaml")).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        fs::write(self.path("dwcp.yaml"), text.replace(from, to)).unwrap();
    }

    /// Puts a token into its file, as a tool does that rotates it.
    pub(crate) fn write_token(&self, token: &str) {
        let new = self.path("token.new");
        fs::write(&new, format!("{token}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path("token")).unwrap();
    }

    pub(crate) fn up(&self) -> Running {
        Running::start(command().args(["up", "--config", &self.file("dwcp.yaml")]), self.admin)
    }

    pub(crate) fn leaf(&self) -> Certificate {
        // Authorities above it stand below it in the file.
        Certificate::bundle_from_pem(&fs::read(self.path("identity.crt")).unwrap()).unwrap().remove(0)
    }

    /// A check of `/health/certs`; null where it is not there.
    pub(crate) fn check(&self, id: &str) -> Value {
        let report: Value = serde_json::from_str(&self.get("/health/certs")).unwrap();
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["id"] == id)
            .cloned()
            .unwrap_or(Value::Null)
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let mut line = Line::dial_over(self.admin, &self.file("vault-ca.crt"), None).unwrap();
        line.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let answer = String::from_utf8(line.rest(PATIENCE).0).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// `dwcp ARGS --socket …` against the running node.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let socket = self.file("admin.sock");
        ok(&[arguments, &["--socket", &socket]].concat())
    }

    /// The sum of a counter in the metrics, over all labels that hold `label`.
    pub(crate) fn counter(&self, name: &str, label: &str) -> f64 {
        let lines = self.get("/metrics");
        let of = lines.lines().filter(|line| line.starts_with(name) && line.contains(label));
        of.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// All that is in its audit log, and whatever else it wrote, as text.
    pub(crate) fn written(&self) -> String {
        let mut text = String::new();
        gather(&self.path("audit"), &mut text);
        text
    }
}

fn gather(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, text);
        } else {
            text.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()));
        }
    }
}
