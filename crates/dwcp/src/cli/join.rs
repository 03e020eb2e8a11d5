//! `dwcp init DIR --join TOKEN`: a configuration and an identity for a machine that becomes part of a mesh.

use super::args::Init;
use super::exit::{Exit, Failure};
use super::input;
use super::join_files::{Paths, annotated, probe, unwritable};
use super::output::Report;
use super::up::runtime;
use crate::config::{NodePlan, ProviderPlan, check, load};
use crate::enroll::JoinToken;
use crate::join::{JoinError, Joined, join};
use dwcp_base::{Disk, LocalDisk, SystemClock};
use dwcp_pki::{Certificate, Credential, ManagerError, ProviderError, SpiffeId, SubjectName};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Asks first and writes afterwards: whatever is refused leaves nothing behind.
pub(super) fn run(args: &Init, token: &str) -> Result<Report, Failure> {
    let token = read(token)?;
    if args.rejoin { again(args, &token) } else { first(args, &token) }
}

fn first(args: &Init, token: &JoinToken) -> Result<Report, Failure> {
    let dir = &args.dir;
    let paths = Paths::of(dir);
    for path in [&paths.config, &paths.cert, &paths.key, &paths.roots, &paths.lists] {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::plain(
                Exit::Failure,
                format!("{} is already there", path.display()),
                "init overwrites nothing",
                "name another directory; for a node that joined before and lost its certificate, add --rejoin",
            ));
        }
    }
    let name = args.name.clone().unwrap_or_else(node_name);
    let names = names(token, &name, &args.sans)?;
    let was_there = dir.symlink_metadata().is_ok();
    // A directory that can not be written to is found out before the token is spent.
    LocalDisk.make_dir(dir).map_err(|error| unwritable(dir, &error))?;
    let written = probe(dir).and_then(|()| {
        let text = annotated(args, token, &name);
        let config = || {
            LocalDisk
                .replace(&paths.config, text.as_bytes(), false)
                .map_err(|error| unwritable(&paths.config, &error))
        };
        // A configuration that can not be used is found out before the token is spent, too.
        config()?;
        check(&load(&paths.config, &[])?)?;
        // Whoever is stopped while asking can ask again in the same directory.
        std::fs::remove_file(&paths.config).map_err(|error| unwritable(&paths.config, &error))?;
        let joined = ask(token, &names)?;
        paths.write(&joined)?;
        config()?;
        Ok(joined)
    });
    let joined = written.inspect_err(|_| {
        paths.remove();
        let _ = std::fs::remove_file(&paths.config);
        if !was_there {
            // Empty by now, or somebody else's.
            let _ = std::fs::remove_dir(dir);
        }
    })?;
    Ok(report(dir, token, &names, &joined))
}

/// A new certificate for a node that is configured: its names are those of before, and nothing but its identity changes.
fn again(args: &Init, token: &JoinToken) -> Result<Report, Failure> {
    let dir = &args.dir;
    let config = dir.join("dwcp.yaml");
    let plan: NodePlan = check(&load(&config, &[])?)?;
    let refused = |what: String, why: &str, fix: &str| Failure::plain(Exit::Configuration, what, why, fix);
    let ProviderPlan::Mesh { mesh, .. } = &plan.provider else {
        return Err(refused(
            format!("the node in {} has joined no mesh", dir.display()),
            "security.cert_management.provider of its configuration is another than `mesh`",
            "leave out --rejoin and name a new directory",
        ));
    };
    if mesh.server != token.server {
        return Err(refused(
            format!("the token is of {}, and this node renews at {}", token.server, mesh.server),
            "security.cert_management.mesh.server is not who made the token",
            "make the token at the node that is configured, or correct the section mesh",
        ));
    }
    if !args.sans.is_empty() || args.name.is_some() {
        return Err(Failure::plain(
            Exit::Usage,
            "--name and --san do not go with --rejoin",
            "the node keeps its names",
            "leave them out",
        ));
    }
    let files = Paths {
        config,
        cert: plan.identity.cert.clone(),
        key: plan.identity.key.clone(),
        roots: plan.identity.roots.clone().unwrap_or_else(|| dir.join("mesh-ca.crt")),
        lists: plan.identity.crl.clone().unwrap_or_else(|| dir.join("mesh.crl")),
    };
    let names = match dwcp_base::read_bounded(&files.cert, 1 << 20) {
        Ok(text) => Certificate::from_pem(&text)
            .map_err(|error| {
                let fix = "move it away and keep node.name in the configuration";
                Failure::new(
                    Exit::Configuration,
                    format!("{} can not be read", files.cert.display()),
                    &error,
                    fix,
                )
            })?
            .names()
            .to_vec(),
        Err(_) => names(token, plan.name.as_deref().unwrap_or("node"), &[])?,
    };
    for file in [&files.cert, &files.key, &files.roots, &files.lists] {
        probe(file.parent().unwrap_or(dir))?;
    }
    let joined = ask(token, &names)?;
    files.write(&joined)?;
    Ok(report(dir, token, &names, &joined))
}

/// The token, from the command line or, for `-`, from standard input.
fn read(text: &str) -> Result<JoinToken, Failure> {
    let refused = |error: &dyn std::error::Error| {
        let fix = "copy what `dwcp token create` printed, whole; `--join -` reads it from standard input";
        Failure::new(Exit::Usage, "the token can not be read", error, fix)
    };
    if text != "-" {
        return JoinToken::parse(text).map_err(|error| refused(&error));
    }
    let bytes = input::bytes(Path::new("-"), LONGEST_INPUT, "the token can not be read")?;
    let text = std::str::from_utf8(&bytes).map_err(|error| refused(&error))?;
    JoinToken::parse(text).map_err(|error| refused(&error))
}

/// The SPIFFE ID, then what a browser or curl needs to reach the admin listener, then what was asked for.
fn names(token: &JoinToken, name: &str, sans: &[String]) -> Result<Vec<SubjectName>, Failure> {
    let spiffe = format!("spiffe://{}/node/{name}", token.server.trust_domain());
    let refused = |what: &str, error: &dyn std::error::Error, fix: &str| {
        Failure::new(Exit::Usage, format!("`{what}` can not be a name of the node"), error, fix)
    };
    let id: SpiffeId = spiffe.parse().map_err(|error| refused(&spiffe, &error, "give another --name"))?;
    let mut names = vec![SubjectName::Uri(id.to_string())];
    for text in ["DNS:localhost", "IP:127.0.0.1"].into_iter().chain(sans.iter().map(String::as_str)) {
        let name: SubjectName =
            text.parse().map_err(|error| refused(text, &error, "write --san DNS:host or IP:address"))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// The machine's name made fit for a SPIFFE ID, else one of chance.
fn node_name() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let fit: String = fit_name(&named);
    if !fit.is_empty() && fit != "localhost" {
        return fit;
    }
    let chance = dwcp_crypto::random::array::<2>().unwrap_or_default();
    format!("node-{}", chance.iter().map(|octet| format!("{octet:02x}")).collect::<String>())
}

/// The first label, in lower case, of letters, digits and dashes, 63 at most.
fn fit_name(text: &str) -> String {
    let label = text.trim().split('.').next().unwrap_or_default().to_ascii_lowercase();
    let fit: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    fit.trim_matches('-').to_owned()
}

fn ask(token: &JoinToken, names: &[SubjectName]) -> Result<Joined, Failure> {
    let runtime = runtime()?;
    let asked = runtime.block_on(join(token, names, &SystemClock::new(), DEADLINE));
    runtime.shutdown_timeout(Duration::from_millis(100));
    asked.map_err(|error| failure(&error))
}

fn failure(error: &JoinError) -> Failure {
    let (exit, fix) = match error {
        JoinError::Address(_) => (Exit::Usage, "make another token with --address HOST:PORT"),
        JoinError::Unreachable(source) => (Exit::Unavailable, source.fix()),
        JoinError::Clock { .. } => (
            Exit::Failure,
            "the token is still good: set the clock that is wrong, then say the same once more",
        ),
        JoinError::Impostor { source, .. }
            if matches!(source.reason(), "certificate_not_yet_valid" | "certificate_expired") =>
        {
            (
                Exit::Verification,
                "nothing was said to it, and the token is still good: see that the clock of this machine is right",
            )
        }
        JoinError::AnotherAuthority { .. } | JoinError::Root { .. } | JoinError::Impostor { .. } => (
            Exit::Verification,
            "nothing was said to it: ask whoever made the token where that node is, and for a token of today",
        ),
        JoinError::Local(_) => (Exit::Failure, "mend what the cause names and try again"),
        JoinError::Unusable { .. } => {
            (Exit::Verification, "the token is spent: see what that node is, and ask for another one")
        }
        JoinError::Refused(ManagerError::Provider(source)) => match source {
            ProviderError::Refused(_) => (Exit::Denied, "ask for another token with `dwcp token create`"),
            ProviderError::BadAnswer(_) => {
                (Exit::Verification, "see that the address leads to a node of this version")
            }
            _ => (Exit::Unavailable, "try again in a while; where the token was spent, ask for another one"),
        },
        JoinError::Refused(_) => (
            Exit::Verification,
            "the token is spent: see what that node is, that the clocks agree, and ask for another one",
        ),
    };
    let theirs = error.refusal().map(|refusal| refusal.fix.as_str()).filter(|fix| !fix.is_empty());
    let mut failure = Failure::new(exit, "this machine has not joined", error, theirs.unwrap_or(fix));
    error.code().clone_into(&mut failure.code);
    failure
}

fn report(dir: &Path, token: &JoinToken, names: &[SubjectName], joined: &Joined) -> Report {
    let credential: &Credential = &joined.credential;
    let mut text = format!(
        "{dir}/dwcp.yaml     the configuration, annotated\n\
         {dir}/identity.*    the node's certificate and key, good until {end}, renewed at {address}\n\
         {dir}/mesh-ca.crt   the roots of the mesh; with mesh.crl, what was revoked in it, kept new by the node\n\n\
         next:\n  dwcp up --config {dir}/dwcp.yaml",
        dir = dir.display(),
        end = credential.not_after(),
        address = token.address,
    );
    for issuer in &joined.left_out {
        let issuer: String = issuer.chars().filter(|c| !c.is_control()).collect();
        text.push_str(&format!(
            "\n\nleft out: a revocation list of {issuer}, which no authority of this mesh signed that is known here"
        ));
    }
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Report::new(
        text,
        json!({
            "config": dir.join("dwcp.yaml").display().to_string(),
            "names": names,
            "not_after": credential.not_after().to_string(),
            "server": token.server.to_string(),
            "address": token.address,
            "lists_left_out": joined.left_out,
        }),
    )
}

/// All of it: finding the root, the handshake, the certificate.
const DEADLINE: Duration = Duration::from_secs(20);
/// A token and white space around it.
const LONGEST_INPUT: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_made_fit() {
        for (given, fit) in
            [("Web_01.example.org\n", "web-01"), ("a", "a"), ("--", ""), ("", ""), ("ünit-7", "nit-7")]
        {
            assert_eq!(fit_name(given), fit, "{given}");
        }
        assert_eq!(fit_name(&"x".repeat(90)).len(), 63);
    }
}
