//! Which rules hold for a certificate in which place of a path.

use super::form::Form;
use super::names;
use super::rule::ProfileRule as Rule;
use crate::Certificate;
use crate::inspect::{Extension, ExtensionValue as V, NameConstraints};

type Verdict = Result<(), Rule>;

/// The rules for a trust anchor.
pub(crate) fn check_anchor(form: &Form) -> Verdict {
    check_any(form)?;
    let basic = form.find(|value| match value {
        V::BasicConstraints { ca, .. } => Some(*ca),
        _ => None,
    });
    if basic != Some((true, true)) {
        return Err(Rule::BasicConstraints);
    }
    check_authority(form)?;
    if !form.self_issued {
        require_authority_key_id(form)?;
    }
    for extension in &form.extensions {
        match &extension.value {
            Ok(V::ExtendedKeyUsage(_)) => return Err(Rule::RootExtendedKeyUsage),
            Ok(V::AuthorityKeyId(key)) if form.self_issued => {
                let own = key.key_id.is_some() && key.key_id.as_deref() == form.subject_key_id();
                if !own || !key.issuer.is_empty() || key.serial.is_some() {
                    return Err(Rule::RootAuthorityKeyId);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The rules for a certificate between leaf and anchor.
pub(crate) fn check_issuer(form: &Form) -> Verdict {
    check_any(form)?;
    check_authority(form)?;
    // Of an anchor an absent key usage restricts nothing, since its holder was chosen by hand; that one which is there names
    // keyCertSign was asked when it was taken in.
    let usage = form.find(|value| match value {
        V::KeyUsage(usage) => Some(usage.has("keyCertSign")),
        _ => None,
    });
    if usage.is_none_or(|(_, signs)| !signs) {
        return Err(Rule::CertSign);
    }
    require_authority_key_id(form)
}

/// The rules for a leaf.
pub(crate) fn check_leaf(form: &Form, leaf: &Certificate) -> Verdict {
    check_any(form)?;
    require_authority_key_id(form)?;
    for extension in &form.extensions {
        match &extension.value {
            Ok(V::NameConstraints(_)) => return Err(Rule::NameConstraintsMisplaced),
            Ok(V::BasicConstraints { ca: false, path_length: Some(_) }) => return Err(Rule::PathLength),
            _ => {}
        }
    }
    names::check(form, leaf)
}

/// The rules between a certificate and the one that issued it.
pub(crate) fn check_link(form: &Form, issuer: &Form) -> Verdict {
    match (form.authority_key_id(), issuer.subject_key_id()) {
        (Some(named), Some(own)) if named != own => Err(Rule::AuthorityKeyIdMismatch),
        _ => Ok(()),
    }
}

/// The rules for a certificate of a key that signs lists alone, below the one that issued it.
pub(crate) fn check_crl_signer(form: &Form, issuer: &Form) -> Verdict {
    check_any(form)?;
    require_authority_key_id(form)?;
    check_link(form, issuer)
}

/// What holds in every place.
fn check_any(form: &Form) -> Verdict {
    if form.version != 3 {
        return Err(Rule::Version);
    }
    if form.issuer_is_empty {
        return Err(Rule::IssuerEmpty);
    }
    if !form.key_is_accepted {
        return Err(Rule::Key);
    }
    form.extensions.iter().try_for_each(check_extension)
}

fn check_extension(extension: &Extension) -> Verdict {
    let critical = extension.critical;
    let Ok(value) = &extension.value else { return Err(Rule::ExtensionUnreadable) };
    match value {
        V::SubjectKeyId(_) if critical => Err(Rule::SubjectKeyIdCritical),
        V::AuthorityKeyId(_) if critical => Err(Rule::AuthorityKeyIdCritical),
        V::ExtendedKeyUsage(_) if critical => Err(Rule::ExtendedKeyUsageCritical),
        V::NameConstraints(_) if !critical => Err(Rule::NameConstraintsNotCritical),
        V::NameConstraints(constraints) => check_constraints(constraints),
        V::CertificatePolicies(policies) => {
            let earlier = |at: usize| policies.iter().take(at);
            let repeated = || {
                policies.iter().enumerate().any(|(at, policy)| earlier(at).any(|one| one.oid == policy.oid))
            };
            if repeated() { Err(Rule::PoliciesMalformed) } else { Ok(()) }
        }
        V::AuthorityInfoAccess(_) | V::SubjectInfoAccess(_) if critical => Err(Rule::InformationAccess),
        _ => Ok(()),
    }
}

fn check_authority(form: &Form) -> Verdict {
    if form.subject_is_empty {
        return Err(Rule::AuthorityNameless);
    }
    if form.subject_key_id().is_none() {
        return Err(Rule::SubjectKeyIdMissing);
    }
    Ok(())
}

fn require_authority_key_id(form: &Form) -> Verdict {
    if form.authority_key_id().is_none() { Err(Rule::AuthorityKeyIdMissing) } else { Ok(()) }
}

fn check_constraints(constraints: &NameConstraints) -> Verdict {
    let all = constraints.permitted.iter().chain(&constraints.excluded);
    for subtree in all {
        // RFC 5280 §4.2.1.10: minimum is zero and maximum absent.
        let distance = subtree.minimum.as_ref().is_some_and(|minimum| !minimum.is_zero());
        if distance || subtree.maximum.is_some() || !names::is_constraint_base(&subtree.base) {
            return Err(Rule::NameConstraintMalformed);
        }
    }
    Ok(())
}
