//! How an OpenBao is configured and started.

use crate::servers::curl::Curl;
use crate::servers::process::{Process, command};
use crate::servers::{Place, free_port, wait_until};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// How a server is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenBaoOptions {
    /// Keeps what it stores on disk (Raft), so that it can be [killed](crate::OpenBao::kill) and [restarted](crate::OpenBao::restart): the start takes two
    /// seconds rather than a quarter of one. Default: memory.
    pub durable: bool,
    /// Who certifies clients that show a certificate to the listener. It asks for one and lives without one. Default: the lab of the
    /// server.
    pub client_ca: Option<PathBuf>,
    /// Writes every request and every answer to [`OpenBao::audit_log`](crate::OpenBao::audit_log). Default: no.
    pub audited: bool,
}

/// Writes the server's configuration.
pub(super) fn configure(place: &Place, options: &OpenBaoOptions, port: u16) {
    let shown = |path: &Path| path.display().to_string();
    let mut text = format!(
        "ui = false\napi_addr = \"https://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{}\"\n",
        free_port()
    );
    let client_ca = options.client_ca.as_ref().unwrap_or(&place.root);
    let _ = write!(
        text,
        "listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  cluster_address = \"127.0.0.1:{}\"\n  tls_cert_file = \"{}\"\n  \
         tls_key_file = \"{}\"\n  tls_min_version = \"tls13\"\n  tls_client_ca_file = \"{}\"\n  \
         tls_require_and_verify_client_cert = false\n}}\n",
        free_port(),
        shown(&place.certificate),
        shown(&place.key),
        shown(client_ca),
    );
    if options.durable {
        let data = place.path("data");
        fs::create_dir_all(&data).expect("a directory for its data");
        // It is alone: no follower has to be heard before it leads.
        let _ = write!(
            text,
            "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"n1\"\n  performance_multiplier = \"1\"\n}}\n",
            shown(&data)
        );
    } else {
        text.push_str("storage \"inmem\" {}\n");
    }
    if options.audited {
        let log = shown(&place.path("audit.log"));
        let _ = write!(
            text,
            "audit \"file\" \"requests\" {{\n  options {{\n    file_path = \"{log}\"\n  }}\n}}\n"
        );
    }
    fs::write(place.path("bao.hcl"), text).expect("its configuration");
}

/// Starts it as configured.
pub(super) fn serve(program: &Path, place: &Place) -> Process {
    let mut bao = command(program);
    bao.arg("server").arg(format!("-config={}", place.path("bao.hcl").display()));
    // As root it would run as another user, who could not read these files.
    bao.env("BAO_SKIP_DROP_ROOT", "1").env("HOME", place.directory());
    Process::start(&bao, &place.path("log"))
}

/// Waits until it answers, sealed or not.
pub(super) fn is_answering(process: &Process, curl: &Curl, port: u16) -> bool {
    let url = format!("https://127.0.0.1:{port}/v1/sys/seal-status");
    wait_until(|| curl.ask("GET", &url, &[], None).status == 200, || !process.is_running())
}
