//! OCSP responses written octet by octet, by an issuer or by a responder that it appointed.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "shared by several files, and a test fails by panicking"
)]

use super::lab::*;
use super::lists::{subject, time, tlv};
use dwcp_base::UnixTime;
use dwcp_crypto::digest::sha256;
use rcgen::{CustomExtension, DnType, ExtendedKeyUsagePurpose, PublicKeyData, SigningKey};

/// `by` says that the leaf is good, from a minute ago until then, and sends these certificates along.
pub(crate) fn good(issuer: &Party, leaf: &Party, by: &Party, until: UnixTime, along: &[&Party]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]);
    // An uncompressed point on P-256 is the end of its SubjectPublicKeyInfo.
    let key = issuer.key.subject_public_key_info();
    let [name, key] = [&subject(&issuer.der), &key[key.len() - 65..]].map(|bytes| tlv(4, &sha256(bytes)));
    let serial = tlv(2, &leaf.params.serial_number.clone().unwrap().to_bytes());
    let id = tlv(0x30, &[algorithm, name, key, serial].concat());
    let from = time(NOW.minus(MINUTE));
    let single = [id, vec![0x80, 0], from.clone(), tlv(0xa0, &time(until))].concat();
    let responder = tlv(0xa1, &subject(&by.der));
    let data = tlv(0x30, &[responder, from, tlv(0x30, &tlv(0x30, &single))].concat());
    let signature = tlv(3, &[&[0][..], &by.key.sign(&data).unwrap()].concat());
    let ecdsa = tlv(0x30, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    let along: Vec<u8> = along.iter().flat_map(|party| party.der.to_vec()).collect();
    let basic = tlv(0x30, &[data, ecdsa, signature, tlv(0xa0, &tlv(0x30, &along))].concat());
    let bytes = tlv(0x30, &[vec![6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1], tlv(4, &basic)].concat());
    tlv(0x30, &[vec![10, 1, 0], tlv(0xa0, &bytes)].concat())
}

/// A responder that `issuer` appointed until then.
pub(crate) fn appointed(issuer: &Party, until: UnixTime) -> Party {
    issuer.leaf_with(&[], |params| {
        params.distinguished_name.push(DnType::CommonName, "responder");
        params.serial_number = Some(vec![0x44].into());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        let no_check = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 5], vec![5, 0]);
        params.custom_extensions.push(no_check);
        params.not_after = date(until);
    })
}
