//! A ClientHello as a handshake message, with everything that can be asked of it.
#![no_main]
use dwcp_tls::ClientHello;
use dwcp_tls::inspect::{Ja4, MOST_EXTENSIONS, MOST_KEY_SHARES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(hello) = ClientHello::parse(data) else { return };
    assert!(hello.extensions().count() <= MOST_EXTENSIONS);
    assert!(hello.key_share_groups().count() <= MOST_KEY_SHARES);
    for extension in hello.extensions() {
        assert_eq!(&data[extension.offset..][..extension.body.len()], extension.body);
    }
    assert!(hello.server_name().is_none_or(|name| name.len() <= 253 && name.is_ascii()));
    assert!(hello.alpn().all(|name| (1..256).contains(&name.len())));
    assert!(format!("{hello:?} {}", hello.weaknesses()).len() < 4_096);
    let ja4 = hello.ja4();
    assert_eq!(ja4.as_str().len(), 36);
    // The same in records, where it fits into one.
    if let Ok(length) = u16::try_from(data.len()) {
        let records = [&[22, 3, 1][..], &length.to_be_bytes(), data].concat();
        assert_eq!(Ja4::from_records(&records), Ok(ja4));
    }
});
