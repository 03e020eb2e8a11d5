//! An OCSP response (RFC 6960 §4.2.1) of the throw-away authority, written octet by octet.

use super::{Authority, HOUR, now};
use dwcp_base::UnixTime;
use dwcp_crypto::digest::sha256;
use dwcp_pki::Certificate;
use rcgen::{PublicKeyData, SigningKey};

impl Authority {
    /// Says that `leaf` is good, from an hour ago until then.
    pub fn good(&self, leaf: &Certificate, until: UnixTime) -> Vec<u8> {
        let common_name = tlv(0x30, &[&[6, 3, 0x55, 4, 3][..], &tlv(0x0c, self.name.as_bytes())].concat());
        let name = tlv(0x30, &tlv(0x31, &common_name));
        // An uncompressed point on P-256 is the end of its SubjectPublicKeyInfo.
        let key = self.issuer.key().subject_public_key_info();
        let [name_hash, key_hash] = [&name, &key[key.len() - 65..]].map(|bytes| tlv(4, &sha256(bytes)));
        let algorithm = tlv(0x30, &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]);
        let serial = tlv(2, leaf.serial().as_be_bytes());
        let id = tlv(0x30, &[algorithm, name_hash, key_hash, serial].concat());
        let from = time(now().minus(HOUR));
        let single = [id, vec![0x80, 0], from.clone(), tlv(0xa0, &time(until))].concat();
        let data = tlv(0x30, &[tlv(0xa1, &name), from, tlv(0x30, &tlv(0x30, &single))].concat());
        let signature = tlv(3, &[&[0][..], &self.issuer.key().sign(&data).unwrap()].concat());
        let ecdsa = tlv(0x30, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        let basic = tlv(0x30, &[data, ecdsa, signature].concat());
        let bytes = tlv(0x30, &[vec![6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1], tlv(4, &basic)].concat());
        tlv(0x30, &[vec![10, 1, 0], tlv(0xa0, &bytes)].concat())
    }
}

/// A GeneralizedTime.
fn time(at: UnixTime) -> Vec<u8> {
    let digits: String = at.to_string().chars().filter(|c| c.is_ascii_digit()).take(14).collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let header = match length {
        0..128 => vec![tag, low],
        128..256 => vec![tag, 0x81, low],
        256.. => vec![tag, 0x82, high, low],
    };
    [&header, content].concat()
}
