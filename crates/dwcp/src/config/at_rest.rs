//! `security.encryption`: the parameters of encryption at rest, refused where they are weak.

use super::load::Loaded;
use super::model::Encryption;
use super::problem::ConfigProblem;
use dwcp_crypto::{CryptoError, KdfParams};
use dwcp_packet::{EncryptionMode, ModeError};

/// How keys are derived from passphrases for new data: what the section says, raised and completed by the defaults.
///
/// # Errors
/// [`ConfigProblem`] for values that are weak or absurd.
pub fn key_derivation(loaded: &Loaded) -> Result<KdfParams, ConfigProblem> {
    let section = &loaded.config.security.encryption;
    check(section, &mut Vec::new())?;
    let refused = |key: &str, fix: &'static str| {
        let key = format!("security.encryption.{key}");
        move |error: CryptoError| ConfigProblem::new(key, error.to_string(), fix)
    };
    let wants_pbkdf2 =
        section.key_derivation.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("pbkdf2"));
    if wants_pbkdf2 {
        let iterations = section.pbkdf2.as_ref().and_then(|pbkdf2| pbkdf2.iterations);
        let iterations = iterations.filter(|count| *count != 100_000).unwrap_or(1_000_000);
        return KdfParams::pbkdf2(iterations).map_err(refused("pbkdf2", "write 1000000"));
    }
    let argon2 = section.argon2.as_ref();
    let memory = argon2.and_then(|argon2| argon2.memory).unwrap_or(64 * 1_024);
    let passes = argon2.and_then(|argon2| argon2.time).filter(|passes| *passes > 1).unwrap_or(3);
    let lanes = argon2.and_then(|argon2| argon2.threads).unwrap_or(4);
    let memory = u32::try_from(memory).unwrap_or(u32::MAX);
    KdfParams::argon2id(memory, passes, lanes)
        .map_err(refused("argon2", "write memory: 65536, time: 3 and threads: 4"))
}

/// Judges the section. The two weak values that the first DWCP documents print are raised with a warning; others are errors.
pub(super) fn check(section: &Encryption, warnings: &mut Vec<String>) -> Result<(), ConfigProblem> {
    let key = |name: &str| format!("security.encryption.{name}");
    if let Some(algorithm) = section.algorithm.as_deref() {
        let folded = algorithm.to_ascii_lowercase().replace(['_', ' '], "-");
        // Whichever way it is spelt: packets know the names of what is offered nowhere.
        let why = match folded.parse::<EncryptionMode>() {
            Err(ModeError::MacThenEncrypt) => {
                Some("MAC-then-encrypt is open to padding oracles and not offered")
            }
            Err(ModeError::EncryptAndMac) => {
                Some("encrypt-and-MAC tells when two plaintexts are equal, and is not offered")
            }
            Err(ModeError::Unauthenticated) => {
                Some("what is encrypted and not authenticated can be altered: it is not offered")
            }
            _ => None,
        };
        if let Some(why) = why {
            return Err(ConfigProblem::new(key("algorithm"), why, "write AES-256-GCM"));
        }
        if !["aes-256-gcm", "aes-128-gcm", "chacha20-poly1305"].contains(&folded.as_str()) {
            return Err(ConfigProblem::new(
                key("algorithm"),
                format!("`{algorithm}` is not offered"),
                "write AES-256-GCM, AES-128-GCM or ChaCha20-Poly1305",
            ));
        }
    }
    if let Some(derivation) = section.key_derivation.as_deref()
        && !["argon2id", "pbkdf2"].contains(&derivation.to_ascii_lowercase().as_str())
    {
        return Err(ConfigProblem::new(
            key("key_derivation"),
            format!("`{derivation}` is not offered"),
            "write argon2id",
        ));
    }
    if let Some(length) = section.key_length.filter(|length| ![16, 32].contains(length)) {
        return Err(ConfigProblem::new(
            key("key_length"),
            format!("{length} bytes fit no algorithm"),
            "write 32, or 16 for AES-128-GCM",
        ));
    }
    if let Some(argon2) = &section.argon2 {
        match argon2.time {
            Some(1) => warnings.push(format!("{} is 1: raised to 3 for new data", key("argon2.time"))),
            Some(0) => {
                return Err(ConfigProblem::new(key("argon2.time"), "0 passes derive nothing", "write 3"));
            }
            Some(time) if time > 10 => {
                return Err(ConfigProblem::new(
                    key("argon2.time"),
                    format!("{time} is above the ceiling of 10"),
                    "write 3",
                ));
            }
            _ => {}
        }
        if let Some(memory) = argon2.memory.filter(|kib| !(19 * 1_024..=2 * 1_024 * 1_024).contains(kib)) {
            return Err(ConfigProblem::new(
                key("argon2.memory"),
                format!("{memory} KiB is outside 19456 to 2097152"),
                "write 65536",
            ));
        }
        if argon2.threads == Some(0) {
            return Err(ConfigProblem::new(key("argon2.threads"), "0 lanes derive nothing", "write 4"));
        }
    }
    match section.pbkdf2.as_ref().and_then(|p| p.iterations) {
        Some(100_000) => {
            warnings.push(format!("{} is 100000: raised to 1000000 for new data", key("pbkdf2.iterations")))
        }
        Some(iterations) if iterations < 600_000 => {
            return Err(ConfigProblem::new(
                key("pbkdf2.iterations"),
                format!("{iterations} is below the floor of 600000"),
                "write 1000000",
            ));
        }
        _ => {}
    }
    Ok(())
}
