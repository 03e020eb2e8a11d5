//! A certificate that nobody but itself vouches for: explicit, short-lived, and trusted by no one who was not told to.

use super::issuance::{
    BACKDATED, LONGEST_COMMON_NAME, common_name, encoder_serial, encoder_time, new_serial,
};
use super::policy::Usage;
use super::{AuthorityError, Refusal};
use crate::request::encoder_names;
use crate::signer::Lent;
use crate::{Certificate, CertificateChain, Credential, SubjectName};
use dwcp_base::UnixTime;
use dwcp_crypto::{KeyType, SigningKey};
use rcgen::{CertificateParams, IsCa, KeyUsagePurpose};
use std::time::Duration;

impl Credential {
    /// Makes a key and a certificate for `names` that it signs itself, valid from 60 s ago for `lifetime`, for servers and
    /// clients, never an authority.
    ///
    /// # Security
    /// No [`TrustStore`](crate::TrustStore) accepts it as a peer's. It is for tools that must hold a pair without showing it,
    /// and for first contact by pinned key.
    ///
    /// # Errors
    /// [`AuthorityError::Refused`] for a name that may stand in no certificate or none at all; [`AuthorityError::Crypto`]
    /// without randomness.
    pub fn self_signed(
        key_type: KeyType,
        names: &[SubjectName],
        lifetime: Duration,
        now: UnixTime,
    ) -> Result<Self, AuthorityError> {
        Self::self_signed_with(key_type, names, lifetime, now, |_| {})
    }

    /// The same with what `edit` changes in the template.
    pub(super) fn self_signed_with(
        key_type: KeyType,
        names: &[SubjectName],
        lifetime: Duration,
        now: UnixTime,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Result<Self, AuthorityError> {
        if names.is_empty() {
            return Err(Refusal::NoNames.into());
        }
        for name in names {
            name.check().map_err(|source| Refusal::BadName { name: name.clone(), source })?;
        }
        let key = SigningKey::generate(key_type).map_err(|source| AuthorityError::Crypto { source })?;
        let mut template = CertificateParams::default();
        let serial = new_serial()?;
        // RFC 5280 §4.1.2.4: an issuer has a name, and this one issues itself. A serial keeps two of them apart.
        template.distinguished_name = match names.first() {
            Some(SubjectName::Dns(dns)) if dns.len() <= LONGEST_COMMON_NAME => common_name(dns),
            _ => common_name(&format!("self-signed {serial}")),
        };
        template.serial_number = Some(encoder_serial(&serial));
        template.not_before = encoder_time(now.minus(BACKDATED))?;
        template.not_after = encoder_time(now.plus(lifetime))?;
        template.subject_alt_names = encoder_names(names)
            .map_err(|_| AuthorityError::Defective { rule: "a checked name can not be encoded" })?;
        template.is_ca = IsCa::ExplicitNoCa;
        template.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        template.extended_key_usages = Usage::Both.purposes();
        // §4.2.1.1 spares authorities alone.
        template.use_authority_key_identifier_extension = true;
        edit(&mut template);
        let built = template.self_signed(&Lent(&key)).map_err(AuthorityError::encoding)?;
        let certificate =
            Certificate::from_der(built.der()).map_err(|source| AuthorityError::Certificate { source })?;
        let chain = CertificateChain::new(vec![certificate])
            .map_err(|_| AuthorityError::Defective { rule: "a chain of one is too long" })?;
        Self::new(chain, key).map_err(|_| AuthorityError::Defective { rule: "it does not belong to its key" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RevocationMode, TrustStore};
    use rustls_pki_types::CertificateDer;

    #[test]
    fn its_issuer_has_a_name_and_a_key_identifier_whatever_it_is_for() {
        let now = UnixTime::from_secs(1_800_000_000);
        let long = format!("DNS:{}", ["a"; 40].join("."));
        let made = |name: &str| {
            let names = [name.parse().unwrap()];
            let own =
                Credential::self_signed(KeyType::EcdsaP256, &names, Duration::from_secs(60), now).unwrap();
            let leaf = own.chain().leaf();
            let key_id = leaf.extensions().key_id.as_ref().unwrap();
            // id-ce-authorityKeyIdentifier with the key identifier alone.
            let start = [0x06, 0x03, 0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14];
            let whole = [&start[..], key_id].concat();
            assert!(leaf.der().windows(whole.len()).any(|window| window == whole), "{name}");
            assert_eq!(leaf.issuer(), leaf.subject(), "{name}");
            (leaf.issuer().to_owned(), leaf.serial().to_string())
        };
        assert_eq!(made("DNS:a.example").0, "CN=a.example");
        for name in ["IP:192.0.2.1", "URI:spiffe://a.example/b", &long] {
            let (issuer, serial) = made(name);
            assert_eq!(issuer, format!("CN=self-signed {serial}"), "{name}");
        }
    }

    #[test]
    fn it_holds_as_a_pair_and_no_store_trusts_it() {
        let now = UnixTime::from_secs(1_800_000_000);
        let name = SubjectName::dns("a.example").unwrap();
        let own = Credential::self_signed(
            KeyType::EcdsaP256,
            std::slice::from_ref(&name),
            Duration::from_secs(60),
            now,
        )
        .unwrap();
        assert_eq!(
            (own.names(), own.not_after()),
            ([name.clone()].as_slice(), now.plus(Duration::from_secs(60)))
        );
        let anchor = CertificateDer::from(own.chain().leaf().der().to_vec());
        assert!(
            TrustStore::new(vec![anchor], Vec::new(), RevocationMode::Off).is_err(),
            "it is no authority"
        );
        let other = Credential::self_signed(KeyType::Ed25519, &[name], Duration::from_secs(60), now).unwrap();
        assert_ne!(own.chain().leaf().serial(), other.chain().leaf().serial());
        assert!(Credential::self_signed(KeyType::EcdsaP256, &[], Duration::from_secs(60), now).is_err());
    }
}
