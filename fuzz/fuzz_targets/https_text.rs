//! What a server's words become: a URL means one thing and stays where it is, a wait is bounded.
#![no_main]
use dwcp_base::UnixTime;
use dwcp_https::{HttpsUrl, LONGEST_WAIT, retry_after};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (&str, &str, i64)| {
    let (text, path, millis) = data;
    if let Some(wait) = retry_after(text, UnixTime::from_millis(millis)) {
        assert!(wait <= LONGEST_WAIT);
    }
    if let Ok(url) = text.parse::<HttpsUrl>() {
        let written = url.to_string();
        assert!(written.starts_with("https://") && written.len() <= 2_048 && written.is_ascii());
        assert_eq!(written.parse::<HttpsUrl>().as_ref(), Ok(&url));
        assert!(text.to_ascii_lowercase().contains(url.host()) || url.host().starts_with('['));
        if let Ok(below) = url.join(path) {
            assert!(below.same_origin(&url));
            assert!(below.path().starts_with(url.path().trim_end_matches('/')));
        }
    }
});
