//! `dwcp cert …`: an authority in a directory, by hand.

use super::args::{Ca, CaInit, Cert, CrlOut, Issue, Revoke};
use super::exit::{Exit, Failure};
use super::output::{Output, Report};
use super::show;
use dwcp_base::{Clock, Disk, LocalDisk, SystemClock, read_bounded};
use dwcp_crypto::{KeyType, SigningKey};
use dwcp_pki::{
    AuthorityError, AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy,
    KeyFileError, RevocationReason, Revoked, Serial, SubjectName, Usage, private_key_pem,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Runs one of the certificate verbs.
pub(super) fn run(verb: &Cert, output: Output) -> Result<Report, Failure> {
    match verb {
        Cert::Ca(Ca::Init(args)) => init(args),
        Cert::Issue(args) => issue(args),
        Cert::Revoke(args) => revoke(args),
        Cert::Crl(args) => crl(args),
        Cert::Show(args) => show::run(args, output),
    }
}

fn init(args: &CaInit) -> Result<Report, Failure> {
    let key_type: KeyType = args.key_type.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("`{}` is no key type", args.key_type),
            &error,
            "write p256, p384 or ed25519",
        )
    })?;
    let lifetime = Duration::from_secs(u64::from(args.days) * 86_400);
    let params = AuthorityParams { key_type, lifetime, ..AuthorityParams::new(args.name.clone()) };
    let authority =
        CertificateAuthority::create(Arc::new(LocalDisk), &args.dir, &params, SystemClock::new().unix())
            .map_err(|error| authority_failure("no authority was made", &args.dir, &error))?;
    let certificate = authority.certificate();
    let text = format!(
        "{} until {}\n{}/ca.crt   hand this to everyone who should trust it\n{}/ca.key   keep this where it is",
        certificate.subject(),
        certificate.not_after(),
        args.dir.display(),
        args.dir.display()
    );
    Ok(Report::new(text, describe(certificate)))
}

fn issue(args: &Issue) -> Result<Report, Failure> {
    let names = args.sans.iter().map(|text| name(text)).collect::<Result<Vec<_>, _>>()?;
    let usage = match args.usage.as_str() {
        "server" => Usage::Server,
        "client" => Usage::Client,
        "both" => Usage::Both,
        other => {
            return Err(Failure::plain(
                Exit::Usage,
                format!("`{other}` is no usage"),
                "a certificate is for servers, clients or both",
                "write server, client or both",
            ));
        }
    };
    let policy = IssuancePolicy::default().with_usage(usage).with_ttl(args.ttl.0).map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("{} is no lifetime for a certificate", args.ttl),
            &error,
            "write for example 24h or 2160h",
        )
    })?;
    let authority = open(&args.ca)?;
    let key = SigningKey::generate(KeyType::EcdsaP256).map_err(|error| {
        Failure::new(Exit::Failure, "no key was made", &error, "check the system's random source")
    })?;
    let request = CertificateRequest::generate(&key, &names).map_err(|error| {
        Failure::new(Exit::Usage, "no request was made", &error, "correct the names").coded(&error)
    })?;
    let chain = authority
        .issue(&request, &policy, SystemClock::new().unix())
        .map_err(|error| authority_failure("no certificate was issued", &args.ca, &error))?;
    let key = private_key_pem(&key).map_err(|error| {
        Failure::new(
            Exit::Failure,
            "the key was not written",
            &error,
            "report this: a key made here must have a PEM form",
        )
    })?;
    let (crt, csr) = (chain.to_pem(), request.to_pem());
    let files = [("key", key.expose(), true), ("csr", csr.as_bytes(), false), ("crt", crt.as_bytes(), false)];
    let mut written = String::new();
    for (kind, bytes, secret) in files {
        let path = with_extension(&args.out, kind);
        write(&path, bytes, secret)?;
        written.push_str(&format!("\n{}", path.display()));
    }
    let leaf = chain.leaf();
    let text = format!("serial {} until {}{written}", leaf.serial(), leaf.not_after());
    Ok(Report::new(text, describe(leaf)))
}

fn revoke(args: &Revoke) -> Result<Report, Failure> {
    let reason: RevocationReason = args.reason.parse().map_err(|_| {
        Failure::plain(
            Exit::Usage,
            format!("`{}` is no reason", args.reason),
            "it is none of RFC 5280 §5.3.1",
            format!("write one of {}", RevocationReason::ALL.map(RevocationReason::name).join(", ")),
        )
    })?;
    let serial: Serial = match (&args.serial, &args.cert) {
        (Some(hex), _) => hex.parse().map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!("`{hex}` is no serial number"),
                &error,
                "write it in hexadecimal, as `dwcp cert issue` prints it",
            )
        })?,
        (None, Some(file)) => {
            let what = format!("{} was not read", file.display());
            let bytes = read_bounded(file, MAX_PEM).map_err(|error| Failure::file(what.clone(), &error))?;
            let certificate = Certificate::from_pem(&bytes).map_err(|error| {
                Failure::new(Exit::Failure, what, &error, "name a PEM file with a certificate").coded(&error)
            })?;
            certificate.serial()
        }
        // The parser requires one of the two.
        (None, None) => {
            return Err(Failure::plain(
                Exit::Usage,
                "nothing to revoke",
                "neither --serial nor --cert was given",
                "give one",
            ));
        }
    };
    let authority = open(&args.ca)?;
    let revoked = authority
        .revoke(&serial, reason, SystemClock::new().unix())
        .map_err(|error| authority_failure("nothing was revoked", &args.ca, &error))?;
    let (text, already) = match revoked {
        Revoked::Already(before) => {
            (format!("serial {serial} was revoked before, at {} ({})", before.at, before.reason.name()), true)
        }
        Revoked::Now => (
            format!(
                "serial {serial} is revoked; nodes on this directory cut it within 2 s, others with the next CRL"
            ),
            false,
        ),
    };
    Ok(Report::new(text, json!({ "serial": serial.to_string(), "already": already })))
}

fn crl(args: &CrlOut) -> Result<Report, Failure> {
    let authority = open(&args.ca)?;
    let crl = authority
        .crl(SystemClock::new().unix())
        .map_err(|error| authority_failure("no revocation list was made", &args.ca, &error))?;
    let number = crl.number().map(|number| number.to_string()).unwrap_or_default();
    let json = json!({
        "number": number,
        "entries": crl.len(),
        "this_update": crl.this_update().to_string(),
        "next_update": crl.next_update().to_string(),
    });
    if args.out.as_os_str() == "-" {
        let pem = crl.to_pem();
        let mut json = json;
        json["pem"] = pem.clone().into();
        return Ok(Report::document(pem.trim_end(), json));
    }
    write(&args.out, crl.to_pem().as_bytes(), false)?;
    let text = format!(
        "{}: number {number}, {} revoked, good until {}",
        args.out.display(),
        crl.len(),
        crl.next_update()
    );
    Ok(Report::new(text, json))
}

/// Opens an authority's directory.
pub(super) fn open(dir: &Path) -> Result<CertificateAuthority, Failure> {
    CertificateAuthority::open(Arc::new(LocalDisk), dir)
        .map_err(|error| authority_failure("the authority can not be used", dir, &error))
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

/// An authority's error with its exit code.
pub(crate) fn authority_failure(what: &str, dir: &Path, error: &AuthorityError) -> Failure {
    let (exit, fix) = match error {
        AuthorityError::Expired { .. } | AuthorityError::NotYetValid { .. } => {
            (Exit::Configuration, "check the clock; then make a new authority and hand out its certificate")
        }
        AuthorityError::CertificateFile { .. } => {
            (Exit::Failure, "make an authority with `dwcp init` or `dwcp cert ca init`, or correct the path")
        }
        AuthorityError::AlreadyExists { .. } => {
            (Exit::Failure, "name another directory, or use the authority that is there")
        }
        AuthorityError::BadParameter { .. } => (Exit::Usage, "correct the parameter"),
        AuthorityError::KeyMismatch | AuthorityError::NotAnAuthority => {
            (Exit::Configuration, "put the key back that belongs to ca.crt")
        }
        AuthorityError::Key { source: KeyFileError::File { source } } => {
            return Failure { what: what.to_owned(), ..Failure::file(what, source) };
        }
        AuthorityError::Key { .. } => {
            (Exit::Configuration, "put an unencrypted PKCS#8 key in PEM in ca.key, mode 0600")
        }
        AuthorityError::UnknownSerial { .. } => {
            (Exit::NotFound, "check the number: this authority issued no such certificate")
        }
        AuthorityError::Refused { .. } => {
            (Exit::Denied, "ask for names, usages and a lifetime that the policy allows")
        }
        AuthorityError::IndexBusy { .. } => {
            (Exit::Unavailable, "another process holds the authority: end it, or try again when it is done")
        }
        AuthorityError::IndexCorrupt { .. } | AuthorityError::IndexForeign { .. } => (
            Exit::Verification,
            "restore index/ from a backup: what was issued and revoked can not be trusted as it stands",
        ),
        _ => (Exit::Failure, "check the directory: an authority holds ca.crt, ca.key and index/"),
    };
    Failure::new(exit, format!("{what} ({})", dir.display()), error, fix).coded(error)
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

fn with_extension(prefix: &Path, extension: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    PathBuf::from(path)
}

/// Writes a file, by rename; through a symbolic link to the file at its end, and never in the place of anything else.
fn write(path: &Path, bytes: &[u8], secret: bool) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| {
        let fix = "name a file in a place this user can write to, with room on it; - is standard output";
        Failure::new(Exit::Failure, format!("{} was not written", path.display()), error, fix)
    };
    let target = match path.metadata() {
        Ok(metadata) if metadata.is_file() => path.canonicalize().map_err(|error| failed(&error))?,
        Ok(_) => return Err(failed(&std::io::Error::other("it is there and no regular file"))),
        // Also a link that leads nowhere: the link is replaced.
        Err(_) => path.to_owned(),
    };
    LocalDisk.replace(&target, bytes, secret).map_err(|error| failed(&error))
}

const MAX_PEM: u64 = 1 << 20;
