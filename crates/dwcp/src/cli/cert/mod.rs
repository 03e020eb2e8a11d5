//! `dwcp cert …`: authorities in directories, by hand; and the certificates of a running node.

mod authority;
mod crossing;
mod failure;
mod files;
mod issue;
mod list;
mod managed;
mod ocsp;
mod policy;
mod revoke;
mod sign;

pub(crate) use failure::authority_failure;
pub(super) use files::Target;

use super::args_cert::{Ca, Cert};
use super::exit::Failure;
use super::output::{Output, Report};
use dwcp_pki::Certificate;
use serde_json::json;
use std::path::Path;

/// Runs one of the certificate verbs. `named` is the configuration that `--config` names.
/// `socket` is the one that `--socket` names.
pub(super) fn run(
    verb: &Cert,
    output: Output,
    named: Option<&Path>,
    socket: Option<&Path>,
) -> Result<Report, Failure> {
    super::at_rest::listen(output)?;
    match verb {
        Cert::Ca(Ca::Init(args)) => authority::init(args, output, named),
        Cert::Ca(Ca::Intermediate(args)) => authority::intermediate(args, output, named),
        Cert::Ca(Ca::CrossSign(args)) => crossing::run(args),
        Cert::Ca(Ca::Seal(args)) => authority::seal(args, output, named),
        Cert::Issue(args) => issue::issue(args),
        Cert::Csr(args) => issue::csr(args),
        Cert::Selfsigned(args) => issue::self_signed(args),
        Cert::Sign(args) => sign::run(args),
        Cert::Revoke(args) => revoke::revoke(args),
        Cert::Crl(args) => revoke::crl(args),
        Cert::Ocsp(args) => ocsp::run(args),
        Cert::Validate(args) => super::validate::run(args),
        Cert::List(args) => match &args.ca {
            Some(ca) => list::run(ca, args.valid),
            None => managed::list(named, socket),
        },
        Cert::Due => managed::due(named, socket),
        Cert::Renew(args) => managed::renew(args, named, socket),
        Cert::Show(args) => super::show::run(args, output),
    }
}

fn describe(certificate: &Certificate) -> serde_json::Value {
    json!({
        "serial": certificate.serial().to_string(),
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "names": certificate.names().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "not_before": certificate.not_before().to_string(),
        "not_after": certificate.not_after().to_string(),
        "pin": certificate.key_pin().to_string(),
    })
}
