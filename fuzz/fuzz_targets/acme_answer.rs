//! Directories, windows of renewal and problem documents of an ACME authority: what is handed on can do no harm, what is shown is one line.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dwcp_pki_acme::read_as_answers(bytes));
