//! What must be in no text of an error.

use std::error::Error;

/// The first thing that must not be there, described without showing it.
pub(super) fn found_in(error: &(dyn Error + 'static), secrets: &[String]) -> Option<String> {
    let mut level: Option<&(dyn Error + 'static)> = Some(error);
    // A cause that is its own cause would never end.
    for depth in 0..DEEPEST {
        let current = level?;
        for (form, text) in [("Display", current.to_string()), ("Debug", format!("{current:?}"))] {
            if text.contains("PRIVATE KEY") {
                return Some(format!("the {form} of the error at depth {depth} has a private key"));
            }
            if let Some(at) =
                secrets.iter().position(|secret| !secret.is_empty() && text.contains(secret.as_str()))
            {
                return Some(format!(
                    "the {form} of the error at depth {depth} has secret {at} of the means"
                ));
            }
        }
        level = current.source();
    }
    None
}

const DEEPEST: usize = 32;
