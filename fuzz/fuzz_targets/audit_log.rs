//! A log directory as an attacker leaves it: the check ends with a verdict, never with a panic.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dir = std::env::temp_dir().join(format!("dwcp-fuzz-audit-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (head, log) = data.split_at(data.len().min(512) / 2);
    std::fs::write(dir.join("head"), head).unwrap();
    std::fs::write(dir.join("log-000000000001.jsonl"), log).unwrap();
    if dwcp_audit::verify(&dir).is_ok() {
        assert!(dwcp_audit::read(&dir).unwrap().all(|entry| entry.is_ok()));
    }
});
