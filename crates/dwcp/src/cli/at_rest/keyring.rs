//! `dwcp keyring …`: making keyrings, looking at them, changing their keys.

use super::unlock::{self, AT_ONCE};
use super::{lock, passphrase, signals};
use crate::cli::args_at_rest::{Create, Export, Import, Keyring as Verb, Kind, One, OneKey, Rewrap, Segment};
use crate::cli::exit::{Exit, Failure, inert};
use crate::cli::output::{Output, Report, tell};
use dwcp_base::{Clock, SystemClock, UnixTime, read_secret};
use dwcp_crypto::kek;
use dwcp_crypto::{
    DataAlgorithm, KeyInfo, KeyStatus, KeyTemplate, Keyring, KeyringError, KeyringFile, StreamParameters,
};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Runs one of the keyring verbs. `named` is the configuration that `--config` names.
pub(super) fn run(verb: &Verb, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    match verb {
        Verb::Create(args) => create(args, output, named),
        Verb::List(args) => list(args),
        Verb::Rotate(args) => rotate(args),
        Verb::Promote(args) => on_key(args, "promoted", |ring, id, now| ring.promote(id, now)),
        Verb::Retire(args) => on_key(args, "retired", |ring, id, now| ring.retire(id, now)),
        Verb::Restore(args) => on_key(args, "restored", |ring, id, now| ring.restore(id, now)),
        Verb::Destroy(args) => on_key(args, "destroyed", |ring, id, now| ring.destroy(id, now)),
        Verb::Rewrap(args) => rewrap(args, output, named),
        Verb::Export(args) => export(args, output),
        Verb::Import(args) => import(args, output, named),
    }
}

fn create(args: &Create, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    if args.kind == Kind::Aead && args.segment.is_some() {
        return Err(Failure::plain(
            Exit::Usage,
            format!("the keyring {} was not made", args.file.display()),
            "keys of type aead seal messages in one piece: there are no segments",
            "leave --segment out, or make one of --type stream",
        ));
    }
    let template = match (args.kind, args.segment.unwrap_or_default()) {
        (Kind::Aead, _) => KeyTemplate::Aead(DataAlgorithm::Aes256Gcm),
        (Kind::Stream, Segment::K4) => KeyTemplate::Stream(StreamParameters::AES256_4K),
        (Kind::Stream, Segment::K64) => KeyTemplate::Stream(StreamParameters::AES256_64K),
        (Kind::Stream, Segment::M1) => KeyTemplate::Stream(StreamParameters::AES256_1M),
    };
    let what = || format!("the keyring {} was not made", args.file.display());
    let keyring =
        Keyring::create(template, now()).map_err(|error| keyring_failure(&what(), &args.file, &error))?;
    make(&args.file, keyring, lock::Wanted::of(&args.lock, args.generate), output, named)
}

fn import(args: &Import, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    let what = format!("the keyset {} was not taken", args.from.display());
    if super::file::is_stream(&args.from) && args.lock.passphrase_fd == Some(0) {
        return Err(passphrase::twice_from_stdin(what));
    }
    let text = if super::file::is_stream(&args.from) {
        let mut text = Zeroizing::new(Vec::with_capacity(LARGEST_KEYSET));
        io::stdin().lock().take(LARGEST_KEYSET as u64).read_to_end(&mut text).map_err(|error| {
            Failure::new(Exit::Failure, what.as_str(), &error, "check where standard input comes from")
        })?;
        text
    } else {
        let text = read_secret(&args.from, LARGEST_KEYSET as u64);
        Zeroizing::new(text.map_err(|error| Failure::file(what.as_str(), &error))?)
    };
    let keyring =
        Keyring::from_tink_json(&text).map_err(|error| keyring_failure(&what, &args.file, &error))?;
    make(&args.file, keyring, lock::Wanted::of(&args.lock, args.generate), output, named)
}

fn make(
    path: &Path,
    keyring: Keyring,
    wanted: lock::Wanted<'_>,
    output: Output,
    named: Option<&Path>,
) -> Result<Report, Failure> {
    let what = format!("the keyring {} was not made", path.display());
    if super::file::is_stream(path) {
        return Err(Failure::plain(
            Exit::Usage,
            what,
            "a keyring is a file that is changed in its place",
            "name a file instead of -",
        ));
    }
    // Before anybody types a passphrase, or a key file is made for it.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Err(error) = std::fs::read_dir(parent) {
        return Err(Failure::new(
            Exit::Failure,
            what,
            &error,
            format!("make the directory {} first", parent.display()),
        ));
    }
    if path.symlink_metadata().is_ok() {
        return Err(Failure::plain(
            Exit::Failure,
            what,
            format!("{} exists already", path.display()),
            "name a file that does not exist yet",
        ));
    }
    let lock = lock::new(&wanted, named, None)?;
    let (id, template) = (id_text(keyring.primary()), keyring.template());
    let json = json!({ "keyring": path.display().to_string(), "primary": id, "type": template.to_string() });
    let report = told(format!("{}: key {id}, {template}", inert(path)), json, &lock, output)?;
    let disk = Arc::new(dwcp_base::LocalDisk);
    signals::work(&Arc::default(), false)?;
    kek::at_once(KeyringFile::create(path, disk, keyring, &*lock.kek, now(), AT_ONCE))
        .map_err(|error| lock.failure(unlock::failure(what, path, &error)))?;
    Ok(report)
}

fn list(args: &One) -> Result<Report, Failure> {
    let file = unlock::look(&args.file, &args.unlock)?;
    let keys: Vec<Value> = file.keyring().keys().iter().map(describe).collect();
    let wrapping = file.wrapping();
    let due = wrapping.is_due(now());
    let mut lines: Vec<String> = file.keyring().keys().iter().map(line).collect();
    lines.push(format!(
        "wrapped by {} since {}{}",
        wrapping.key().kind(),
        wrapping.made(),
        if due { ": longer than 90 days, `dwcp keyring rewrap` is due" } else { "" }
    ));
    let json = json!({
        "keyring": args.file.display().to_string(),
        "keys": keys,
        "wrapping": { "kind": wrapping.key().kind(), "since": wrapping.made().to_string(), "due": due },
    });
    Ok(Report::document(lines.join("\n"), json))
}

fn rotate(args: &One) -> Result<Report, Failure> {
    let mut file = unlock::edit(&args.file, &args.unlock)?;
    signals::work(&Arc::default(), false)?;
    let id = file
        .change(|ring| ring.rotate(now()))
        .map_err(|error| unlock::failure(unchanged(&args.file), &args.file, &error))?;
    let id = id_text(id);
    let text = format!("new data is encrypted under key {id}; what older keys encrypted still opens");
    Ok(Report::new(text, json!({ "keyring": args.file.display().to_string(), "primary": id })))
}

fn on_key(
    args: &OneKey,
    done: &str,
    change: impl FnOnce(&mut Keyring, u32, UnixTime) -> Result<(), KeyringError>,
) -> Result<Report, Failure> {
    let id: u32 = args.id.parse().map_err(|error| {
        let fix = format!("`dwcp keyring list {}` shows the ids", args.file.display());
        Failure::new(Exit::Usage, format!("`{}` is no key id", args.id), &error, fix)
    })?;
    let mut file = unlock::edit(&args.file, &args.unlock)?;
    signals::work(&Arc::default(), false)?;
    file.change(|ring| change(ring, id, now()))
        .map_err(|error| unlock::failure(unchanged(&args.file), &args.file, &error))?;
    let json = json!({ "keyring": args.file.display().to_string(), "key_id": id_text(id), "status": done });
    Ok(Report::new(format!("key {id} is {done}"), json))
}

fn rewrap(args: &Rewrap, output: Output, named: Option<&Path>) -> Result<Report, Failure> {
    let wanted = lock::Wanted {
        file: args.new_passphrase_file.as_deref(),
        descriptor: args.new_passphrase_fd,
        key_file: args.new_key_file.as_deref(),
        generate: args.generate,
    };
    let same = wanted.is_nothing() && !args.change;
    if args.new_passphrase_fd.is_some() && args.new_passphrase_fd == args.unlock.passphrase_fd {
        return Err(Failure::plain(
            Exit::Usage,
            unchanged(&args.file),
            "one descriptor is to give the old passphrase and the new one",
            "give the new one by another descriptor, or leave it out to keep the passphrase",
        ));
    }
    let (mut file, lock) = if same {
        lock::again(&args.file, &args.unlock, named)?
    } else {
        let file = unlock::edit(&args.file, &args.unlock)?;
        let floor = file.wrapping().derivation();
        (file, lock::new(&wanted, named, floor)?)
    };
    let kind = lock.kind;
    let text = format!("{} is wrapped anew by {kind}; no data was touched", inert(&args.file));
    let json = json!({ "keyring": args.file.display().to_string(), "wrapping": { "kind": kind } });
    let report = told(text, json, &lock, output)?;
    signals::work(&Arc::default(), false)?;
    kek::at_once(file.rewrap(&*lock.kek, now(), AT_ONCE))
        .map_err(|error| lock.failure(unlock::failure(unchanged(&args.file), &args.file, &error)))?;
    Ok(report)
}

fn export(args: &Export, output: Output) -> Result<Report, Failure> {
    let path = args.file.as_deref().or(args.keyring.as_deref()).unwrap_or(Path::new(""));
    let keyring = unlock::keyring(path, &args.unlock)?;
    if io::stdout().is_terminal() && output.is_chatty() {
        tell(
            "warning: what follows opens everything that this keyring encrypted; keep it off screens and logs",
        );
    }
    let keyset = keyring.to_tink_json();
    let mut out = io::stdout().lock();
    match out.write_all(keyset.expose()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Report::silent()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Report::silent().ending(Exit::Failure)),
        Err(error) => {
            let fix = "make room where standard output leads";
            Err(Failure::new(Exit::Failure, "the keyset was not written", &error, fix).aside())
        }
    }
}

/// What to tell of an error of a keyring.
pub(super) fn keyring_failure(what: &str, path: &Path, error: &KeyringError) -> Failure {
    let list = || format!("`dwcp keyring list {}` shows the keys there are", path.display());
    let changing = what.ends_with("unchanged");
    let (exit, fix) = match error {
        // A message that names another key was sealed under another keyring: the verdict on the message is no.
        KeyringError::UnknownKey { .. } if changing => (Exit::NotFound, list()),
        KeyringError::UnknownKey { .. } => (Exit::Verification, format!("check --keyring; {}", list())),
        KeyringError::DestroyedKey { .. } if changing => (Exit::NotFound, list()),
        KeyringError::DestroyedKey { .. } => {
            (Exit::Verification, "what it encrypted is lost for good".to_owned())
        }
        KeyringError::RetiredKey { id } if changing => {
            (Exit::Denied, format!("`dwcp keyring restore {} {id}` first", path.display()))
        }
        KeyringError::RetiredKey { id } => (
            Exit::Verification,
            format!("`dwcp keyring restore {} {id}` puts the key back into use", path.display()),
        ),
        KeyringError::PrimaryKey { .. } => (
            Exit::Denied,
            format!(
                "`dwcp keyring rotate {0}`, or `promote {0} ID`, makes another key primary",
                path.display()
            ),
        ),
        KeyringError::WrongKind { streams: true } => {
            (Exit::Configuration, "use `dwcp encrypt file` or `decrypt file` with it".to_owned())
        }
        KeyringError::WrongKind { streams: false } => {
            (Exit::Configuration, "use `dwcp encrypt data` or `decrypt data` with it".to_owned())
        }
        KeyringError::Full { .. } => {
            (Exit::Failure, "destroy keys that nothing is encrypted under".to_owned())
        }
        KeyringError::NotOpened { .. } => (
            Exit::Verification,
            "check --keyring and --aad; if they are right, the message was altered".to_owned(),
        ),
        KeyringError::Keyset { .. } => (
            Exit::Configuration,
            "give a clear keyset of symmetric keys as Tink writes it in JSON".to_owned(),
        ),
        _ => (Exit::Failure, format!("`dwcp keyring rotate {}` and try again", path.display())),
    };
    Failure::new(exit, what, error, fix).coded(error)
}

/// Tink writes ids as decimal numbers.
pub(super) fn id_text(id: u32) -> String {
    id.to_string()
}

fn unchanged(path: &Path) -> String {
    format!("the keyring {} is unchanged", path.display())
}

fn describe(key: &KeyInfo) -> Value {
    json!({
        "id": id_text(key.id),
        "status": key.status.to_string(),
        "primary": key.primary,
        "type": key.template.map(|template| template.to_string()),
        "created": key.created.map(|at| at.to_string()),
        "changed": key.changed.map(|at| at.to_string()),
    })
}

fn line(key: &KeyInfo) -> String {
    let template = key.template.map_or_else(|| "-".to_owned(), |template| template.to_string());
    let state = if key.primary { "primary".to_owned() } else { key.status.to_string() };
    let mut line = format!("{:>10}  {state:<9}  {template}", key.id);
    if let Some(at) = key.created {
        line.push_str(&format!("  made {at}"));
    }
    if let Some(at) = key.changed.filter(|_| key.status != KeyStatus::Enabled) {
        line.push_str(&format!("  {} {at}", key.status));
    }
    line
}

/// The report to end with, once a passphrase that was made up is shown.
fn told(text: String, json: Value, lock: &lock::Lock, output: Output) -> Result<Report, Failure> {
    let shown = lock.show(json.clone(), output)?;
    // With --json there is one object, and it is out.
    Ok(if shown && output.is_json() { Report::silent() } else { Report::new(text, json) })
}

fn now() -> UnixTime {
    SystemClock::new().unix()
}

const LARGEST_KEYSET: usize = 64 << 10;
