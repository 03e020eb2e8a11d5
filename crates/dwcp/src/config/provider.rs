//! `security.cert_management`: who issues the node's certificate, what opens its authority, and where that publishes.

use super::check::{Checked, HOUR, within};
use super::model::{CertManagement, Config, Embedded, Mesh, Security};
use super::plan::{MeshPlan, ProviderPlan, Renewals, UnsealPlan};
use super::problem::ConfigProblem;
use super::{acme, vault};
use dwcp_pki::Window;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The provider's plan.
pub(super) fn plan(config: &Config, base: &Path, state_dir: &Path) -> Checked<ProviderPlan> {
    let security = &config.security;
    let management = &security.cert_management;
    let default = if security.tls.cert_file.is_some() { "manual" } else { "embedded" };
    match management.provider.as_deref().unwrap_or(default) {
        "embedded" => Ok(ProviderPlan::Embedded {
            ca_dir: management
                .embedded
                .ca_dir
                .as_ref()
                .map_or_else(|| state_dir.join("ca"), |dir| base.join(dir)),
            ttl: within(
                "security.cert_management.embedded.ttl",
                management.embedded.ttl,
                24 * HOUR,
                SHORTEST_LIFE,
                90 * 24 * HOUR,
            )?,
            unseal: unseal(&management.embedded, base)?,
            auto_renew: management.auto_renew.unwrap_or(true),
            renew_before: management.renew_before.map(|d| d.0),
            window: window(management.window.as_deref())?,
        }),
        "manual" => Ok(ProviderPlan::Manual),
        "self-signed" => self_signed(security),
        "mesh" => Ok(ProviderPlan::Mesh {
            mesh: mesh(&management.mesh)?,
            auto_renew: management.auto_renew.unwrap_or(true),
            renew_before: management.renew_before.map(|d| d.0),
            window: window(management.window.as_deref())?,
        }),
        "vault" => Ok(ProviderPlan::Vault {
            vault: Box::new(vault::plan(config, base, state_dir)?),
            renewals: renewals(management)?,
        }),
        "acme" => {
            let renewals = renewals(management)?;
            let renew_before = acme::renew_before(&management.acme, renewals.renew_before)?;
            Ok(ProviderPlan::Acme {
                acme: Box::new(acme::plan(&management.acme, base, state_dir)?),
                renewals: Renewals { renew_before, ..renewals },
            })
        }
        other => Err(ConfigProblem::new(
            "security.cert_management.provider",
            format!("`{other}` is no provider"),
            "write `embedded`, `mesh`, `vault`, `acme`, `manual`, or `self-signed` to try things out",
        )),
    }
}

/// When a provider elsewhere is asked.
fn renewals(management: &CertManagement) -> Checked<Renewals> {
    Ok(Renewals {
        auto_renew: management.auto_renew.unwrap_or(true),
        renew_before: management.renew_before.map(|d| d.0),
        window: window(management.window.as_deref())?,
    })
}

/// When renewals are welcome.
fn window(text: Option<&str>) -> Checked<Option<Window>> {
    text.map(str::parse::<Window>).transpose().map_err(|error| {
        let fix = "write for example 03:00+2h";
        ConfigProblem::new("security.cert_management.window", error.to_string(), fix)
    })
}

/// The provider that nothing chooses but the word for it.
fn self_signed(security: &Security) -> Checked<ProviderPlan> {
    let refused = |key: &str, what: &str, fix: &str| Err(ConfigProblem::new(key, what, fix));
    if security.tls.cert_file.is_some() || security.tls.key_file.is_some() {
        return refused(
            "security.tls.cert_file",
            "stands beside `provider: self-signed`, which makes its own pair at each start",
            "remove cert_file and key_file, or write `provider: manual` to use them",
        );
    }
    let management = &security.cert_management;
    if management.auto_renew == Some(false) || management.renew_before.is_some() {
        return refused(
            "security.cert_management.auto_renew",
            "says how to renew what `self-signed` makes, which is fixed",
            "remove auto_renew and renew_before",
        );
    }
    Ok(ProviderPlan::SelfSigned)
}

/// The node that a certificate is renewed at.
fn mesh(section: &Mesh) -> Checked<MeshPlan> {
    const JOIN: &str =
        "let `dwcp init DIR --join TOKEN` write it, or take it from the node that holds the authority";
    let missing = |key: &str| {
        let key = format!("security.cert_management.mesh.{key}");
        ConfigProblem::new(key, "is missing, and the certificate is renewed there", JOIN)
    };
    let address = section.address.as_deref().ok_or_else(|| missing("address"))?;
    let server = section.server.as_deref().ok_or_else(|| missing("server"))?;
    let shown = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(80).collect() };
    Ok(MeshPlan {
        place: address.parse().map_err(|_| {
            ConfigProblem::new(
                "security.cert_management.mesh.address",
                format!("`{}` is not host:port", shown(address)),
                "write for example a.example.org:9443",
            )
        })?,
        server: server.parse().map_err(|_| {
            ConfigProblem::new(
                "security.cert_management.mesh.server",
                format!("`{}` is no SPIFFE ID", shown(server)),
                "write for example spiffe://example.org/node/a",
            )
        })?,
    })
}

/// `security.cert_management.mesh` where no certificate is renewed there, and what the mesh brings by itself.
pub(super) fn refuse_beside(security: &Security, provider: &ProviderPlan) -> Checked<()> {
    let (tls, mesh) = (&security.tls, &security.cert_management.mesh);
    if !matches!(provider, ProviderPlan::Mesh { .. }) {
        return match mesh.address.is_some() || mesh.server.is_some() {
            true => Err(ConfigProblem::new(
                "security.cert_management.mesh",
                "is there, and this node's certificate is renewed elsewhere",
                "remove the section, or write `provider: mesh`",
            )),
            false => Ok(()),
        };
    }
    let asked = [
        ("ca_file", tls.ca_file.is_some(), "put roots of other trust domains into node.trust_bundles"),
        ("crl_file", tls.crl_file.is_some(), "remove the key"),
        ("crl_url", tls.crl_url.is_some(), "remove the key; crl_refresh says how often they come"),
    ];
    match asked.iter().find(|(_, asked, _)| *asked) {
        Some((key, _, fix)) => Err(ConfigProblem::new(
            format!("security.tls.{key}"),
            "stands beside `provider: mesh`, which brings roots and lists from the mesh",
            *fix,
        )),
        None => Ok(()),
    }
}

/// What opens the authority's key, where it is sealed.
fn unseal(section: &Embedded, base: &Path) -> Checked<Option<UnsealPlan>> {
    match (&section.passphrase_file, &section.key_file) {
        (None, None) => Ok(None),
        (Some(path), None) => Ok(Some(UnsealPlan::Passphrase(base.join(path)))),
        (None, Some(path)) => Ok(Some(UnsealPlan::KeyFile(base.join(path)))),
        (Some(_), Some(_)) => Err(ConfigProblem::new(
            "security.cert_management.embedded.key_file",
            "stands beside passphrase_file, and a key is sealed by one of them",
            "remove the one that does not open ca.key",
        )),
    }
}

/// Where the embedded authority publishes by plain HTTP, and where machines join by HTTPS.
pub(super) fn ports(
    security: &Security,
    provider: &ProviderPlan,
    addresses: &mut BTreeSet<SocketAddr>,
) -> Checked<(Option<SocketAddr>, Option<SocketAddr>)> {
    let section = &security.cert_management.embedded;
    if !matches!(provider, ProviderPlan::Embedded { .. }) {
        // They would be without effect, and their reader would believe that a list is published or a key sealed.
        let asked = [
            ("publish", section.publish.is_some()),
            ("enroll", section.enroll.is_some()),
            ("passphrase_file", section.passphrase_file.is_some()),
            ("key_file", section.key_file.is_some()),
        ];
        return match asked.iter().find(|(_, asked)| *asked) {
            Some((key, _)) => Err(ConfigProblem::new(
                format!("security.cert_management.embedded.{key}"),
                "this node holds no authority",
                "remove the key, or write `provider: embedded`",
            )),
            None => Ok((None, None)),
        };
    }
    let mut own = |key: &str, address: Option<SocketAddr>, whose: &str| match address {
        Some(address) if address.port() != 0 && !addresses.insert(address) => Err(ConfigProblem::new(
            format!("security.cert_management.embedded.{key}"),
            format!("{address} is {whose}"),
            "write another port",
        )),
        _ => Ok(address),
    };
    let publish = own("publish", section.publish, "the admin or metrics listener's")?;
    let enroll = own("enroll", section.enroll, "the admin or metrics listener's, or that of publish")?;
    Ok((publish, enroll))
}

/// Certificates are dated back by a minute, and renewal and its alarms need room in what is left.
const SHORTEST_LIFE: Duration = Duration::from_secs(120);
