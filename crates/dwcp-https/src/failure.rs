//! What the engine says of a failure, sorted by who is to blame.

use crate::{Detail, HttpsError};
use std::error::Error;
use std::io;
use std::time::Duration;

/// The failure of a question to `place`, which had `deadline`.
pub(crate) fn of(error: &reqwest::Error, place: &str, deadline: Duration) -> HttpsError {
    let place = place.to_owned();
    if let Some(tls) = layers(error).find_map(tls_of) {
        let source = Detail::of(tls);
        // The reason has no name among those of rustls: it hands on what the judge of certificates said.
        return match source.to_string().contains("CaUsedAsEndEntity") {
            true => HttpsError::Tls { place, source: Detail::authority() },
            false => HttpsError::Tls { place, source },
        };
    }
    // What lies below names no URL: its query may hold what is nobody's business.
    let source = error.source().map(Detail::of).unwrap_or_default();
    if error.is_timeout() {
        return HttpsError::TimedOut { place, deadline };
    }
    if error.is_connect() {
        return HttpsError::Unreachable { place, source };
    }
    match layers(error).any(is_end) {
        true => HttpsError::BrokenOff { place, source },
        false => HttpsError::Protocol { place, source },
    }
}

/// The failure of the engine that lies somewhere under an error, if one does.
pub(crate) fn under(error: &(dyn Error + 'static), place: &str, deadline: Duration) -> Option<HttpsError> {
    layers(error).find_map(|error| Some(of(error.downcast_ref::<reqwest::Error>()?, place, deadline)))
}

/// The error and all that lies under it. What an [`io::Error`] carries counts too, which its `source` steps over.
fn layers<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| below(*error))
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|carried| carried as &(dyn Error + 'static)),
        None => error.source(),
    }
}

fn tls_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    error.downcast_ref::<rustls::Error>().map(|tls| tls as &(dyn Error + 'static))
}

/// Whether the connection ended, and not what came over it was wrong.
fn is_end(error: &(dyn Error + 'static)) -> bool {
    let at_a_loss = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    error.downcast_ref::<io::Error>().is_some_and(|io| !at_a_loss.contains(&io.kind()))
        || error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed() || error.is_canceled())
}
