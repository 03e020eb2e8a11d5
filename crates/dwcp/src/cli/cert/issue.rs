//! `dwcp cert issue`, `dwcp cert csr` and `dwcp cert selfsigned`: keys that are made here.

use super::authority::open;
use super::files::{Target, with_extension};
use super::{authority_failure, describe};
use crate::cli::args_cert::{Csr, Issue, SelfSigned, Subject, UsageChoice};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::Report;
use crate::config::GoDuration;
use dwcp_base::{Clock, SystemClock};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    CertificateRequest, Credential, IssuancePolicy, RevocationReason, SubjectName, Usage, private_key_pem,
};
use serde_json::json;
use std::path::PathBuf;

/// Makes a key and has it certified.
pub(super) fn issue(args: &Issue) -> Result<Report, Failure> {
    let names = names(&args.subject)?;
    let policy = lasting(IssuancePolicy::default().with_usage(usage(args.usage)), args.ttl)?;
    let authority = open(&args.ca, &args.unlock)?;
    let (key, request) = asked(&args.subject, &names)?;
    let files = Files::begin(&args.subject, &["csr", "crt"])?;
    let now = SystemClock::new().unix();
    let chain = authority
        .issue(&request, &policy, now)
        .map_err(|error| authority_failure("no certificate was issued", &args.ca, &error))?;
    let leaf = chain.leaf();
    let written = files.write(&key, &[&request.to_pem(), &chain.to_pem()]).map_err(|mut failure| {
        // Nobody has it; what failed first is what is told.
        let taken_back =
            authority.revoke(&leaf.serial(), RevocationReason::CessationOfOperation, now).is_ok();
        let what = if taken_back { "is revoked again" } else { "was issued all the same: revoke it" };
        failure.fix.push_str(&format!("; certificate {} {what}", leaf.serial()));
        failure
    })?;
    let text = format!("serial {} until {}{written}", leaf.serial(), leaf.not_after());
    Ok(Report::new(text, describe(leaf)))
}

/// Makes a key and a request.
pub(super) fn csr(args: &Csr) -> Result<Report, Failure> {
    let (key, request) = asked(&args.subject, &names(&args.subject)?)?;
    let written = Files::begin(&args.subject, &["csr"])?.write(&key, &[&request.to_pem()])?;
    let json = json!({
        "names": request.names().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pin": request.key_pin().to_string(),
        "key_type": key.key_type().to_string(),
    });
    Ok(Report::new(format!("a request for the key {}{written}", request.key_pin()), json))
}

/// Makes a certificate that nobody else vouches for.
pub(super) fn self_signed(args: &SelfSigned) -> Result<Report, Failure> {
    // The bounds of a certificate are those of the policy.
    let policy = lasting(IssuancePolicy::default(), args.ttl)?;
    let now = SystemClock::new().unix();
    let own =
        Credential::self_signed(key_type(&args.subject.key_type)?, &names(&args.subject)?, policy.ttl(), now)
            .map_err(|error| {
                Failure::new(Exit::Usage, "no certificate was made", &error, "correct the names")
                    .coded(&error)
            })?;
    let written = Files::begin(&args.subject, &["crt"])?.write(own.key(), &[&own.chain().to_pem()])?;
    let leaf = own.chain().leaf();
    let text = format!(
        "serial {} until {}: nobody vouches for it, so hand the certificate itself to whoever is to trust it{written}",
        leaf.serial(),
        leaf.not_after()
    );
    let mut json = describe(leaf);
    json["self_signed"] = true.into();
    Ok(Report::new(text, json))
}

/// The usage that was chosen.
pub(super) fn usage(choice: UsageChoice) -> Usage {
    match choice {
        UsageChoice::Server => Usage::Server,
        UsageChoice::Client => Usage::Client,
        UsageChoice::Both => Usage::Both,
    }
}

/// The policy with another lifetime.
pub(super) fn lasting(policy: IssuancePolicy, ttl: GoDuration) -> Result<IssuancePolicy, Failure> {
    policy.with_ttl(ttl.0).map_err(|error| {
        let what = format!("{ttl} is no lifetime for a certificate");
        Failure::new(Exit::Usage, what, &error, "write for example 24h or 2160h")
    })
}

/// Reads the name of a kind of key.
pub(super) fn key_type(text: &str) -> Result<KeyType, Failure> {
    text.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("`{text}` is no key type"), &error, "write p256, p384 or ed25519")
    })
}

fn names(subject: &Subject) -> Result<Vec<SubjectName>, Failure> {
    subject.sans.iter().map(|text| name(text)).collect()
}

/// Reads `KIND:VALUE`.
pub(super) fn name(text: &str) -> Result<SubjectName, Failure> {
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("`{text}` is no subject name"),
            &error,
            "write DNS:host, IP:address, URI:spiffe://domain/path or EMAIL:address",
        )
    })
}

fn asked(subject: &Subject, names: &[SubjectName]) -> Result<(SigningKey, CertificateRequest), Failure> {
    let key = SigningKey::generate(key_type(&subject.key_type)?).map_err(|error| {
        Failure::new(Exit::Failure, "no key was made", &error, "check the system's random source")
    })?;
    let request = CertificateRequest::generate(&key, names).map_err(|error| {
        Failure::new(Exit::Usage, "no request was made", &error, "correct the names").coded(&error)
    })?;
    Ok((key, request))
}

/// The key and what belongs to it, under one prefix.
struct Files {
    targets: Vec<(PathBuf, Target)>,
}

impl Files {
    /// Finds their places good, before anything is issued.
    fn begin(subject: &Subject, kinds: &[&str]) -> Result<Self, Failure> {
        refuse_foreign_key(subject, kinds.contains(&"crt"))?;
        let begin = |kind: &str, secret| {
            let path = with_extension(&subject.out, kind);
            Target::begin(&path, secret).map(|target| (path, target))
        };
        let mut targets = vec![begin("key", true)?];
        for kind in kinds {
            targets.push(begin(kind, false)?);
        }
        Ok(Self { targets })
    }

    /// Writes the key and `documents` in the order of the kinds; gives a line for each file.
    fn write(self, key: &SigningKey, documents: &[&str]) -> Result<String, Failure> {
        let pem = private_key_pem(key).map_err(|error| {
            let fix = "report this: a key made here must have a PEM form";
            Failure::new(Exit::Failure, "the key was not written", &error, fix)
        })?;
        let contents = std::iter::once(pem.expose()).chain(documents.iter().map(|text| text.as_bytes()));
        let mut lines = String::new();
        for ((path, target), bytes) in self.targets.into_iter().zip(contents) {
            target.write(bytes)?;
            lines.push_str(&format!("\n{}", inert(&path)));
        }
        Ok(lines)
    }
}

/// A key that is there is replaced only together with its certificate, by the next pair: it may be an authority's, or one that a
/// request was sent out for, or that something serves with.
fn refuse_foreign_key(subject: &Subject, with_certificate: bool) -> Result<(), Failure> {
    let [key, crt] = ["key", "crt"].map(|kind| with_extension(&subject.out, kind));
    if key.symlink_metadata().is_err() {
        return Ok(());
    }
    let pair = || Credential::load(&crt, &key).is_ok_and(|pair| !pair.chain().leaf().is_authority());
    if with_certificate && pair() {
        return Ok(());
    }
    Err(Failure::plain(
        Exit::Failure,
        format!("{} was not written", key.display()),
        "a key is there already, and only a pair of key and certificate is replaced, by another pair",
        "name another prefix, or move the key away",
    ))
}
