//! `dwcp cert ca cross-sign`: a root that takes over, certified by the one that goes.

use super::authority::open;
use super::files::{MAX_PEM, Target};
use super::{authority_failure, describe};
use crate::cli::args_cert::CaCrossSign;
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use dwcp_base::{Clock, SystemClock, read_bounded};
use dwcp_pki::Certificate;
use std::time::Duration;

/// Certifies the other root.
pub(super) fn run(args: &CaCrossSign) -> Result<Report, Failure> {
    let what = format!("the certificate {} was not read", args.cert.display());
    let bytes = read_bounded(&args.cert, MAX_PEM).map_err(|error| Failure::file(what.as_str(), &error))?;
    let unusable = |error: &dwcp_pki::ParseError| {
        let fix = "give the ca.crt of the root that takes over";
        Failure::new(Exit::Verification, what.as_str(), error, fix).coded(error)
    };
    let roots = Certificate::bundle_from_pem(&bytes).map_err(|error| unusable(&error))?;
    let [root] = roots.as_slice() else {
        let why = format!("it holds {} certificates", roots.len());
        return Err(Failure::plain(Exit::Usage, what, why, "give a file with the root alone"));
    };
    let authority = open(&args.ca, &args.unlock)?;
    let target = Target::begin(&args.out, false)?;
    let lifetime = Duration::from_secs(u64::from(args.days) * 86_400);
    let crossed = authority
        .cross_sign(root, lifetime, SystemClock::new().unix())
        .map_err(|error| authority_failure("nothing was signed", &args.ca, &error))?;
    target.write(crossed.to_pem().as_bytes()).map_err(|mut failure| {
        failure
            .fix
            .push_str(&format!("; certificate {} was issued: revoke it, or sign again", crossed.serial()));
        failure
    })?;
    let text = format!(
        "{} under {} until {}, serial {}\n{}   show this beside what the new root issues",
        crossed.subject(),
        crossed.issuer(),
        crossed.not_after(),
        crossed.serial(),
        inert(&args.out)
    );
    Ok(Report::new(text, describe(&crossed)))
}
