//! The verdict on a page and as an object.

use super::Question;
use super::judge::Accepted;
use super::material::{Material, called};
use super::refusal::Refusal;
use super::row::{self, labelled};
use crate::cli::exit::{Exit, Failure, Found, inert};
use crate::cli::output::Report;
use dwcp_pki::{Certificate, ChainMember, ChainPlace};
use serde_json::{Value, json};

/// A chain that is accepted: its path from the leaf to the anchor, and what was asked.
pub(super) fn accepted(
    accepted: &Accepted,
    left_out: &[String],
    material: &Material,
    question: &Question<'_>,
) -> Report {
    let (identity, path) = (&accepted.identity, &accepted.path);
    let (mut lines, mut steps) = (vec!["valid".to_owned()], Vec::new());
    let presented: Vec<Certificate> =
        material.candidates.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    for step in path.steps() {
        let Some(certificate) = presented.iter().find(|one| one.fingerprint() == step.fingerprint) else {
            continue;
        };
        let (place, revocation) = (place(step.place), row::covered(step.revocation));
        labelled(&mut lines, &place, [format!("{}  {revocation}", row::text(certificate))]);
        steps.push(placed(row::json(certificate), &place, revocation.into()));
    }
    labelled(&mut lines, "anchor", [row::text(path.anchor())]);
    steps.push(placed(row::json(path.anchor()), "anchor", Value::Null));
    let names: Vec<String> = identity.names().iter().map(|name| inert(name.to_string())).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    let more = (more > 0).then(|| format!("and {more} more; --json lists them all"));
    labelled(&mut lines, "names", names.iter().take(MOST_NAMES).cloned().chain(more));
    let asked: Vec<String> = question.args.name.iter().map(ToString::to_string).collect();
    labelled(&mut lines, "asked for", asked.iter().cloned());
    asked_rows(&mut lines, question);
    left_out_rows(&mut lines, left_out);
    let revocation = row::checked(identity.revocation());
    lines.push(format!("revocation: {revocation}"));
    let mut json = head(true, left_out, question);
    json["revocation"] = revocation.into();
    json["path"] = steps.into();
    json["names"] = names.into();
    json["spiffe_id"] = identity.spiffe_id().map(ToString::to_string).into();
    Report::new(lines.join("\n"), json)
}

/// A chain that is refused: the verdict, and what was presented.
pub(super) fn refused(
    refusal: &Refusal,
    left_out: &[String],
    material: &Material,
    question: &Question<'_>,
) -> Failure {
    let mut lines = vec![format!("refused: {}", inert(&refusal.why))];
    let (mut rows, mut presented) = (Vec::new(), Vec::new());
    for (at, der) in material.chain.iter().take(MOST_PRESENTED).enumerate() {
        match Certificate::from_der(der) {
            Ok(certificate) => {
                rows.push(format!("{}  {}", at + 1, row::text(&certificate)));
                presented.push(row::json(&certificate));
            }
            Err(error) => {
                rows.push(format!("{}  {}", at + 1, row::unreadable(&error)));
                presented.push(json!({ "unreadable": row::unreadable(&error) }));
            }
        }
    }
    let more = material.chain.len().saturating_sub(MOST_PRESENTED);
    rows.extend((more > 0).then(|| format!("and {more} more")));
    labelled(&mut lines, "presented", rows);
    let roots = material.roots.iter().take(MOST_NAMES);
    let roots = roots
        .map(|der| Certificate::from_der(der).map_or_else(|e| row::unreadable(&e), |one| row::title(&one)));
    let more = material.roots.len().saturating_sub(MOST_NAMES);
    labelled(&mut lines, "roots", roots.chain((more > 0).then(|| format!("and {more} more"))));
    asked_rows(&mut lines, question);
    left_out_rows(&mut lines, left_out);
    let revocation = refusal.revocation.or((!question.asks_for_revocation()).then_some("not checked"));
    lines.extend(revocation.map(|revocation| format!("revocation: {revocation}")));
    let leaf = material.chain.first().and_then(|der| Certificate::from_der(der).ok());
    let names: Vec<String> =
        leaf.iter().flat_map(Certificate::names).map(|name| inert(name.to_string())).collect();
    let mut json = head(false, left_out, question);
    json["revocation"] = revocation.into();
    json["names"] = names.into();
    json["presented"] = presented.into();
    let what = match material.chain.len() {
        _ if question.args.chain.len() > 1 => "the chain is not accepted".to_owned(),
        _ => format!(
            "{} is not accepted",
            question.args.chain.first().map(|path| called(path)).unwrap_or_default()
        ),
    };
    let about = json!({ "rule": refusal.rule, "certificate": refusal.certificate.as_deref().map(member) });
    Failure::plain(Exit::Verification, what, refusal.why.as_str(), refusal.fix.as_str())
        .called(&refusal.code)
        .after(Found { text: lines.join("\n"), json, about })
}

/// The fields that every verdict has.
fn head(valid: bool, left_out: &[String], question: &Question<'_>) -> Value {
    json!({
        "valid": valid,
        "profile": question.args.profile.name(),
        "purpose": question.args.purpose.word(),
        "at": question.at.to_string(),
        "revocation": null,
        "path": [],
        "names": [],
        "spiffe_id": null,
        "left_out": left_out.iter().map(inert).collect::<Vec<_>>(),
    })
}

fn asked_rows(lines: &mut Vec<String>, question: &Question<'_>) {
    labelled(lines, "purpose", [question.args.purpose.word().to_owned()]);
    labelled(lines, "profile", [question.args.profile.to_string()]);
    labelled(lines, "at", [question.at.to_string()]);
}

/// Roots that can not be used, and why.
fn left_out_rows(lines: &mut Vec<String>, left_out: &[String]) {
    let more = left_out.len().saturating_sub(MOST_NAMES);
    let more = (more > 0).then(|| format!("and {more} more roots"));
    labelled(lines, "left out", left_out.iter().take(MOST_NAMES).map(inert).chain(more));
}

fn placed(mut row: Value, place: &str, revocation: Value) -> Value {
    row["place"] = place.into();
    row["revocation"] = revocation;
    row
}

fn member(member: &ChainMember) -> Value {
    json!({
        "place": place(member.place),
        "subject": inert(&member.subject),
        "serial": member.serial.to_string(),
        "pin": member.key_pin.to_string(),
    })
}

fn place(place: ChainPlace) -> String {
    match place {
        ChainPlace::Leaf => "leaf".to_owned(),
        ChainPlace::Intermediate(number) => format!("intermediate {number}"),
        ChainPlace::Anchor => "anchor".to_owned(),
    }
}

/// A page should not begin with a hundred names.
const MOST_NAMES: usize = 8;
/// As many as a chain may have.
const MOST_PRESENTED: usize = dwcp_pki::MAX_PRESENTED;
