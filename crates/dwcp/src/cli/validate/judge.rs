//! The judgement: a store of what was given, the chain, the lists, the names.

use super::Question;
use super::material::Material;
use super::refusal::Refusal;
use crate::cli::exit::{Exit, Failure, in_full};
use dwcp_pki::{
    Certificate, ChainMember, ChainPlace, Crl, DeltaCrl, Evidence, PeerIdentity, RevocationMode, TrustError,
    TrustPath, TrustStore, ValidationError, check_server_name,
};
use rustls_pki_types::CertificateDer;

/// The verdict on a chain.
pub(super) struct Judgement {
    pub(super) verdict: Result<Accepted, Refusal>,
    /// Why roots were left out.
    pub(super) left_out: Vec<String>,
}

/// A chain that is accepted.
pub(super) struct Accepted {
    pub(super) identity: PeerIdentity,
    pub(super) path: TrustPath,
}

/// Judges the chain. Roots that can not be used are left out, since fewer are no danger. A list that can not be read denies, unless
/// another one has the graver word: revoked.
pub(super) fn judge(material: &Material, question: &Question<'_>) -> Result<Judgement, Failure> {
    let (anchors, left_out) = match usable(&material.roots)? {
        Ok(usable) => usable,
        Err(error) => {
            let verdict = Err(Refusal::of_roots(&error, material.roots.len()));
            return Ok(Judgement { verdict, left_out: Vec::new() });
        }
    };
    let lists = readable(&anchors, material);
    let store = store(anchors, lists.complete, question)?.with_deltas(lists.deltas).map_err(unmade)?;
    let answers: Vec<&[u8]> = material.answers.iter().map(Vec::as_slice).collect();
    let evidence = Evidence::of_responses(&answers);
    let purpose = question.args.purpose.purpose();
    let judged = store.validate_with(&material.candidates, purpose, question.at, &evidence);
    let revoked = judged.as_ref().is_err_and(ValidationError::is_revocation);
    let verdict = match lists.refusal {
        Some(refusal) if !revoked => Err(refusal),
        _ => judged
            .and_then(|identity| Ok(Accepted { path: store.path_of(&identity, question.at)?, identity }))
            .map_err(|error| Refusal::of_chain(&error, material, question, &left_out))
            .and_then(|accepted| match check_names(material, question) {
                Ok(()) => Ok(accepted),
                Err(refusal) => Err(refusal.knowing(accepted.identity.revocation())),
            }),
    };
    Ok(Judgement { verdict, left_out })
}

/// A store that judges as the command line says.
fn store(
    anchors: Vec<CertificateDer<'static>>,
    crls: Vec<Crl>,
    question: &Question<'_>,
) -> Result<TrustStore, Failure> {
    let mode = match (question.args.crl_all, question.asks_for_revocation()) {
        (true, _) => RevocationMode::Required,
        (false, true) => RevocationMode::WhereKnown,
        (false, false) => RevocationMode::Off,
    };
    // The parser has read each policy before.
    let policies = question.args.policies.requirements().map_err(|error| {
        Failure::new(Exit::Usage, "the command line can not be used", &error, "correct --policy")
    })?;
    let store = TrustStore::new(anchors, crls, mode)
        .map_err(unmade)?
        .with_profile(question.args.profile)
        .with_policies(policies);
    Ok(match question.args.max_depth {
        Some(depth) => store.with_max_depth(depth),
        None => store,
    })
}

/// Every name that was asked for must be one of the leaf's.
fn check_names(material: &Material, question: &Question<'_>) -> Result<(), Refusal> {
    let Some(leaf) = material.chain.first() else { return Ok(()) };
    for name in &question.args.name {
        if let Err(error) = check_server_name(leaf, name) {
            let member = Certificate::from_der(leaf).ok().map(|leaf| ChainMember {
                place: ChainPlace::Leaf,
                serial: leaf.serial(),
                key_pin: leaf.key_pin(),
                subject: leaf.subject().to_owned(),
            });
            return Err(Refusal::of_chain(&error, material, question, &[]).about(member));
        }
    }
    Ok(())
}

type Roots = (Vec<CertificateDer<'static>>, Vec<String>);

/// The roots that a store takes, and why it does not take the others; the first of those reasons where it takes none.
fn usable(roots: &[CertificateDer<'static>]) -> Result<Result<Roots, TrustError>, Failure> {
    let made = |ders: Vec<_>| TrustStore::new(ders, Vec::new(), RevocationMode::Off);
    match made(roots.to_vec()) {
        Ok(_) => return Ok(Ok((roots.to_vec(), Vec::new()))),
        Err(error @ TrustError::TooMany) => return Err(unmade(error)),
        Err(_) => {}
    }
    let (mut good, mut left_out, mut first) = (Vec::new(), Vec::new(), None);
    for root in roots {
        match made(vec![root.clone()]) {
            Ok(_) => good.push(root.clone()),
            Err(error) => {
                left_out.push(in_full(&error));
                first = first.or(Some(error));
            }
        }
    }
    Ok(match first {
        Some(error) if good.is_empty() => Err(error),
        _ => Ok((good, left_out)),
    })
}

/// The lists that a store takes, and the refusal for one that can not be read or used.
struct Readable {
    complete: Vec<Crl>,
    deltas: Vec<DeltaCrl>,
    refusal: Option<Refusal>,
}

fn readable(anchors: &[CertificateDer<'static>], material: &Material) -> Readable {
    let lists = &material.lists;
    let refusal = lists.unreadable.first().map(|(path, error)| Refusal::of_list(path, error));
    let mut readable = Readable { complete: Vec::new(), deltas: Vec::new(), refusal };
    // One anchor is enough to try a list: whose it is does not matter for that.
    let with = |crls| TrustStore::new(anchors.iter().take(1).cloned().collect(), crls, RevocationMode::Off);
    let unusable = |refusal: Option<Refusal>, error: TrustError| {
        refusal.or_else(|| Some(Refusal::of_unusable_list(&error)))
    };
    for crl in &lists.complete {
        match with(vec![crl.clone()]) {
            Ok(_) => readable.complete.push(crl.clone()),
            Err(error) => readable.refusal = unusable(readable.refusal, error),
        }
    }
    for delta in &lists.deltas {
        match with(Vec::new()).and_then(|store| store.with_deltas(vec![delta.clone()])) {
            Ok(_) => readable.deltas.push(delta.clone()),
            Err(error) => readable.refusal = unusable(readable.refusal, error),
        }
    }
    readable
}

fn unmade(error: TrustError) -> Failure {
    let fix = "give fewer roots and lists, those of this chain";
    Failure::new(Exit::Failure, "nothing was judged", &error, fix).coded(&error)
}
