//! `dwcp cert ca …`: making authorities, sealing their keys, opening them.

use super::issue::key_type;
use super::{authority_failure, describe};
use crate::cli::args_at_rest::Unlock;
use crate::cli::args_cert::{CaInit, CaIntermediate, CaSeal, NewAuthority};
use crate::cli::at_rest::{self, Lock, Wanted};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::{Output, Report};
use dwcp_base::{Clock, LocalDisk, SystemClock, UnixTime};
use dwcp_crypto::KeyType;
use dwcp_crypto::kek::at_once;
use dwcp_pki::{
    AuthorityError, AuthorityKey, AuthorityParams, AuthorityUrls, CertificateAuthority, HttpUrl, KeyStorage,
    NameConstraints,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Makes a root.
pub(super) fn init(args: &CaInit, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    let params = params(&args.new, args.path_length)?;
    free(&args.dir)?;
    let lock = lock(&Wanted::of(&args.lock, args.generate), args.seal, named)?;
    let key = key(params.key_type, lock.as_ref())?;
    let shown = shown(lock.as_ref(), &args.dir, output)?;
    let authority =
        CertificateAuthority::create_with(disk(), &args.dir, &params, key, now()).map_err(|error| {
            told(lock.as_ref(), authority_failure("no authority was made", &args.dir, &error))
        })?;
    Ok(report(&authority, &args.dir, lock.as_ref(), shown))
}

/// Makes an authority below another one.
pub(super) fn intermediate(
    args: &CaIntermediate,
    output: Output,
    named: Option<&Path>,
) -> Result<Report, Failure> {
    let params = params(&args.new, args.path_length)?;
    free(&args.dir)?;
    let above = open(&args.ca, &args.unlock)?;
    let wanted = Wanted {
        file: args.new_passphrase_file.as_deref(),
        descriptor: args.new_passphrase_fd,
        key_file: args.new_key_file.as_deref(),
        generate: args.generate,
    };
    let lock = lock(&wanted, args.seal, named)?;
    let key = key(params.key_type, lock.as_ref())?;
    let shown = shown(lock.as_ref(), &args.dir, output)?;
    let authority = above.create_intermediate(disk(), &args.dir, &params, key, now()).map_err(|error| {
        told(lock.as_ref(), authority_failure("no authority was made", &args.dir, &error))
    })?;
    Ok(report(&authority, &args.dir, lock.as_ref(), shown))
}

/// Seals the key of an authority whose key lies in clear.
pub(super) fn seal(args: &CaSeal, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    let what = "the key was not sealed";
    match AuthorityKey::storage(&args.dir).map_err(|error| authority_failure(what, &args.dir, &error))? {
        KeyStorage::Plain => {}
        KeyStorage::Sealed => {
            let why = "it is sealed already";
            return Err(Failure::plain(Exit::Failure, what, why, "nothing has to be done"));
        }
        KeyStorage::Elsewhere => {
            let (why, fix) = ("there is no ca.key in the directory", "name the directory of an authority");
            return Err(Failure::plain(Exit::NotFound, what, why, fix));
        }
    }
    at_rest::refuse_foreign(&args.dir.join("ca.key"), what)?;
    let lock = at_rest::new_lock(&Wanted::of(&args.lock, args.generate), named)?;
    let shown = shown(Some(&lock), &args.dir, output)?;
    at_once(AuthorityKey::seal(&LocalDisk, &args.dir, lock.kek(), now(), AT_ONCE))
        .map_err(|error| told(Some(&lock), authority_failure(what, &args.dir, &error)))?;
    let text = format!("{} is sealed by {}", inert(args.dir.join("ca.key")), lock.kind());
    let json = serde_json::json!({ "dir": args.dir.display().to_string(), "sealed": lock.kind() });
    Ok(if shown { Report::silent() } else { Report::new(text, json) })
}

/// Opens an authority's directory, with a passphrase where its key is sealed.
pub(super) fn open(dir: &Path, unlock: &Unlock) -> Result<CertificateAuthority, Failure> {
    opened(dir, unlock)?.map_err(|error| authority_failure("the authority can not be used", dir, &error))
}

fn opened(dir: &Path, unlock: &Unlock) -> Result<Result<CertificateAuthority, AuthorityError>, Failure> {
    let sealed = matches!(AuthorityKey::storage(dir), Ok(KeyStorage::Sealed));
    let given =
        unlock.passphrase_file.is_some() || unlock.passphrase_fd.is_some() || unlock.key_file.is_some();
    if !sealed && !given {
        return Ok(CertificateAuthority::open(disk(), dir));
    }
    if !sealed {
        // Whoever gives a passphrase believes that it is needed.
        return Ok(CertificateAuthority::open(disk(), dir).and(Err(AuthorityError::NotSealed)));
    }
    let kek = at_rest::opens(unlock)?;
    let key = at_once(AuthorityKey::unseal(dir, &*kek, AT_ONCE));
    Ok(key.and_then(|key| CertificateAuthority::open_with(disk(), dir, key)))
}

/// Before a secret is asked for or made for it.
fn free(dir: &Path) -> Result<(), Failure> {
    CertificateAuthority::check_free(dir)
        .map_err(|error| authority_failure("no authority was made", dir, &error))
}

/// A passphrase that was shown is out: under --json nothing else goes to standard output.
fn told(lock: Option<&Lock>, failure: Failure) -> Failure {
    lock.map_or_else(|| failure.clone(), |lock| lock.failure(failure.clone()))
}

fn params(new: &NewAuthority, path_length: u8) -> Result<AuthorityParams, Failure> {
    let subtrees = |texts: &[String]| {
        let read = |text: &String| {
            text.parse().map_err(|error| {
                let fix = "write DNS:example.org or IP:10.0.0.0/8";
                Failure::new(Exit::Usage, format!("`{text}` binds no names"), &error, fix)
            })
        };
        texts.iter().map(read).collect::<Result<Vec<_>, _>>()
    };
    let url = |text: &Option<String>| -> Result<Option<HttpUrl>, Failure> {
        text.as_deref().map(str::parse).transpose().map_err(|error| {
            let fix = "write http://host/path: relying parties fetch it before they have TLS";
            let text = text.as_deref().unwrap_or_default();
            Failure::new(Exit::Usage, format!("`{text}` is no place for it"), &error, fix)
        })
    };
    Ok(AuthorityParams {
        key_type: key_type(&new.key_type)?,
        lifetime: Duration::from_secs(u64::from(new.days) * 86_400),
        path_length,
        constraints: NameConstraints { permitted: subtrees(&new.permit)?, excluded: subtrees(&new.exclude)? },
        urls: AuthorityUrls {
            crl: url(&new.crl_url)?,
            delta: url(&new.delta_url)?,
            issuer: url(&new.issuer_url)?,
            ocsp: url(&new.ocsp_url)?,
        },
        ..AuthorityParams::new(new.name.clone())
    })
}

/// What seals the key, where it is to be sealed.
fn lock(wanted: &Wanted<'_>, seal: bool, named: Option<&Path>) -> Result<Option<Lock>, Failure> {
    if wanted.is_nothing() && !seal {
        return Ok(None);
    }
    at_rest::new_lock(wanted, named).map(Some)
}

fn key(key_type: KeyType, lock: Option<&Lock>) -> Result<AuthorityKey, Failure> {
    let made = match lock {
        Some(lock) => at_once(AuthorityKey::generate_sealed(key_type, lock.kek(), now(), AT_ONCE)),
        None => AuthorityKey::generate(key_type),
    };
    made.map_err(|error| {
        Failure::new(Exit::Failure, "no key was made", &error, "check the system's random source and memory")
    })
}

/// Shows a passphrase that was made up, before anything is sealed under it; with `--json` that is the report.
fn shown(lock: Option<&Lock>, dir: &Path, output: Output) -> Result<bool, Failure> {
    let json = serde_json::json!({ "dir": dir.display().to_string() });
    lock.map_or(Ok(false), |lock| lock.show(json, output)).map(|shown| shown && output.is_json())
}

fn report(authority: &CertificateAuthority, dir: &Path, lock: Option<&Lock>, shown: bool) -> Report {
    let certificate = authority.certificate();
    let hand_out = match authority.issuers().is_empty() {
        true => "hand this to everyone who should trust it",
        false => "what it issues comes with this; everybody goes on trusting the root alone",
    };
    let keep = lock.map_or("keep this where it is".to_owned(), |lock| format!("sealed by {}", lock.kind()));
    let dir = inert(dir);
    let text = format!(
        "{} until {}\n{dir}/ca.crt   {hand_out}\n{dir}/ca.key   {keep}",
        certificate.subject(),
        certificate.not_after(),
    );
    if shown {
        return Report::silent();
    }
    let mut json = describe(certificate);
    json["path_length"] = certificate.path_length().into();
    json["sealed"] = lock.map(Lock::kind).into();
    json["issuers"] =
        authority.issuers().iter().map(|issuer| issuer.subject().to_owned()).collect::<Vec<_>>().into();
    Report::new(text, json)
}

fn disk() -> Arc<LocalDisk> {
    Arc::new(LocalDisk)
}

fn now() -> UnixTime {
    SystemClock::new().unix()
}

/// Passphrases and key files never wait for anybody.
const AT_ONCE: Duration = Duration::from_secs(60);
