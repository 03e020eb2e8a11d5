//! A ServerHello: what is read of it is read again from what followed it, and nothing of it panics.
#![no_main]
use dwcp_tls::inspect::ServerHello;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(hello) = ServerHello::parse(data) else { return };
    let followed = [data, &[8, 0, 0, 2, 0, 0]].concat();
    assert_eq!(ServerHello::parse(&followed), Ok(hello));
    let _ = (hello.version().to_string(), hello.suite().to_string(), hello.group().map(|group| group.to_string()));
});
