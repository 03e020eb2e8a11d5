//! Each rule's verdict on what a server presented, one by one, also where an earlier rule has said no.

use crate::cli::exit::inert;
use dwcp_base::UnixTime;
use dwcp_pki::{
    Certificate, ChainFault, Crl, Profile, Purpose, RevocationMode, SubjectName, TrustStore, ValidationError,
    check_server_name,
};
use rustls_pki_types::CertificateDer;
use serde_json::{Value, json};

/// What a server is judged by.
pub(super) struct Yardstick {
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// `None` where revocation is not looked at.
    pub(super) crls: Option<Vec<Crl>>,
    pub(super) profile: Profile,
}

/// The verdicts, in the order in which they are told.
pub(super) struct Rules(Vec<(&'static str, Verdict)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Good(String),
    Refused(String),
    NotChecked(&'static str),
}

impl Yardstick {
    /// The store that a client judges by.
    pub(super) fn store(&self) -> Result<TrustStore, dwcp_pki::TrustError> {
        let (crls, mode) = match &self.crls {
            Some(crls) => (crls.clone(), RevocationMode::Required),
            None => (Vec::new(), RevocationMode::Off),
        };
        Ok(TrustStore::new(self.roots.clone(), crls, mode)?.with_profile(self.profile))
    }
}

impl Rules {
    /// Judges `chain` for `name` at `now`. The verdict that counted was the client's; this one says which rules hold and which
    /// do not.
    pub(super) fn of(
        chain: &[CertificateDer<'static>],
        name: &SubjectName,
        yardstick: Option<&Yardstick>,
        now: UnixTime,
    ) -> Self {
        let dates = dates(chain, now);
        let named = match chain.first().map(|leaf| check_server_name(leaf, name)) {
            Some(Ok(())) => Verdict::Good(name.to_string()),
            Some(Err(error)) => Verdict::refused(&error),
            None => Verdict::NotChecked(NO_CERTIFICATE),
        };
        let stores = yardstick.and_then(|yardstick| {
            let lax = TrustStore::new(yardstick.roots.clone(), Vec::new(), RevocationMode::Off).ok()?;
            Some((lax.with_profile(yardstick.profile), yardstick.store().ok()?, yardstick.crls.is_some()))
        });
        let Some((lax, strict, lists)) = stores else {
            let unchecked = || Verdict::NotChecked(NO_ROOTS);
            return Self(vec![
                ("chain", unchecked()),
                ("dates", dates),
                ("purpose", unchecked()),
                ("name", named),
                ("revocation", unchecked()),
            ]);
        };
        // Where a date is wrong the other rules are judged as of a moment when all of them were right, if there is one.
        let mut at = now;
        let mut judged = lax.validate(chain, Purpose::Any, at);
        let mut dates = dates;
        if let Err(error) = &judged
            && is_date(error)
        {
            dates = Verdict::refused(error);
            if let Some(moment) = common_moment(chain) {
                at = moment;
                judged = lax.validate(chain, Purpose::Any, at);
            }
        }
        let (to_roots, purpose, revocation) = match &judged {
            Ok(identity) => {
                let anchor = lax.path_of(identity, at).map(|path| inert(path.anchor().subject()));
                let purpose = match lax.validate(chain, Purpose::Server, at) {
                    Ok(_) => Verdict::Good("server".to_owned()),
                    Err(error) => Verdict::refused(&error),
                };
                let revocation = match lists.then(|| strict.validate(chain, Purpose::Any, at)) {
                    None => Verdict::NotChecked(NO_LIST),
                    Some(Ok(_)) => Verdict::Good("not revoked".to_owned()),
                    Some(Err(error)) => Verdict::refused(&error),
                };
                let to = anchor.unwrap_or_default();
                (Verdict::Good(format!("leads to {to}")), purpose, revocation)
            }
            Err(error) if is_date(error) => {
                let hidden = || Verdict::NotChecked("the dates never fit together");
                (hidden(), hidden(), hidden())
            }
            Err(error) => {
                let none = || Verdict::NotChecked("there is no path to a root");
                let revocation = if lists { none() } else { Verdict::NotChecked(NO_LIST) };
                (Verdict::refused(error), none(), revocation)
            }
        };
        Self(vec![
            ("chain", to_roots),
            ("dates", dates),
            ("purpose", purpose),
            ("name", named),
            ("revocation", revocation),
        ])
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(rule, verdict)| match verdict {
            Verdict::Good(how) => format!("{rule}: good ({how})"),
            Verdict::Refused(why) => format!("{rule}: REFUSED: {why}"),
            // As it has always been said, for whoever looks for it.
            Verdict::NotChecked(why) => format!("{rule}: not checked ({why})"),
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let row = |(rule, verdict): &(&str, Verdict)| {
            let (word, why) = match verdict {
                Verdict::Good(how) => ("good", how.as_str()),
                Verdict::Refused(why) => ("refused", why.as_str()),
                Verdict::NotChecked(why) => ("not checked", *why),
            };
            json!({ "rule": rule, "verdict": word, "why": why })
        };
        self.0.iter().map(row).collect()
    }
}

impl Verdict {
    fn refused(error: &ValidationError) -> Self {
        Self::Refused(inert(error.to_string()))
    }
}

/// Whether each certificate that was presented is within its dates; those that can not be read are the chain's to judge.
fn dates(chain: &[CertificateDer<'static>], now: UnixTime) -> Verdict {
    if chain.is_empty() {
        return Verdict::NotChecked(NO_CERTIFICATE);
    }
    let mut first_end: Option<UnixTime> = None;
    for certificate in readable(chain) {
        let (from, until) = (certificate.not_before(), certificate.not_after());
        if until < now || now < from {
            let subject = inert(certificate.subject());
            return Verdict::Refused(match until < now {
                true => format!("serial {} ({subject}) ended at {until}", certificate.serial()),
                false => format!("serial {} ({subject}) begins at {from}", certificate.serial()),
            });
        }
        first_end = Some(first_end.map_or(until, |end| end.min(until)));
    }
    match first_end {
        Some(end) => Verdict::Good(format!("until {end}")),
        None => Verdict::NotChecked("no certificate can be read"),
    }
}

/// A moment within the dates of all of them.
fn common_moment(chain: &[CertificateDer<'static>]) -> Option<UnixTime> {
    let from = readable(chain).map(|certificate| certificate.not_before()).max()?;
    let until = readable(chain).map(|certificate| certificate.not_after()).min()?;
    (from <= until).then_some(from)
}

fn readable(chain: &[CertificateDer<'static>]) -> impl Iterator<Item = Certificate> {
    chain.iter().take(dwcp_pki::MAX_PRESENTED).filter_map(|der| Certificate::from_der(der).ok())
}

fn is_date(error: &ValidationError) -> bool {
    matches!(
        error.fault(),
        ChainFault::Expired { .. } | ChainFault::NotYetValid { .. } | ChainFault::AnchorExpired
    )
}

const NO_ROOTS: &str = "no --ca";
const NO_LIST: &str = "no --crl";
const NO_CERTIFICATE: &str = "no certificate was shown";
