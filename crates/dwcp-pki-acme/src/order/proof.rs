//! The proof that every name of an order is ours (RFC 8555 §7.5).

use super::{Ordering, Patience};
use crate::identifiers::{MOST_NAMES, name_of};
use crate::translate::{Tries, asked};
use crate::{
    AcmeError, AcmeProblem, ChallengeAnswer, ChallengeKind, Presented, ProblemKind, Responder, Said,
};
use dwcp_pki::SubjectName;
use instant_acme::{
    AuthorizationHandle, AuthorizationState, AuthorizationStatus, Challenge, ChallengeStatus, ChallengeType,
    Order, OrderStatus,
};
use std::sync::Arc;

impl Ordering<'_> {
    /// Shows what the authority wants to see, until the order is no longer pending. What is shown is withdrawn when this returns, is dropped, or
    /// panics.
    pub(super) async fn prove(
        &self,
        order: &mut Order,
        patience: &mut Patience<'_>,
    ) -> Result<(), AcmeError> {
        self.fetch(order).await?;
        let mut shown: Vec<Presented> = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let one = next.map_err(|error| crate::translate::translate(self.wire, error))?;
            match one.status {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => shown.push(self.answer(one).await?),
                _ => return Err(unproven(&one)),
            }
        }
        loop {
            match asked!(self.wire, Tries::repeatable(), status(order))? {
                OrderStatus::Pending => patience.wait().await?,
                OrderStatus::Invalid => return Err(self.why(order).await),
                _ => break,
            }
        }
        drop(shown);
        Ok(())
    }

    /// Fetches what has not been fetched. A stream of the library loses its place at an error, so it begins again.
    async fn fetch(&self, order: &mut Order) -> Result<(), AcmeError> {
        if order.state().authorizations.len() > MOST_NAMES {
            return Err(AcmeError::Answer {
                what: Said::new("an order with more authorizations than names"),
            });
        }
        asked!(self.wire, Tries::repeatable(), all_of(order))
    }

    /// Has one name's challenge answered and tells the authority to look.
    async fn answer(&self, mut one: AuthorizationHandle<'_>) -> Result<Presented, AcmeError> {
        let name = self.asked_for(&one)?;
        let (responder, kind) = self.responder(&one)?;
        // It was found by this kind a line ago.
        let gone = AcmeError::Answer { what: Said::new("a challenge is gone") };
        let mut challenge = one.challenge(library_kind(kind)).ok_or(gone)?;
        let key_authorization = challenge.key_authorization();
        let (token, key_authorization) = (challenge.token.as_str(), key_authorization.as_str());
        let answer = ChallengeAnswer { kind, name: &name, token, key_authorization };
        let shown = responder.present(answer).await.map_err(AcmeError::Responder)?;
        if challenge.status != ChallengeStatus::Pending {
            // It was told before the process ended: what it looks for is there again.
            return Ok(shown);
        }
        asked!(self.wire, Tries::repeatable(), challenge.set_ready()).map_err(|error| match error {
            AcmeError::Refused(problem) => {
                AcmeError::Unproven { name: Said::new(&name.to_string()), kind: Some(kind), problem }
            }
            other => other,
        })?;
        Ok(shown)
    }

    /// The name, if it is one of those that were asked for: for any other nothing is shown.
    fn asked_for(&self, one: &AuthorizationState) -> Result<SubjectName, AcmeError> {
        let name = name_of(one.identifier().identifier).filter(|name| self.request.names().contains(name));
        name.ok_or_else(|| AcmeError::Answer {
            what: Said::new("it wants proof for a name that was not asked for"),
        })
    }

    /// The first kind of challenge, in our order of preference, that the authority offers.
    fn responder(&self, one: &AuthorizationState) -> Result<(&Arc<dyn Responder>, ChallengeKind), AcmeError> {
        let offered = |kind: ChallengeKind| one.challenges.iter().any(|c| c.r#type == library_kind(kind));
        let ours = self
            .responders
            .iter()
            .flat_map(|responder| responder.kinds().iter().map(move |kind| (responder, *kind)));
        ours.into_iter().find(|(_, kind)| offered(*kind)).ok_or_else(|| no_challenge(one))
    }

    /// What is wrong with the authorization that failed, if one did.
    pub(super) async fn failed_authorization(
        &self,
        order: &mut Order,
    ) -> Result<Option<AcmeError>, AcmeError> {
        self.fetch(order).await?;
        let mut authorizations = order.authorizations();
        while let Some(next) = authorizations.next().await {
            let mut one = next.map_err(|error| crate::translate::translate(self.wire, error))?;
            if one.status != AuthorizationStatus::Valid {
                asked!(self.wire, Tries::repeatable(), refreshed(&mut one))?;
            }
            if !matches!(one.status, AuthorizationStatus::Valid | AuthorizationStatus::Pending) {
                return Ok(Some(unproven(&one)));
            }
        }
        Ok(None)
    }
}

async fn all_of(order: &mut Order) -> Result<(), instant_acme::Error> {
    let mut authorizations = order.authorizations();
    while let Some(next) = authorizations.next().await {
        next?;
    }
    Ok(())
}

pub(super) async fn status(order: &mut Order) -> Result<OrderStatus, instant_acme::Error> {
    Ok(order.refresh().await?.status)
}

async fn refreshed(one: &mut AuthorizationHandle<'_>) -> Result<(), instant_acme::Error> {
    one.refresh().await.map(drop)
}

/// The error for an authorization that is of no use any more, in the authority's words.
fn unproven(one: &AuthorizationState) -> AcmeError {
    let failed = one.challenges.iter().find(|challenge| challenge.error.is_some());
    let problem = failed.and_then(|challenge| challenge.error.as_ref());
    AcmeError::Unproven {
        name: Said::new(&one.identifier().to_string()),
        kind: failed.and_then(kind_of),
        problem: problem.map_or_else(
            || AcmeProblem {
                kind: ProblemKind::Unauthorized,
                status: 0,
                detail: Said::new(&format!("its authorization is {:?}", one.status).to_lowercase()),
                names: Vec::new(),
            },
            |problem| AcmeProblem::read(problem, 0),
        ),
    }
}

fn no_challenge(one: &AuthorizationState) -> AcmeError {
    let offered: Vec<String> = one
        .challenges
        .iter()
        .map(|challenge| match &challenge.r#type {
            ChallengeType::Http01 => "http-01".to_owned(),
            ChallengeType::Dns01 => "dns-01".to_owned(),
            ChallengeType::TlsAlpn01 => "tls-alpn-01".to_owned(),
            ChallengeType::Unknown(name) => name.clone(),
            _ => "another".to_owned(),
        })
        .collect();
    let name = Said::new(&one.identifier().to_string());
    AcmeError::NoChallenge { name, offered: Said::new(&offered.join(", ")) }
}

fn kind_of(challenge: &Challenge) -> Option<ChallengeKind> {
    match challenge.r#type {
        ChallengeType::Http01 => Some(ChallengeKind::Http01),
        ChallengeType::TlsAlpn01 => Some(ChallengeKind::TlsAlpn01),
        _ => None,
    }
}

fn library_kind(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::Http01 => ChallengeType::Http01,
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}
