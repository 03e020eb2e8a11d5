//! `dwcp init`: an annotated configuration, an authority and a first identity, in one directory.

use super::args::Init;
use super::exit::{Exit, Failure};
use super::output::Report;
use crate::config::{check, load};
use crate::node::Material;
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock};
use dwcp_pki::{AuthorityParams, CertificateAuthority, SpiffeId, SubjectName};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Makes what is missing and refuses to touch what is there.
pub(super) fn run(args: &Init) -> Result<Report, Failure> {
    if let Some(token) = &args.join {
        return super::join::run(args, token);
    }
    let dir = &args.dir;
    let config = dir.join("dwcp.yaml");
    if config.exists() {
        return Err(Failure::plain(
            Exit::Failure,
            format!("{} is already there", config.display()),
            "init never overwrites a configuration",
            format!("run `dwcp up --config {}`, or name another directory", config.display()),
        ));
    }
    let names = names(args)?;
    let unwritable = |path: &Path, error: &std::io::Error| {
        Failure::new(
            Exit::Failure,
            format!("{} can not be written", path.display()),
            error,
            "name a directory this user can write to",
        )
    };
    let disk = LocalDisk;
    let clock = SystemClock::new();
    disk.make_dir(dir).map_err(|error| unwritable(dir, &error))?;
    let ca_dir = dir.join("ca");
    let params = AuthorityParams::new(format!("{:.48} mesh authority", args.trust_domain));
    CertificateAuthority::create(Arc::new(disk), &ca_dir, &params, clock.unix()).map_err(|error| {
        Failure::new(
            Exit::Failure,
            format!("no authority was made in {}", ca_dir.display()),
            &error,
            "name a directory without one",
        )
        .coded(&error)
    })?;
    let made = (|| {
        disk.replace(&config, annotated(args).as_bytes(), false)
            .map_err(|error| unwritable(&config, &error))?;
        // The identity is made the way the node makes it, so that what init leaves behind is what `up` starts from.
        let plan = check(&load(&config, &[])?)?;
        Ok(Material::issue_first(&plan, &names, &clock)?)
    })();
    let identity = made.inspect_err(|_: &Failure| {
        // All of it was made a moment ago by this command: half a node would only be in the way of the next try.
        let _ = std::fs::remove_file(&config);
        let _ = std::fs::remove_dir_all(&ca_dir);
    })?;
    let text = format!(
        "{dir}/dwcp.yaml     the configuration, annotated\n\
         {dir}/ca/           the authority: ca.key is what the mesh stands on, keep it on this machine\n\
         {dir}/identity.*    the node's certificate and key, good until {identity}, renewed by the node itself\n\n\
         next:\n  dwcp up --config {dir}/dwcp.yaml\n  \
         dwcp token create --config {dir}/dwcp.yaml     # another machine joins with it: dwcp init DIR --join -\n  \
         dwcp cert issue --ca {dir}/ca --san URI:spiffe://{domain}/node/other --out {dir}/other\n  \
         dwcp tls handshake {listen} --ca {dir}/ca/ca.crt --cert {dir}/other.crt --key {dir}/other.key",
        dir = dir.display(),
        domain = args.trust_domain,
        listen = args.listen,
    );
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Ok(Report::new(
        text,
        json!({ "config": config.display().to_string(), "ca": ca_dir.display().to_string(), "names": names }),
    ))
}

/// The SPIFFE identity, then what a browser or curl needs to reach the admin listener, then what was asked for.
fn names(args: &Init) -> Result<Vec<SubjectName>, Failure> {
    let refused = |what: &str, error: &dyn std::error::Error, fix: &str| {
        Failure::new(Exit::Usage, format!("`{what}` can not be a name of the node"), error, fix)
    };
    let spiffe = format!("spiffe://{}/node/{}", args.trust_domain, node_name(args));
    let id: SpiffeId =
        spiffe.parse().map_err(|error| refused(&spiffe, &error, "give another --trust-domain or --name"))?;
    let mut names = vec![SubjectName::Uri(id.to_string())];
    for text in ["DNS:localhost", "IP:127.0.0.1"].into_iter().chain(args.sans.iter().map(String::as_str)) {
        let name: SubjectName = text.parse().map_err(|error| {
            refused(text, &error, "write --san DNS:host, IP:address or URI:spiffe://domain/path")
        })?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn node_name(args: &Init) -> &str {
    args.name.as_deref().unwrap_or("node-1")
}

fn annotated(args: &Init) -> String {
    format!(
        r#"# The dwcp node. `dwcp config check {file}` reads this file; SIGHUP applies it, all or nothing.
# Durations are written 30s, 5m, 720h. Relative paths start at this file's directory.

node:
  name: "{name}"
  trust_domain: "{domain}"
  admin:
    listen: 127.0.0.1:9443      # HTTPS: /health/tls /health/certs /health/security /health/live /metrics
    {socket}socket: admin.sock          # the same for this user alone, and orders: `dwcp cert renew`, `dwcp tls status`
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
  #    expect: ["spiffe://{domain}/node/other"]

security:
  tls:
    min_version: "1.3"          # the only one there is
    pq: prefer                  # X25519MLKEM768 first; require | off
  cert_management:
    provider: embedded          # the authority in ./ca; or manual: files that another tool renews
    auto_renew: true            # at half of the certificate's life; at two thirds of lives of ten days and more
    embedded:
      ca_dir: ca
      ttl: 24h
  auditing:
    enabled: true               # the log is in ./audit; `dwcp audit verify` checks it

guard:
  handshakes_per_second: 20     # new connections of one source that has not shown a good certificate yet
  burst: 40
"#,
        file = args.dir.join("dwcp.yaml").display(),
        name = node_name(args),
        domain = args.trust_domain,
        listen = args.listen,
        socket = if fits_a_socket(&args.dir) { "" } else { "# too long a path for this directory: " },
    )
}

/// Systems bound the path of a socket, some at 104 bytes with the zero at its end.
fn fits_a_socket(dir: &Path) -> bool {
    let path = std::path::absolute(dir.join("admin.sock"));
    cfg!(unix) && path.is_ok_and(|path| path.as_os_str().len() <= LONGEST_SOCKET)
}

const LONGEST_SOCKET: usize = 100;
