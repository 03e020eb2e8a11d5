//! Starts a server that tests talk to, and leaves it running for trying things by hand: what `cargo xtask peers start NAME` calls.
#![allow(clippy::expect_used, reason = "a tool for the workspace alone")]

use dwcp_testkit::{OpenBao, OpenBaoOptions, Pebble, PebbleOptions};
use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("openbao") => openbao(),
        Some("pebble") => pebble(),
        _ => {
            eprintln!("there are openbao and pebble");
            ExitCode::from(2)
        }
    }
}

/// With the documented mount and its role complete. The line of processes comes first, for whoever ends them.
fn openbao() -> ExitCode {
    let options = OpenBaoOptions { durable: true, ..OpenBaoOptions::default() };
    let Some(bao) = OpenBao::start_with(&options) else { return ExitCode::FAILURE };
    bao.set_up_pki();
    bao.complete_role();
    let token = bao.directory().join("root-token");
    fs::write(&token, bao.root_token()).expect("a token file");
    private(&token);
    println!("processes: {}", bao.pid());
    println!("directory: {}", bao.directory().display());
    println!("address: {}", bao.address());
    println!("ca_file: {}", bao.ca_file().display());
    println!("token_file: {}", token.display());
    println!("pki_path: pki\nrole: dwcp-role");
    bao.release();
    ExitCode::SUCCESS
}

fn pebble() -> ExitCode {
    let Some(pebble) = Pebble::start(&PebbleOptions::default()) else { return ExitCode::FAILURE };
    let root = pebble.directory().join("issuing-root.pem");
    let roots: String = pebble.issuing_roots().iter().map(dwcp_pki::Certificate::to_pem).collect();
    fs::write(&root, roots).expect("the roots of what it issues");
    let (http, tls) = (pebble.http_port(), pebble.tls_port());
    let lines = format!(
        "directory: {}\ndirectory_url: {}\nca_file: {}\nissuing_root: {}\nhttp_challenge_port: {http}\ntls_alpn_port: {tls}",
        pebble.directory().display(),
        pebble.directory_url(),
        pebble.ca_file().display(),
        root.display(),
    );
    let [authority, names] = pebble.release();
    println!("processes: {authority} {names}\n{lines}");
    ExitCode::SUCCESS
}

#[cfg(unix)]
fn private(path: &std::path::Path) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).expect("a file for its owner alone");
}

#[cfg(not(unix))]
fn private(_: &std::path::Path) {}
