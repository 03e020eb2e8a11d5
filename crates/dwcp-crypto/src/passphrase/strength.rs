//! How easily a passphrase is guessed, as zxcvbn sees it.

use super::{Weakness, encoded};
use crate::Secret;
use zxcvbn::feedback::Warning;
use zxcvbn::{Score, zxcvbn};

/// What makes the passphrase easy to guess, if it is.
pub(super) fn weakness(passphrase: &[u8]) -> Option<Weakness> {
    let judged = judged(passphrase);
    // It was built from characters: this can not fail, and if it could, nothing would be judged good.
    let Ok(text) = std::str::from_utf8(judged.expose()) else { return Some(Weakness::Short) };
    let verdict = zxcvbn(text, OURS);
    if verdict.score() >= Score::Three {
        return None;
    }
    let warning = verdict.feedback().and_then(|feedback| feedback.warning());
    Some(warning.map_or(Weakness::Short, translated))
}

/// As many characters as are looked at: judging takes more than twice as long for twice as many. Bytes that are no text count as one
/// character each.
fn judged(passphrase: &[u8]) -> Secret {
    match std::str::from_utf8(passphrase) {
        Ok(text) => encoded(|| text.chars().take(JUDGED)),
        Err(_) => encoded(|| passphrase.iter().copied().map(char::from).take(JUDGED)),
    }
}

fn translated(warning: Warning) -> Weakness {
    match warning {
        Warning::ThisIsATop10Password | Warning::ThisIsATop100Password | Warning::ThisIsACommonPassword => {
            Weakness::Common
        }
        Warning::ThisIsSimilarToACommonlyUsedPassword => Weakness::NearlyCommon,
        Warning::AWordByItselfIsEasyToGuess => Weakness::Word,
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess
        | Warning::CommonNamesAndSurnamesAreEasyToGuess => Weakness::Name,
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => {
            Weakness::Keyboard
        }
        Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
            Weakness::Repeats
        }
        Warning::SequencesLikeAbcAreEasyToGuess => Weakness::Sequence,
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => Weakness::Date,
    }
}

const JUDGED: usize = 100;

/// Words that are nearer at hand here than elsewhere.
const OURS: &[&str] = &["dwcp", "passphrase", "keyring", "encrypt", "decrypt"];
