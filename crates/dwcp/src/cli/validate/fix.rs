//! What to do about each refusal.

use super::Question;
use super::material::Material;
use dwcp_pki::{
    Certificate, ChainFault as F, ChainPlace, ProfileRule as R, PurposeFault, SubjectName, ValidationError,
};

/// The next step after a refusal.
pub(super) fn of(error: &ValidationError, material: &Material, question: &Question<'_>) -> String {
    let text = match error.fault() {
        F::UnknownIssuer if is_self_issued(error, material) => {
            "it names itself as its issuer: give it with --roots if you trust it"
        }
        F::UnknownIssuer => return unknown(issuer(error, material)),
        F::Purpose { why } => purpose(*why),
        F::Name { expected } => return name(expected, material),
        F::Profile { rule } => return profile(*rule, error.certificate().map(|member| member.place)),
        F::CrlMissing { issuer } => {
            return format!(
                "give a CRL of {issuer} that covers it with --crl, or an answer about it with --ocsp; or leave --crl-all out"
            );
        }
        F::TooDeep { authorities, .. } => {
            return format!("take a shorter path, or allow this one with --max-depth {authorities}");
        }
        F::Revoked { .. } | F::KeyRevoked { .. } => {
            "do not accept it: its issuer took it back; its holder needs a new key and a new certificate"
        }
        F::Expired { .. } => "get a renewed certificate; or judge an earlier moment with --at",
        F::NotYetValid { .. } => "check the clock; or judge a later moment with --at",
        F::AnchorExpired => {
            "give the authority's renewed certificate with --roots; or judge another moment with --at"
        }
        F::Authority { .. } => {
            "have that authority's certificate issued anew, with cA, keyCertSign and a path length that fits"
        }
        F::Names { .. } => "have it issued anew with names that everybody reads alike",
        F::NameConstraint => "have it issued for other names, or by an authority that may issue these",
        F::CrlStale { .. } => "fetch the newer list of that issuer; or judge an earlier moment with --at",
        F::CrlEarly { .. } => "check the clocks, here and at the issuer; or judge a later moment with --at",
        F::CrlUntrusted => {
            "fetch the list from its issuer: this one has the name and not the signature, or its issuer may not sign lists"
        }
        F::StatusResponse { .. } => {
            "ask its responder again, about this certificate; or leave --ocsp out and give a list with --crl"
        }
        F::TooMany { .. } | F::TooComplex => {
            "give the leaf and those above it alone; of what --intermediates brings only what fits is taken"
        }
        F::WeakAlgorithm => {
            "have it issued anew with P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits, and SHA-256 or better"
        }
        F::Malformed { .. } => {
            "have it issued anew as RFC 5280 says; `dwcp cert show` tells what stands in it"
        }
        // A chain of nothing was refused when it was read.
        _ => return format!("docs/validation.md has what the profile {} asks", question.args.profile),
    };
    text.to_owned()
}

fn unknown(issuer: Option<String>) -> String {
    let issuer =
        issuer.map_or_else(|| "what is missing".to_owned(), |name| format!("the certificate of {name}"));
    format!(
        "add {issuer} with --intermediates, or with --roots if you trust it; if it is there, its key did not sign this"
    )
}

fn name(expected: &str, material: &Material) -> String {
    if expected.starts_with("URI:") && !expected.starts_with("URI:spiffe://") {
        return "ask for a SPIFFE ID: other URIs are never compared".to_owned();
    }
    match names(material) {
        Some(names) => format!("ask for one of its names ({names}), or get a certificate for this one"),
        None => "get a certificate for this name: this one has none".to_owned(),
    }
}

fn purpose(why: PurposeFault) -> &'static str {
    match why {
        PurposeFault::Missing | PurposeFault::AnyUsage => {
            "have it issued with the usage that it is for (serverAuth, clientAuth), or judge with --profile interop"
        }
        PurposeFault::IsAuthority => {
            "put the certificate of the subject itself first: an authority's own is not for this"
        }
        PurposeFault::CanNotSign => "have it issued with digitalSignature among its key usages",
        _ => "judge it for what it was issued for (--purpose), or have it issued for this",
    }
}

fn profile(rule: R, place: Option<ChainPlace>) -> String {
    let whose = match place {
        Some(ChainPlace::Anchor) => "have the anchor issued anew",
        Some(ChainPlace::Intermediate(_)) => "have that authority's certificate issued anew",
        _ => "have it issued anew",
    };
    let how = match rule {
        R::Version => " as version 3",
        R::IssuerEmpty => " by an issuer that has a name",
        R::AuthorityNameless => " with a subject",
        R::BasicConstraints => " with basic constraints that are critical and say CA",
        R::PathLength => " without a path length",
        R::CertSign => " with keyCertSign among its key usages",
        R::SubjectKeyIdMissing => " with a subject key identifier",
        R::AuthorityKeyIdMissing => " with an authority key identifier",
        R::AuthorityKeyIdMismatch => " by the key that it names, or give the certificate of that key",
        R::RootAuthorityKeyId => " with its own key identifier alone, or with no authority key identifier",
        R::NameConstraintsNotCritical => " with name constraints that are critical",
        R::NameConstraintsMisplaced => " without name constraints, which are an authority's",
        R::PoliciesRequired => " under a policy that every authority above it accepts",
        R::RootExtendedKeyUsage => " without an extended key usage",
        R::AlternativeNamesCriticality => {
            " with alternative names that are critical where the subject is empty, and there alone"
        }
        R::Nameless => " with at least one name",
        R::CommonName => " with its common name among its alternative names, or without it",
        R::Key => " for a key of P-256, P-384, Ed25519 or RSA of 2048 bits or more in whole octets",
        R::SubjectKeyIdCritical
        | R::AuthorityKeyIdCritical
        | R::ExtendedKeyUsageCritical
        | R::InformationAccess => " with that extension not critical",
        _ => " as RFC 5280 says",
    };
    // Where policies count, both profiles ask for them.
    let policies = matches!(rule, R::PoliciesRequired | R::PoliciesMalformed);
    let otherwise = if policies { "" } else { ", or judge with --profile interop" };
    format!("{whose}{how}{otherwise}")
}

/// Who issued the certificate that leads no further.
fn issuer(error: &ValidationError, material: &Material) -> Option<String> {
    let issuer = at_fault(error, material)?.issuer().to_owned();
    if issuer.is_empty() { None } else { Some(issuer) }
}

fn is_self_issued(error: &ValidationError, material: &Material) -> bool {
    at_fault(error, material).is_some_and(|one| one.issuer() == one.subject())
}

/// The certificate that a refusal names.
fn at_fault(error: &ValidationError, material: &Material) -> Option<Certificate> {
    let member = error.certificate()?;
    let mut certificates = material.candidates.iter().filter_map(|der| Certificate::from_der(der).ok());
    certificates.find(|one| one.serial() == member.serial && one.key_pin() == member.key_pin)
}

/// Some names of the leaf.
fn names(material: &Material) -> Option<String> {
    let leaf = Certificate::from_der(material.chain.first()?).ok()?;
    let some: Vec<String> = leaf.names().iter().take(MOST_NAMES).map(SubjectName::to_string).collect();
    if some.is_empty() { None } else { Some(some.join(", ")) }
}

const MOST_NAMES: usize = 3;
