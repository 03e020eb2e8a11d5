//! Problem documents: why an authority says no (RFC 8555 §6.7, RFC 9773 §7.4).

use crate::Said;
use std::fmt;

/// What an authority complains of, by its registered type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The account is not there, or not any more.
    AccountDoesNotExist,
    /// The certificate that an order is to replace has been replaced already.
    AlreadyReplaced,
    /// The certificate is revoked already.
    AlreadyRevoked,
    /// The certificate request is not taken.
    BadCsr,
    /// The nonce is used up or unknown.
    BadNonce,
    /// The account's key is not taken.
    BadPublicKey,
    /// The signature's algorithm is not taken.
    BadSignatureAlgorithm,
    /// A CAA record forbids this authority to issue.
    Caa,
    /// See the problems below it.
    Compound,
    /// The authority could not connect to where it validates.
    Connection,
    /// A name could not be looked up.
    Dns,
    /// Accounts have to be bound to one outside of ACME.
    ExternalAccountRequired,
    /// What was found does not match the challenge.
    IncorrectResponse,
    /// A contact is wrong.
    InvalidContact,
    /// The profile is unknown.
    InvalidProfile,
    /// The request is wrong.
    Malformed,
    /// The order can not be finalized yet.
    OrderNotReady,
    /// Too much was asked for in too little time.
    RateLimited,
    /// The authority does not issue for this name.
    RejectedIdentifier,
    /// The authority has a problem of its own.
    ServerInternal,
    /// The authority could not make a TLS connection to where it validates.
    Tls,
    /// The account may not do this, or what was found does not prove the name.
    Unauthorized,
    /// A contact is of an unsupported kind.
    UnsupportedContact,
    /// A name is of an unsupported kind.
    UnsupportedIdentifier,
    /// Somebody has to visit a page, for example to agree to new terms.
    UserActionRequired,
    /// A type that is not registered, or none at all.
    Other,
}

/// What to do about a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing helps until somebody changes something.
    Refused,
    /// The same request may be answered later.
    Later,
    /// Ask less often.
    Slower,
}

impl ProblemKind {
    /// By its URN; [`Other`](Self::Other) for those that are not registered.
    pub fn of(urn: &str) -> Self {
        let name = urn.strip_prefix(NAMESPACE).unwrap_or_default();
        NAMES.iter().find(|(_, known)| *known == name).map_or(Self::Other, |(kind, _)| *kind)
    }

    /// The registered name without its namespace; `other` where there is none.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("other", |(_, name)| name)
    }

    pub(crate) fn remedy(self, status: u16) -> Remedy {
        match self {
            Self::RateLimited => Remedy::Slower,
            Self::ServerInternal | Self::BadNonce | Self::OrderNotReady => Remedy::Later,
            // Where the authority could not get through, the next attempt may.
            Self::Connection | Self::Dns | Self::Tls => Remedy::Later,
            Self::Other if status == 429 => Remedy::Slower,
            Self::Other if status >= 500 => Remedy::Later,
            _ => Remedy::Refused,
        }
    }

    /// What an operator can do about it, as one sentence.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Caa => {
                "allow the authority in the domain's CAA record, or use the one that the record names"
            }
            Self::Connection => {
                "let the authority reach the challenge: port 80 for http-01, port 443 for tls-alpn-01, IPv6 included where the name has an AAAA record"
            }
            Self::Dns => "check that the name resolves in public DNS, and that DNSSEC is in order",
            Self::ExternalAccountRequired => {
                "configure `eab` with the key identifier and HMAC key that the authority gave; one that serves once may be used up, then ask for another"
            }
            Self::IncorrectResponse | Self::Unauthorized => {
                "check that the name resolves to this machine and that nothing else answers on its port; where an account is meant, its key or its EAB, which may serve once and be used up"
            }
            Self::InvalidContact | Self::UnsupportedContact => "correct `email`",
            Self::InvalidProfile => "choose one of the profiles that the authority offers",
            Self::RateLimited => "wait: the time of the next attempt is kept, across restarts too",
            Self::RejectedIdentifier | Self::UnsupportedIdentifier => {
                "take the name out of `domains`, or use an authority that issues for it"
            }
            Self::Tls => {
                "check that the listener is up and reached directly: no proxy may end TLS in front of it"
            }
            Self::UserActionRequired => "visit the authority's page, for example to agree to its new terms",
            Self::ServerInternal => "wait: the authority has a problem of its own",
            _ => "look at what the authority says; a defect is possible",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A problem as the authority told it, bounded: at most eight problems below it are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeProblem {
    /// What it complains of.
    pub kind: ProblemKind,
    /// The status of the answer that brought it; 0 where it came within another one.
    pub status: u16,
    /// The authority's words.
    pub detail: Said,
    /// What it says of single names: the name and its words.
    pub names: Vec<(Said, Said)>,
}

impl AcmeProblem {
    pub(crate) fn read(problem: &instant_acme::Problem, status: u16) -> Self {
        let kind = |urn: &Option<String>| ProblemKind::of(urn.as_deref().unwrap_or_default());
        let said = |text: &Option<String>| Said::new(text.as_deref().unwrap_or_default());
        let below = problem.subproblems.iter().take(MOST_BELOW);
        let names = below
            .clone()
            .map(|one| {
                let name = one.identifier.as_ref().map(|name| name.authorized(false).to_string());
                (Said::new(&name.unwrap_or_default()), said(&one.detail))
            })
            .collect();
        let mut own = kind(&problem.r#type);
        if own == ProblemKind::Compound {
            // What is below it says what can be done.
            own = below.map(|one| kind(&one.r#type)).next().unwrap_or(own);
        }
        Self { kind: own, status, detail: said(&problem.detail), names }
    }

    /// Of an answer that is no problem document.
    pub(crate) fn unread(status: u16, page: &[u8]) -> Self {
        let page = String::from_utf8_lossy(page);
        let detail = Said::new(&format!("status {status}, and no problem document: {}", page.trim()));
        // A document that was cut on its way is no word of the authority: it may have said anything, so it is asked again.
        let is_cut = page.trim_start().starts_with('{');
        let kind = if is_cut { ProblemKind::ServerInternal } else { ProblemKind::Other };
        Self { kind, status, detail, names: Vec::new() }
    }

    pub(crate) fn remedy(&self) -> Remedy {
        self.kind.remedy(self.status)
    }
}

impl fmt::Display for AcmeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        for (name, detail) in &self.names {
            write!(f, "; {name}: {detail}")?;
        }
        Ok(())
    }
}

const NAMESPACE: &str = "urn:ietf:params:acme:error:";
const MOST_BELOW: usize = 8;

const NAMES: &[(ProblemKind, &str)] = &[
    (ProblemKind::AccountDoesNotExist, "accountDoesNotExist"),
    (ProblemKind::AlreadyReplaced, "alreadyReplaced"),
    (ProblemKind::AlreadyRevoked, "alreadyRevoked"),
    (ProblemKind::BadCsr, "badCSR"),
    (ProblemKind::BadNonce, "badNonce"),
    (ProblemKind::BadPublicKey, "badPublicKey"),
    (ProblemKind::BadSignatureAlgorithm, "badSignatureAlgorithm"),
    (ProblemKind::Caa, "caa"),
    (ProblemKind::Compound, "compound"),
    (ProblemKind::Connection, "connection"),
    (ProblemKind::Dns, "dns"),
    (ProblemKind::ExternalAccountRequired, "externalAccountRequired"),
    (ProblemKind::IncorrectResponse, "incorrectResponse"),
    (ProblemKind::InvalidContact, "invalidContact"),
    (ProblemKind::InvalidProfile, "invalidProfile"),
    (ProblemKind::Malformed, "malformed"),
    (ProblemKind::OrderNotReady, "orderNotReady"),
    (ProblemKind::RateLimited, "rateLimited"),
    (ProblemKind::RejectedIdentifier, "rejectedIdentifier"),
    (ProblemKind::ServerInternal, "serverInternal"),
    (ProblemKind::Tls, "tls"),
    (ProblemKind::Unauthorized, "unauthorized"),
    (ProblemKind::UnsupportedContact, "unsupportedContact"),
    (ProblemKind::UnsupportedIdentifier, "unsupportedIdentifier"),
    (ProblemKind::UserActionRequired, "userActionRequired"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, status: u16) -> AcmeProblem {
        AcmeProblem::read(&serde_json::from_str(json).unwrap(), status)
    }

    #[test]
    fn every_registered_type_is_known_by_its_name() {
        for (kind, name) in NAMES {
            assert_eq!(ProblemKind::of(&format!("{NAMESPACE}{name}")), *kind);
            assert_eq!(kind.name(), *name);
        }
        for unknown in ["", "about:blank", "rateLimited", "urn:ietf:params:acme:error:", "urn:x:rateLimited"]
        {
            assert_eq!(ProblemKind::of(unknown), ProblemKind::Other, "{unknown}");
        }
    }

    #[test]
    fn half_a_document_is_no_refusal_and_the_page_of_a_proxy_is() {
        let half = AcmeProblem::unread(400, b" {\n \"type\": \"urn:ietf:params:acme:error:badNonce\", \"det");
        assert!(matches!(half.remedy(), Remedy::Later), "{half}");
        assert!(matches!(AcmeProblem::unread(404, b"<html>").remedy(), Remedy::Refused));
    }

    #[test]
    fn what_is_to_be_done_follows_from_the_type_and_else_from_the_status() {
        let remedy = |name: &str, status| ProblemKind::of(&format!("{NAMESPACE}{name}")).remedy(status);
        for refused in
            ["caa", "rejectedIdentifier", "unauthorized", "badCSR", "userActionRequired", "malformed"]
        {
            assert_eq!(remedy(refused, 500), Remedy::Refused, "{refused}");
        }
        for later in ["serverInternal", "connection", "dns", "tls", "badNonce"] {
            assert_eq!(remedy(later, 400), Remedy::Later, "{later}");
        }
        assert_eq!(remedy("rateLimited", 400), Remedy::Slower);
        assert_eq!(remedy("somethingNew", 429), Remedy::Slower);
        assert_eq!(remedy("somethingNew", 503), Remedy::Later);
        assert_eq!(remedy("somethingNew", 403), Remedy::Refused);
    }

    #[test]
    fn words_about_single_names_are_kept_and_bounded() {
        let one = r#"{"type":"urn:ietf:params:acme:error:dns","detail":"no\nsuch","identifier":{"type":"dns","value":"a.example"}}"#;
        let text = format!(
            r#"{{"type":"urn:ietf:params:acme:error:compound","detail":"several","subproblems":[{}]}}"#,
            vec![one; 20].join(",")
        );
        let problem = read(&text, 400);
        assert_eq!((problem.kind, problem.names.len()), (ProblemKind::Dns, MOST_BELOW));
        assert!(problem.to_string().starts_with("dns: several; a.example: no\u{fffd}such"), "{problem}");
    }
}
