//! Handshakes with stacks that nobody here wrote, in both roles: each cell is declared in `cells.txt`, and what became of it is
//! in `docs/interop.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod boringssl;
mod cells;
mod curl;
mod dialled;
mod gnutls;
mod nss;
mod openssl;
mod ours;
mod page;
mod process;
mod python;
mod received;
mod table;
mod trouble;
mod wish;
mod world;

/// Whether `program` is there; without it a test says that it skips, which in CI is an error.
fn have(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{program} is missing, and CI must have it");
        println!("skipped: {program} is not installed");
    }
    found
}

/// The first line of what a program says about itself.
fn version_of(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().next().unwrap_or("an unknown version");
    line.split(" (").next().unwrap_or(line).trim().to_owned()
}
