//! The judgement of one answer. The first rule that it breaks is told: what is wrong beyond that follows from it.

use super::{Means, Rule};
use crate::{CertificateRequest, Issued, Purpose, RevocationMode, TrustStore, Usage, signature};
use dwcp_base::UnixTime;
use std::collections::BTreeSet;
use std::time::Duration;

/// Every rule on answers, in the order they are looked at.
pub(super) const RULES: &[Rule] = &[
    Rule::LeafFirst,
    Rule::OwnKey,
    Rule::ExactNames,
    Rule::EndEntity,
    Rule::Dates,
    Rule::NoRoot,
    Rule::Usable,
];

pub(super) fn judge(
    issued: &Issued,
    request: &CertificateRequest,
    means: &Means<'_>,
) -> Result<(), (Rule, String)> {
    in_order(issued, request)?;
    let leaf = issued.chain.leaf();
    if leaf.key_pin() != request.key_pin() {
        let what = format!(
            "the certificate is for the key {}, the request for {}",
            leaf.key_pin(),
            request.key_pin()
        );
        return Err((Rule::OwnKey, what));
    }
    let asked: BTreeSet<_> = request.names().iter().collect();
    let answered: BTreeSet<_> = leaf.names().iter().collect();
    if asked != answered {
        let list = |names: Vec<&&crate::SubjectName>| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let (missing, extra) = (asked.difference(&answered).collect(), answered.difference(&asked).collect());
        return Err((
            Rule::ExactNames,
            format!("missing: [{}], not asked for: [{}]", list(missing), list(extra)),
        ));
    }
    if leaf.is_authority() {
        return Err((Rule::EndEntity, "the leaf may sign certificates".to_owned()));
    }
    let now = means.clock.unix();
    dates(leaf.not_before(), leaf.not_after(), now)?;
    if issued.chain.iter().any(is_self_signed) {
        return Err((Rule::NoRoot, "a certificate of the chain is signed by itself".to_owned()));
    }
    usable(issued, means, now)
}

/// Whether the leaf is first and each certificate was issued by the next.
fn in_order(issued: &Issued, request: &CertificateRequest) -> Result<(), (Rule, String)> {
    let certificates: Vec<_> = issued.chain.iter().collect();
    let place = certificates.iter().position(|one| one.key_pin() == request.key_pin());
    if let Some(place) = place.filter(|place| *place > 0) {
        return Err((
            Rule::LeafFirst,
            format!("the leaf is certificate {} of {}", place + 1, certificates.len()),
        ));
    }
    for (at, pair) in certificates.windows(2).enumerate() {
        if let [below, above] = pair
            && !is_signed_by(below, above)
        {
            let what = format!("certificate {} was not issued by certificate {}", at + 1, at + 2);
            return Err((Rule::LeafFirst, what));
        }
    }
    Ok(())
}

fn dates(from: UnixTime, until: UnixTime, now: UnixTime) -> Result<(), (Rule, String)> {
    if now < from || now > until {
        return Err((Rule::Dates, format!("it is valid from {from} to {until}, and it is {now}")));
    }
    if from.until(until) > LONGEST_LIFE {
        return Err((Rule::Dates, format!("it lives for {} days", from.until(until).as_secs() / 86_400)));
    }
    if now.until(until) < from.until(until) / 10 {
        return Err((Rule::Dates, format!("it is almost over: from {from} to {until}, and it is {now}")));
    }
    Ok(())
}

fn usable(issued: &Issued, means: &Means<'_>, now: UnixTime) -> Result<(), (Rule, String)> {
    let failed = |what: String| (Rule::Usable, what);
    let named;
    let trust = match &means.trust {
        Some(trust) => trust,
        None => {
            let anchors = issued.roots.iter().map(|root| root.certificate_der().clone()).collect();
            named = TrustStore::new(anchors, Vec::new(), RevocationMode::Off)
                .map_err(|error| failed(format!("its roots can not be trusted: {error}")))?;
            &named
        }
    };
    let purposes: &[Purpose] = match means.usage {
        Usage::Server => &[Purpose::Server],
        Usage::Client => &[Purpose::Client],
        Usage::Both => &[Purpose::Server, Purpose::Client],
    };
    for purpose in purposes {
        let judged = trust.validate_own(&issued.chain, *purpose, now);
        judged.map_err(|error| failed(format!("as {purpose:?} it is refused: {error}")))?;
    }
    Ok(())
}

fn is_self_signed(one: &crate::Certificate) -> bool {
    is_signed_by(one, one)
}

fn is_signed_by(below: &crate::Certificate, above: &crate::Certificate) -> bool {
    let (Ok(low), Ok(high)) = (below.raw(), above.raw()) else { return false };
    low.issuer == high.subject && signature::verify(below.der(), high.key_info).is_ok()
}

/// No public authority may give more (CA/Browser Forum Baseline Requirements §6.3.2), and no private one should.
const LONGEST_LIFE: Duration = Duration::from_secs(398 * 86_400);
