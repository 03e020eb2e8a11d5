//! What a new authority is made with.

use super::{AuthorityError, AuthorityUrls, NameConstraints};
use dwcp_base::UnixTime;
use dwcp_crypto::KeyType;
use std::time::Duration;

/// The parameters of a new authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityParams {
    /// The common name of its subject: 1 to 64 characters, none of them a control character (RFC 5280 appendix A.1).
    pub common_name: String,
    /// The kind of its key, where it is made with it. Default: P-256.
    pub key_type: KeyType,
    /// How long it is valid. Default: ten years of 365 days.
    pub lifetime: Duration,
    /// How many authorities may stand between it and a leaf (RFC 5280 §4.2.1.9). Default: 0, none.
    pub path_length: u8,
    /// The names that it and every authority below it are bound to. Default: none.
    pub constraints: NameConstraints,
    /// Where its lists, certificate and answers are found. Default: nowhere.
    pub urls: AuthorityUrls,
}

impl AuthorityParams {
    /// An authority of this name with the defaults.
    pub fn new(common_name: impl Into<String>) -> Self {
        Self {
            common_name: common_name.into(),
            key_type: KeyType::EcdsaP256,
            lifetime: Duration::from_secs(3_650 * 86_400),
            path_length: 0,
            constraints: NameConstraints::default(),
            urls: AuthorityUrls::default(),
        }
    }

    /// The end of validity of an authority made at `now`.
    pub(super) fn check(&self, now: UnixTime) -> Result<UnixTime, AuthorityError> {
        let refused = |what| Err(AuthorityError::BadParameter { what });
        let length = self.common_name.chars().count();
        if !(1..=64).contains(&length) || self.common_name.trim() != self.common_name {
            return refused("the common name must have 1 to 64 characters and no space at its ends");
        }
        if self.common_name.chars().any(char::is_control) {
            return refused("the common name holds a control character");
        }
        if self.lifetime < SHORTEST {
            return refused("the lifetime must be at least an hour");
        }
        self.constraints.check()?;
        let not_after = now.plus(self.lifetime);
        // RFC 5280 §4.1.2.5: the last moment that can be written down.
        if now < UnixTime::from_secs(0) || not_after > LAST_MOMENT {
            return refused("the lifetime must end before the year 10000");
        }
        Ok(not_after)
    }
}

const SHORTEST: Duration = Duration::from_secs(3_600);
/// 9999-12-31T23:59:59Z.
const LAST_MOMENT: UnixTime = UnixTime::from_secs(253_402_300_799);
