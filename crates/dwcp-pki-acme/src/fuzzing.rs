//! For the fuzzer alone: every reader of an authority's answers, and what it promises.

use crate::directory::Directory;
use crate::{AcmeProblem, ari};
use dwcp_base::UnixTime;
use dwcp_https::HttpsUrl;

/// Reads bytes of an authority by every reader of this crate.
///
/// # Panics
/// When what one of them makes of it breaks its promise.
pub fn read_as_answers(bytes: &[u8]) {
    if let Ok(url) = "https://ca.example/dir".parse::<HttpsUrl>()
        && let Ok(directory) = Directory::read(url, bytes)
    {
        // What is handed on is taken without a look.
        let checked = serde_json::from_slice::<serde_json::Value>(&directory.checked_json());
        let nonce = checked.ok().and_then(|all| all.get("newNonce")?.as_str()?.parse::<http::Uri>().ok());
        assert!(nonce.is_some_and(|uri| uri.scheme_str() == Some("https")));
    }
    let now = UnixTime::from_secs(1_800_000_000);
    if let Ok(kept) = ari::read(bytes, None, u64::MAX, now) {
        assert!(kept.start <= kept.renew_at && kept.renew_at <= kept.end);
    }
    let problem = match serde_json::from_slice(bytes) {
        Ok(problem) => AcmeProblem::read(&problem, 400),
        Err(_) => AcmeProblem::unread(502, bytes),
    };
    assert!(problem.to_string().len() < 16 * 1_024 && !problem.to_string().contains(char::is_control));
}
