//! Responses that a responder signed rightly and that say too much, too often or in a way that is not understood.

use super::super::asn1::{
    NONCE, ResponderId, ResponseBytes, ResponseStatus, SingleResponse, StatusFields, Version,
};
use super::super::cert_id::key_hash;
use super::super::status::date;
use super::super::{CertIdHash, CertStatus, OcspError, OcspVerdict};
use super::*;
use crate::{AuthorityParams, Certificate, CertificateAuthority, CertificateRequest, IssuancePolicy};
use crate::{key_file, signed_form};
use der::Encode;
use der::asn1::{Any, Null, OctetString};
use der::oid::ObjectIdentifier;
use dwcp_base::LocalDisk;
use dwcp_crypto::{KeyType, SigningKey};
use std::time::Duration;
use x509_cert::ext::Extension;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const STRANGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4");

/// An authority whose key the test holds, so that it can sign anything.
struct Bench {
    issuer: Certificate,
    key: SigningKey,
    leaf: Certificate,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let params = AuthorityParams::new("Root");
        let ca = CertificateAuthority::create(Arc::new(LocalDisk), directory.path(), &params, NOW).unwrap();
        let key = SigningKey::generate(KeyType::Ed25519).unwrap();
        let request = CertificateRequest::generate(&key, &["DNS:a.example".parse().unwrap()]).unwrap();
        let chain = ca.issue(&request, &IssuancePolicy::default(), NOW).unwrap();
        let key = key_file::read(&directory.path().join("ca.key")).unwrap();
        Self { issuer: ca.certificate().clone(), leaf: chain.leaf().clone(), key }
    }

    fn single(&self) -> SingleResponse {
        let id = CertId::new(self.leaf.serial(), &self.issuer.raw().unwrap(), CertIdHash::Sha256).unwrap();
        SingleResponse {
            cert_id: id.fields,
            status: StatusFields::Good(Null),
            this_update: date(NOW).unwrap(),
            next_update: Some(date(NOW.plus(Duration::from_secs(60))).unwrap()),
            extensions: None,
        }
    }

    fn data(&self, responses: Vec<SingleResponse>) -> ResponseData {
        ResponseData {
            version: Version::V1,
            responder: ResponderId::ByKey(OctetString::new(key_hash(&self.issuer).unwrap()).unwrap()),
            produced_at: date(NOW).unwrap(),
            responses,
            extensions: None,
        }
    }

    fn sign(&self, data: &ResponseData, more: &[u8], kind: ObjectIdentifier) -> Vec<u8> {
        let mut basic = signed_form::sign(&data.to_der().unwrap(), &self.key).ok().unwrap();
        if !more.is_empty() {
            let fields = Fields::of_sequence(&basic).unwrap();
            basic = sequence(fields, more);
        }
        let response = Some(ResponseBytes { kind, response: OctetString::new(basic).unwrap() });
        ResponseFields { status: ResponseStatus::Successful, bytes: response }.to_der().unwrap()
    }

    fn judge(&self, data: &ResponseData) -> Result<OcspVerdict, OcspError> {
        let response = OcspResponse::from_der(&self.sign(data, &[], BASIC)).unwrap();
        response.verify(&self.leaf, &self.issuer, None, NOW)
    }
}

/// The fields, and more after them.
fn sequence(mut fields: Fields<'_>, more: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(field) = fields.next().unwrap() {
        content.extend_from_slice(field.whole);
    }
    content.extend_from_slice(more);
    Any::new(Tag::Sequence, content).unwrap().to_der().unwrap()
}

fn extension(id: ObjectIdentifier, critical: bool) -> Vec<Extension> {
    let value = OctetString::new(vec![7; 8]).unwrap().to_der().unwrap();
    vec![Extension { extn_id: id, critical, extn_value: OctetString::new(value).unwrap() }]
}

#[test]
fn exactly_one_answer_is_about_the_certificate() {
    let bench = Bench::new();
    let mut other = bench.single();
    other.cert_id.serial = der::asn1::Uint::new(&[7]).unwrap();
    let mut other_key = bench.single();
    other_key.cert_id.issuer_key_hash = OctetString::new([7; 32]).unwrap();
    let mut other_name = bench.single();
    other_name.cert_id.issuer_name_hash = OctetString::new([7; 32]).unwrap();
    let others = [other, other_key, other_name];
    let verdict = bench.judge(&bench.data([&others[..], &[bench.single()]].concat())).unwrap();
    assert_eq!((verdict.status(), verdict.this_update()), (CertStatus::Good, NOW));
    assert_eq!(bench.judge(&bench.data(others.to_vec())), Err(OcspError::NotOne { count: 0 }));
    // The same twice, also where both agree: which of them counts would be a matter of taste.
    let twice = vec![bench.single(), bench.single()];
    assert_eq!(bench.judge(&bench.data(twice)), Err(OcspError::NotOne { count: 2 }));
    let mut otherwise_named = bench.single();
    let id = CertId::new(bench.leaf.serial(), &bench.issuer.raw().unwrap(), CertIdHash::Sha1).unwrap();
    otherwise_named.cert_id = id.fields;
    let twice = vec![bench.single(), otherwise_named];
    assert_eq!(bench.judge(&bench.data(twice)), Err(OcspError::NotOne { count: 2 }));
}

#[test]
fn what_is_critical_and_not_understood_refuses_the_whole() {
    let bench = Bench::new();
    for (id, critical, accepted) in
        [(STRANGE, true, false), (STRANGE, false, true), (NONCE, true, true), (NONCE, false, true)]
    {
        let mut data = bench.data(vec![bench.single()]);
        data.extensions = Some(extension(id, critical));
        assert_eq!(OcspResponse::from_der(&bench.sign(&data, &[], BASIC)).is_ok(), accepted, "{id}");
    }
    for (critical, accepted) in [(true, false), (false, true)] {
        let mut single = bench.single();
        single.extensions = Some(extension(STRANGE, critical));
        let der = bench.sign(&bench.data(vec![single]), &[], BASIC);
        assert_eq!(OcspResponse::from_der(&der).is_ok(), accepted);
    }
    let mut data = bench.data(vec![bench.single()]);
    data.extensions = Some([extension(NONCE, false), extension(NONCE, false)].concat());
    assert!(OcspResponse::from_der(&bench.sign(&data, &[], BASIC)).is_err(), "two nonces");
}

#[test]
fn dates_that_contradict_each_other_are_refused() {
    let bench = Bench::new();
    let mut single = bench.single();
    let later = date(NOW.plus(Duration::from_secs(60))).unwrap();
    single.this_update = later;
    single.next_update = Some(date(NOW.plus(Duration::from_secs(59))).unwrap());
    assert!(matches!(bench.judge(&bench.data(vec![single.clone()])), Err(OcspError::Stale { .. })));
    single.next_update = Some(later);
    assert!(bench.judge(&bench.data(vec![single.clone()])).is_ok(), "a minute of skew");
    single.this_update = date(NOW.plus(Duration::from_secs(61))).unwrap();
    single.next_update = Some(date(NOW.plus(Duration::from_secs(90))).unwrap());
    assert!(matches!(bench.judge(&bench.data(vec![single])), Err(OcspError::Early { .. })));
}

#[test]
fn answers_and_certificates_are_counted_and_other_kinds_refused() {
    let bench = Bench::new();
    let read = |der: &[u8]| OcspResponse::from_der(der).map(|_| ());
    let data = |count: usize| bench.data(vec![bench.single(); count]);
    assert!(read(&bench.sign(&data(64), &[], BASIC)).is_ok());
    assert!(read(&bench.sign(&data(65), &[], BASIC)).is_err());
    assert!(read(&bench.sign(&data(1), &[], STRANGE)).is_err());
    let certificates = |count: usize, tag: u8| {
        let list = Any::new(Tag::Sequence, bench.issuer.der().repeat(count)).unwrap().to_der().unwrap();
        let mut whole = OctetString::new(list).unwrap().to_der().unwrap();
        whole[0] = tag;
        whole
    };
    let with = |more: &[u8]| OcspResponse::from_der(&bench.sign(&data(1), more, BASIC));
    let carrying = with(&certificates(8, 0xa0)).unwrap();
    assert!(carrying.verify(&bench.leaf, &bench.issuer, None, NOW).is_ok());
    assert!(with(&certificates(9, 0xa0)).is_err());
    assert!(with(&certificates(1, 0xa1)).is_err());
    assert!(with(&[&certificates(1, 0xa0)[..], &[5, 0]].concat()).is_err());
    // Junk in place of a certificate is passed over, not believed.
    assert!(with(&[0xa0, 4, 0x30, 2, 5, 0]).is_ok());
    assert!(with(&[0xa0, 2, 5, 0]).is_err());
}
