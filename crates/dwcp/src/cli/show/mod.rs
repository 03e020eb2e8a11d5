//! `dwcp cert show`: what stands in certificates, requests and revocation lists, for people and for scripts.

mod certificate;
mod crl;
mod extension_json;
mod extension_text;
mod fields;
mod member;
mod remote;
mod request;
mod sheet;
mod stream;

pub(super) use member::{member_json, member_text};

use super::args_cert::Show;
use super::exit::{Exit, Failure};
use super::input;
use super::output::{Output, Report};
use dwcp_base::{Clock, Coded, SystemClock, UnixTime};
use dwcp_pki::inspect::{Contents, InspectError, Inspected};
use serde_json::{Map, Value, json};
use sheet::Sheet;

/// Runs `dwcp cert show`.
pub(super) fn run(args: &Show, output: Output) -> Result<Report, Failure> {
    let name = args.file.to_string_lossy();
    let what = format!("{name} was not read");
    let mut contents = if name.starts_with("https://") {
        remote::contents(&name)?
    } else {
        Contents::read(&input::bytes(&args.file, LARGEST, &what)?).map_err(|error| refused(&what, &error))?
    };
    if contents.documents.is_empty() {
        return Err(nothing(&what, &contents));
    }
    if let [Err(_)] = contents.documents[..]
        && let Some(Err(error)) = contents.documents.pop()
    {
        return Err(refused(&what, &error));
    }
    let exit = if contents.documents.iter().any(Result::is_err) { Exit::Failure } else { Exit::Success };
    let now = SystemClock::new().unix();
    if output.is_json() {
        let written = output.stream(|out| stream::write(out, &contents, now));
        return Ok(Report::silent().ending(if written == Exit::Success { exit } else { written }));
    }
    Ok(Report::document(text(&contents, now), Value::Null).ending(exit))
}

fn refused(what: &str, error: &InspectError) -> Failure {
    let fix = match error {
        InspectError::PrivateKey => "show the certificate that belongs to it instead",
        InspectError::TooLarge { .. } | InspectError::TooMany { .. } => "take the file apart",
        _ => "name a file with a certificate, a request or a CRL, in PEM or DER",
    };
    Failure::new(Exit::Failure, what, error, fix).coded(error)
}

/// PEM, and none of its sections can be shown.
fn nothing(what: &str, contents: &Contents) -> Failure {
    let error = if contents.private_keys > 0 { InspectError::PrivateKey } else { InspectError::Unknown };
    let mut failure = refused(what, &error);
    if !contents.left_out.is_empty() {
        let labels: Vec<&str> = contents.left_out.iter().take(MOST_LABELS).map(String::as_str).collect();
        failure.why.push(format!("it has {}", labels.join(", ")));
    }
    failure
}

/// All documents, for people.
fn text(contents: &Contents, now: UnixTime) -> String {
    let mut sheets: Vec<String> = Vec::new();
    let count = contents.documents.len();
    for (at, document) in contents.documents.iter().enumerate() {
        let number = if count > 1 { format!("{} of {count}: ", at + 1) } else { String::new() };
        let mut sheet = Sheet::default();
        match document {
            Ok(Inspected::Certificate(certificate)) => {
                certificate::text(&mut sheet, &number, certificate, now)
            }
            Ok(Inspected::Request(request)) => request::text(&mut sheet, &number, request),
            Ok(Inspected::Crl(crl)) => crl::text(&mut sheet, &number, crl, now),
            Ok(_) => sheet.title(format!("{number}a document that this command does not know")),
            Err(error) => {
                sheet.title(format!("{number}unreadable"));
                sheet.remark(why(error));
            }
        }
        sheets.push(sheet.finish());
    }
    let mut rest = Sheet::default();
    if contents.private_keys > 0 {
        rest.title(format!("private keys that are not shown: {}", contents.private_keys));
    }
    for label in &contents.left_out {
        rest.title(format!("left out: {label}"));
    }
    let rest = rest.finish();
    if !rest.is_empty() {
        sheets.push(rest);
    }
    sheets.push("shown as it stands: nothing was verified against an authority".to_owned());
    sheets.join("\n\n")
}

/// One document but the entries of a list, for scripts.
fn json(document: &Result<Inspected, InspectError>, now: UnixTime) -> Map<String, Value> {
    let value = match document {
        Ok(Inspected::Certificate(certificate)) => certificate::json(certificate, now),
        Ok(Inspected::Request(request)) => request::json(request),
        Ok(Inspected::Crl(crl)) => crl::json(crl, now),
        Ok(_) => json!({ "kind": "unknown" }),
        Err(error) => json!({ "kind": "unreadable", "code": error.code(), "why": why(error) }),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// An error with its causes, in one sentence.
fn why(error: &InspectError) -> String {
    let mut why = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        why = format!("{why}: {cause}");
    }
    why
}

/// Labels in an error.
const MOST_LABELS: usize = 4;
/// Base64 of the largest CRL that is read.
const LARGEST: u64 = 92 << 20;
