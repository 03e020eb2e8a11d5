//! `security.tls.certificates`: what listeners show besides the node's own certificate.

use super::check::Checked;
use super::endpoint::is_plain_name;
use super::model_tls::FurtherCertificate;
use super::problem::ConfigProblem;
use dwcp_channel::NODE_ALPN;
use dwcp_pki::IdentityKind;
use std::path::{Path, PathBuf};

/// A certificate and key for clients that ask for one of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherPlan {
    /// How it is called in metrics, health and status; unique.
    pub name: String,
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM, owner-only.
    pub key: PathBuf,
    /// Of the mesh, or of a public authority.
    pub kind: IdentityKind,
    /// The application protocols that it is for; none for all.
    pub protocols: Vec<String>,
}

/// The plans, in order. Nothing is read.
pub(super) fn plans(
    written: &[FurtherCertificate],
    base: &Path,
    node: Option<&str>,
) -> Checked<Vec<FurtherPlan>> {
    if written.len() > MOST {
        let what = format!("has more than {MOST} entries");
        return Err(ConfigProblem::new("security.tls.certificates", what, "use wildcards or another node"));
    }
    let mut plans: Vec<FurtherPlan> = Vec::with_capacity(written.len());
    for section in written {
        let stem = || section.cert_file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = section.name.clone().or_else(stem).unwrap_or_default();
        if !is_plain_name(&name) {
            return Err(ConfigProblem::new(
                "security.tls.certificates[].name",
                format!("{} has no plain name", section.cert_file.display()),
                "write a name of letters, digits, dots and dashes, 64 at most",
            ));
        }
        let key = format!("security.tls.certificates[{name}]");
        if node == Some(&*name) || plans.iter().any(|plan| plan.name == name) {
            return Err(ConfigProblem::new(
                format!("{key}.name"),
                "is taken by another certificate, or by the node's own",
                "write a name of its own: metrics and health tell them apart by it",
            ));
        }
        plans.push(FurtherPlan {
            kind: kind(&key, section.kind.as_deref())?,
            protocols: protocols(&key, section.protocols.as_deref())?,
            cert: base.join(&section.cert_file),
            key: base.join(&section.key_file),
            name,
        });
    }
    Ok(plans)
}

fn kind(key: &str, written: Option<&str>) -> Checked<IdentityKind> {
    match written {
        None | Some("mesh") => Ok(IdentityKind::Mesh),
        Some("public") => Ok(IdentityKind::Public),
        Some(other) => Err(ConfigProblem::new(
            format!("{key}.kind"),
            format!("`{other}` is no kind of certificate"),
            "write mesh, or public for one of a public authority",
        )),
    }
}

/// A certificate for what nobody here speaks would never be shown.
fn protocols(key: &str, written: Option<&[String]>) -> Checked<Vec<String>> {
    let Some(written) = written else { return Ok(Vec::new()) };
    let spoken = |name: &String| SPOKEN.contains(&name.as_bytes());
    let fix = "write dwcp/1 (nodes) or http/1.1 (the admin listener), or remove the key";
    match written.iter().find(|name| !spoken(name)) {
        Some(other) => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(80).collect();
            let what = format!("`{shown}` is chosen by no listener of a node");
            Err(ConfigProblem::new(format!("{key}.protocols"), what, fix))
        }
        None if written.is_empty() => {
            Err(ConfigProblem::new(format!("{key}.protocols"), "names no protocol", fix))
        }
        None => Ok(written.to_vec()),
    }
}

/// What listeners choose in ALPN; whatever else targets speak is none of their business.
const SPOKEN: [&[u8]; 2] = [NODE_ALPN, b"http/1.1"];
/// As many as one store serves.
const MOST: usize = 255;
