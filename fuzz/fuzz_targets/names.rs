//! Names, patterns, serials, networks: text from configuration files and command lines.
#![no_main]
use dwcp_guard::Network;
use dwcp_pki::{IdentityPattern, Serial, SpiffeId, SubjectName, TrustDomain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<SubjectName>() {
        assert_eq!(name.to_string().parse::<SubjectName>().unwrap(), name);
    }
    if let Ok(id) = text.parse::<SpiffeId>() {
        assert_eq!(id.to_string().parse::<SpiffeId>().unwrap(), id);
    }
    if let Ok(pattern) = text.parse::<IdentityPattern>() {
        assert_eq!(pattern.to_string().parse::<IdentityPattern>().unwrap().to_string(), pattern.to_string());
    }
    if let Ok(serial) = text.parse::<Serial>() {
        assert_eq!(serial.to_string().parse::<Serial>().unwrap(), serial);
    }
    let _ = (text.parse::<TrustDomain>().is_ok(), text.parse::<Network>().is_ok());
});
