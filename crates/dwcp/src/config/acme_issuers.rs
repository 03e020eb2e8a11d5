//! `security.cert_management.acme`: the authorities.

use super::acme::{AcmeIssuerPlan, ExternalAccountPlan, SECTION};
use super::check::Checked;
use super::model_providers::{Acme, ExternalAccount};
use super::problem::ConfigProblem;
use dwcp_https::{HttpsUrl, Roots};
use dwcp_pki_acme::{AcmeIssuer, ExternalAccount as ExternalAccountOf};
use std::path::Path;

/// The authorities in their order: 1 to 8, none of them twice.
pub(super) fn plans(section: &Acme, base: &Path) -> Checked<Vec<AcmeIssuerPlan>> {
    let staging = section.use_staging == Some(true);
    if !section.issuers.is_empty() {
        let beside = [
            ("directory", section.directory.is_some()),
            ("ca_file", section.ca_file.is_some()),
            ("issued_by", section.issued_by.is_some()),
            ("profile", section.profile.is_some()),
            ("eab", section.eab.is_some()),
            ("use_staging", staging),
        ];
        if let Some((key, _)) = beside.iter().find(|(_, there)| *there) {
            return Err(ConfigProblem::new(
                format!("{SECTION}.{key}"),
                "stands beside issuers, which say it for each of them",
                "move it into the list, or remove the list",
            ));
        }
        if section.issuers.len() > MOST_ISSUERS {
            let what = format!("has {} entries", section.issuers.len());
            let fix = format!("write {MOST_ISSUERS} at most");
            return Err(ConfigProblem::new(format!("{SECTION}.issuers"), what, fix));
        }
        let issuer = |(at, issuer): (usize, &super::model_providers::AcmeIssuer)| {
            let key = format!("{SECTION}.issuers[{at}]");
            let directory = directory(&format!("{key}.directory"), &issuer.directory)?;
            Ok(AcmeIssuerPlan {
                roots: issuer.ca_file.as_ref().map(|path| base.join(path)),
                issued_by: issuer.issued_by.as_ref().map(|path| base.join(path)),
                profile: profile(&key, &directory, issuer.profile.as_deref())?,
                eab: eab(&key, issuer.eab.as_ref(), base)?,
                directory,
            })
        };
        let plans = section.issuers.iter().enumerate().map(issuer).collect::<Checked<Vec<_>>>()?;
        return once_each(plans);
    }
    let written = match (&section.directory, staging) {
        (Some(_), true) => {
            return Err(ConfigProblem::new(
                format!("{SECTION}.use_staging"),
                "is true, and directory names an authority, whose place for tries this node does not know",
                "write that place into directory, and remove use_staging",
            ));
        }
        (Some(directory), false) => directory,
        (None, true) if section.issued_by.is_none() => {
            return Err(ConfigProblem::new(
                format!("{SECTION}.issued_by"),
                "is missing, and use_staging is true: what is issued for tries leads to roots that no system has",
                "download the staging roots from https://letsencrypt.org/docs/staging-environment/ and name them there, in PEM",
            ));
        }
        (None, true) => LETS_ENCRYPT_STAGING,
        (None, false) => LETS_ENCRYPT,
    };
    let directory = directory(&format!("{SECTION}.directory"), written)?;
    Ok(vec![AcmeIssuerPlan {
        roots: section.ca_file.as_ref().map(|path| base.join(path)),
        issued_by: section.issued_by.as_ref().map(|path| base.join(path)),
        profile: profile(SECTION, &directory, section.profile.as_deref())?,
        eab: eab(SECTION, section.eab.as_ref(), base)?,
        directory,
    }])
}

fn directory(key: &str, text: &str) -> Checked<HttpsUrl> {
    text.parse().map_err(|error| {
        // It may be anything that YAML can say, passwords included.
        ConfigProblem::new(
            key,
            format!("can not be asked: {error}"),
            "write the authority's directory, https:// and all, for example https://acme-v02.api.letsencrypt.org/directory",
        )
    })
}

fn profile(key: &str, directory: &HttpsUrl, written: Option<&str>) -> Checked<Option<String>> {
    let Some(text) = written else { return Ok(None) };
    // By the judge of the provider itself, so that what passes here is what a start takes.
    if AcmeIssuer::new(directory.clone(), Roots::Only(Vec::new())).with_profile(text).is_ok() {
        return Ok(Some(text.to_owned()));
    }
    let fix = "write the name of a profile that the authority offers, for example shortlived";
    Err(ConfigProblem::new(format!("{key}.profile"), "is no name of a profile", fix))
}

fn eab(key: &str, written: Option<&ExternalAccount>, base: &Path) -> Checked<Option<ExternalAccountPlan>> {
    let Some(written) = written else { return Ok(None) };
    if ExternalAccountOf::new(&written.kid, &written.hmac_file).is_err() {
        let fix = "copy the key's identifier as the authority gave it";
        return Err(ConfigProblem::new(format!("{key}.eab.kid"), "is no identifier of a key", fix));
    }
    Ok(Some(ExternalAccountPlan { kid: written.kid.clone(), hmac_file: base.join(&written.hmac_file) }))
}

/// One that is there twice would be asked twice for the same, and be limited for it.
fn once_each(plans: Vec<AcmeIssuerPlan>) -> Checked<Vec<AcmeIssuerPlan>> {
    for (at, plan) in plans.iter().enumerate() {
        if plans.iter().take(at).any(|before| before.directory == plan.directory) {
            let key = format!("{SECTION}.issuers[{at}].directory");
            return Err(ConfigProblem::new(key, "is there before", "name each authority once"));
        }
    }
    Ok(plans)
}

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
const MOST_ISSUERS: usize = 8;
