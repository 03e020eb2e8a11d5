//! Whatever a server answers is read within bounds, and what is read holds what it promises.
#![no_main]
use dwcp_crypto::KeyType;
use dwcp_pki::SubjectName;
use dwcp_pki_vault::{IssuedWithKey, Signed, VaultHealth, VaultRole};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(signed) = Signed::from_answer(data) {
        assert!(signed.issued.chain.len() <= 16 && signed.issued.roots.len() <= 16);
        assert_eq!(signed.serial, signed.issued.chain.leaf().serial());
        for pair in signed.issued.chain.ders().windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }
    if let Err(error) = IssuedWithKey::from_answer(data) {
        assert!(!format!("{error:?}").contains("PRIVATE KEY"));
    }
    if let Ok(role) = VaultRole::from_answer(data) {
        let names = [
            SubjectName::Uri("spiffe://novacron.local/node/n1".to_owned()),
            SubjectName::Dns("n1.novacron.local".to_owned()),
        ];
        for one in role.shortcomings(&names, KeyType::EcdsaP256) {
            assert!(!one.to_string().chars().any(char::is_control));
        }
    }
    if let Ok(health) = VaultHealth::from_answer(data) {
        assert!(!health.version.chars().any(char::is_control));
    }
});
