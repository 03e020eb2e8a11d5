//! What a dishonest or broken issuer answers instead of the certificate that was asked for.

use super::forge::{Draft, Forge, REVOKED, date, too_many};
use crate::{CertificateChain, CertificateRequest, Issued, MAX_PRESENTED, ProviderError, SubjectName};
use dwcp_crypto::{KeyType, SigningKey};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber};
use std::time::Duration;

/// One lie. Everything else about the answer is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lie {
    /// The names that were asked for, for another key.
    WrongKey,
    /// The certificate of somebody else: another key, another name.
    AnothersChain,
    /// The last name is missing.
    MissingName,
    /// A name is in it that nobody asked for.
    ExtraName,
    /// It ended a second ago.
    Expired,
    /// It began thirty days ago and ends in forty seconds.
    AlmostOver,
    /// It begins in an hour.
    NotYetValid,
    /// It is good for ten years.
    LivesForYears,
    /// A stranger signed it who calls himself as the issuer does.
    Untrusted,
    /// Its serial is on the issuer's list.
    Revoked,
    /// It may sign certificates.
    Authority,
    /// It is for servers alone.
    ServerOnly,
    /// The chain begins at its other end.
    Backwards,
    /// The root is in the chain.
    RootShown,
    /// The authority between leaf and root is missing.
    Gap,
    /// 17 certificates, of which no chain can be made: an error rather than an answer.
    TooMany,
    /// The serial is that of every other certificate.
    SameSerial,
}

impl Lie {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::WrongKey,
        Self::AnothersChain,
        Self::MissingName,
        Self::ExtraName,
        Self::Expired,
        Self::AlmostOver,
        Self::NotYetValid,
        Self::LivesForYears,
        Self::Untrusted,
        Self::Revoked,
        Self::Authority,
        Self::ServerOnly,
        Self::Backwards,
        Self::RootShown,
        Self::Gap,
        Self::TooMany,
        Self::SameSerial,
    ];

    /// Whether a certificate with this lie could be used in the place of a good one all the same: it is for the right key and names and validates, and the lie is bad manners.
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::LivesForYears | Self::RootShown | Self::SameSerial)
    }

    pub(super) fn tell(self, forge: &Forge, request: &CertificateRequest) -> Result<Issued, ProviderError> {
        let now = forge.clock().unix();
        let mut draft = match self {
            Self::WrongKey => another(forge, request.names())?,
            Self::AnothersChain => another(forge, &[SubjectName::Dns("another.invalid".to_owned())])?,
            _ => forge.draft(request)?,
        };
        let params = &mut draft.params;
        match self {
            Self::MissingName => drop(params.subject_alt_names.pop()),
            Self::ExtraName => {
                params.subject_alt_names.extend("extra.invalid".try_into().ok().map(SanType::DnsName))
            }
            Self::Expired => {
                params.not_before = date(now.minus(Duration::from_secs(86_400)))?;
                params.not_after = date(now.minus(Duration::from_secs(1)))?;
            }
            Self::AlmostOver => {
                params.not_before = date(now.minus(Duration::from_secs(30 * 86_400)))?;
                params.not_after = date(now.plus(Duration::from_secs(40)))?;
            }
            Self::NotYetValid => params.not_before = date(now.plus(Duration::from_secs(3_600)))?,
            Self::LivesForYears => params.not_after = date(now.plus(Duration::from_secs(3_650 * 86_400)))?,
            Self::Revoked => params.serial_number = Some(SerialNumber::from(REVOKED)),
            Self::SameSerial => params.serial_number = Some(SerialNumber::from(REVOKED + 1)),
            Self::Authority => {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
            }
            Self::ServerOnly => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            _ => {}
        }
        let by = if self == Self::Untrusted { forge.stranger() } else { forge.issuing() };
        let (leaf, issuing) = (forge.make(by, draft)?, by.certificate.clone());
        match self {
            Self::Backwards => forge.issued(vec![issuing, leaf]),
            Self::RootShown => forge.issued(vec![leaf, issuing, forge.root().clone()]),
            Self::Gap => forge.issued(vec![leaf]),
            Self::TooMany => {
                let padding = std::iter::repeat_n(issuing, MAX_PRESENTED);
                let chain = CertificateChain::new(std::iter::once(leaf).chain(padding).collect());
                Ok(Issued { chain: chain.map_err(too_many)?, roots: vec![forge.root().clone()] })
            }
            _ => forge.issued(vec![leaf, issuing]),
        }
    }
}

/// What somebody else would have got.
fn another(forge: &Forge, names: &[SubjectName]) -> Result<Draft, ProviderError> {
    let key = SigningKey::generate(KeyType::EcdsaP256).map_err(super::forge::broken)?;
    let request = CertificateRequest::generate(&key, names).map_err(super::forge::broken)?;
    forge.draft(&request)
}
