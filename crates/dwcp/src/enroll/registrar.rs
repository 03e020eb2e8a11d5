//! What a machine can ask for: to join with a token, and to renew what it has. One at a time, each step on disk before the next.

use super::error::EnrollError;
use super::member::Member;
use super::members::Members;
use super::names::{NameFault, taken};
use super::pace::Pace;
use super::record::{TokenRecord, TokenState};
use super::token::{TokenId, TokenSecret};
use super::tokens::{Held, Tokens};
use dwcp_base::{Disk, UnixTime};
use dwcp_crypto::constant_time_eq;
use dwcp_pki::{
    Certificate, CertificateAuthority, CertificateChain, CertificateRequest, IssuancePolicy,
    RevocationReason, SpiffeId, SubjectName, TrustDomain,
};
use std::path::Path;
use std::sync::Arc;

/// Grants certificates to whoever holds a token, and to members. Calls wait for the disk: not for an event loop.
pub struct Registrar {
    authority: Arc<CertificateAuthority>,
    policy: IssuancePolicy,
    domain: TrustDomain,
    tokens: Tokens,
    members: Members,
    pace: Pace,
}

/// What was granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The certificate and the authorities above it but the root.
    pub chain: CertificateChain,
    /// Whose it is.
    pub identity: SpiffeId,
}

impl Registrar {
    /// A registrar for the authority in `ca_dir`, which grants by `policy` names of `domain`.
    pub fn new(
        authority: Arc<CertificateAuthority>,
        policy: IssuancePolicy,
        domain: TrustDomain,
        disk: &Arc<dyn Disk>,
        ca_dir: &Path,
    ) -> Self {
        let (tokens, members) = (Tokens::of(Arc::clone(disk), ca_dir), Members::of(Arc::clone(disk), ca_dir));
        Self { authority, policy, domain, tokens, members, pace: Pace::default() }
    }

    /// Who joined.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Certifies the key of a request in PEM for whoever shows a token; `own` are the names of the node that holds the authority.
    ///
    /// That the token is spent is on stable storage before the authority signs, so that it never gets two certificates, whatever dies in
    /// between. A request that is refused for what it asks leaves the token as it is.
    ///
    /// # Errors
    /// [`EnrollError`]. After a failure of the disk the token may be spent, and nothing was granted that stands.
    pub fn join(
        &self,
        id: &TokenId,
        secret: &TokenSecret,
        request: &[u8],
        own: &[SubjectName],
        now: UnixTime,
    ) -> Result<Granted, EnrollError> {
        // Whoever does not hold a token waits for nobody and makes nobody wait.
        self.shown(id, secret)?;
        let held = self.tokens.held()?;
        let mut token = self.shown(id, secret)?;
        match &token.state {
            TokenState::Spent { at, .. } => return Err(EnrollError::TokenSpent { spent: *at }),
            TokenState::Revoked { .. } => return Err(EnrollError::TokenUnknown),
            TokenState::Open if now >= token.expires => {
                return Err(EnrollError::TokenExpired { expired: token.expires });
            }
            TokenState::Open if token.is_early(now) => {
                return Err(EnrollError::TokenEarly { from: token.created });
            }
            TokenState::Open => {}
        }
        let request = CertificateRequest::from_pem(request).map_err(EnrollError::Request)?;
        let identity = self.judge_names(&token, request.names(), own, now)?;
        let names = token.grant.allowed(&self.domain).ok_or(EnrollError::Grant)?;
        let policy = self.policy.clone().with_names(names);
        self.authority.would_grant(&request, &policy, now).map_err(EnrollError::of_authority)?;
        if self.members.read(&identity)?.is_none() {
            self.members.check_room(&held)?;
        }

        token.state = TokenState::Spent { at: now, pin: request.key_pin(), identity: identity.clone() };
        self.tokens.write(&held, &token)?;
        let chain = self.authority.issue(&request, &policy, now).map_err(EnrollError::of_authority)?;
        let leaf = chain.leaf();
        let member = Member {
            identity: identity.clone(),
            names: leaf.names().to_vec(),
            ttl: policy.ttl().as_secs(),
            serials: vec![leaf.serial()],
            token: token.id,
            joined: now,
            renewed: now,
        };
        self.keep(&held, &member, leaf, now)?;
        Ok(Granted { chain, identity })
    }

    /// Certifies a new key, in a request in PEM, for the holder of `holder`.
    ///
    /// # Security
    /// That the caller holds the key of `holder` and that its chain is trusted now is the caller's to have checked, as a mutual TLS
    /// handshake does. That it was issued here, to a member, and not revoked, is checked here.
    ///
    /// # Errors
    /// [`EnrollError`].
    pub fn renew(&self, holder: &Certificate, request: &[u8], now: UnixTime) -> Result<Granted, EnrollError> {
        let identity = holder.names().iter().find_map(SubjectName::spiffe_id);
        let identity = identity.ok_or(EnrollError::IdentityUnknown)?;
        let ttl = self.policy.ttl();
        let in_time =
            || self.pace.wait(&identity, ttl, now).map_or(Ok(()), |wait| Err(EnrollError::Often { wait }));
        // Whoever comes too often makes nobody wait.
        in_time()?;
        let held = self.tokens.held()?;
        in_time()?;
        let mut member = self.member(&identity)?;
        let serial = holder.serial();
        if !member.serials.contains(&serial) {
            return Err(EnrollError::IdentitySuperseded);
        }
        // Whoever has one certificate of a line may have the other: a line of which one is revoked ends.
        if self.authority.any_revoked(&member.serials).map_err(EnrollError::of_authority)? {
            return Err(EnrollError::IdentityRevoked);
        }
        let request = CertificateRequest::from_pem(request).map_err(EnrollError::Request)?;
        if sorted(request.names()) != sorted(&member.names) {
            return Err(EnrollError::Name(NameFault::Others));
        }
        let chain =
            self.authority.renew(holder, &request, &self.policy, now).map_err(EnrollError::of_authority)?;
        let leaf = chain.leaf();
        self.pace.note(&identity, ttl, now);
        member.renewed_by(serial, leaf.serial(), ttl.as_secs(), now);
        self.keep(&held, &member, leaf, now)?;
        Ok(Granted { chain, identity })
    }

    /// The member of exactly this identity.
    ///
    /// # Errors
    /// [`EnrollError::IdentityUnknown`], and what the disk says.
    pub fn member(&self, identity: &SpiffeId) -> Result<Member, EnrollError> {
        let member = self.members.read(identity)?.filter(|member| member.identity == *identity);
        member
            .filter(|member| member.identity.trust_domain() == &self.domain)
            .ok_or(EnrollError::IdentityUnknown)
    }

    /// The record of a token whose secret was shown.
    fn shown(&self, id: &TokenId, secret: &TokenSecret) -> Result<TokenRecord, EnrollError> {
        let record = self.tokens.read(id)?;
        let kept = record.as_ref().map_or([0; 32], |record| record.secret);
        // What is not there is compared with as well, with something that no secret has as its digest.
        let is_shown = constant_time_eq(&kept, &secret.digest());
        record.filter(|_| is_shown).ok_or(EnrollError::TokenUnknown)
    }

    fn judge_names(
        &self,
        token: &TokenRecord,
        asked: &[SubjectName],
        own: &[SubjectName],
        now: UnixTime,
    ) -> Result<SpiffeId, EnrollError> {
        let identity = token.grant.identity(asked, &self.domain).map_err(EnrollError::Name)?;
        let issued = self.authority.issued().map_err(EnrollError::of_authority)?;
        if let Some(name) = taken(asked, own, &issued, now) {
            return Err(EnrollError::Name(NameFault::Taken(name.clone())));
        }
        // A member without a certificate that stands has its name still; it is let in again by a token for that name alone.
        let again = |member: Member| token.grant.is_for(&identity) && member.identity == identity;
        match self.members.read(&identity)?.map(again) {
            None | Some(true) => Ok(identity),
            Some(false) => {
                let name = SubjectName::Uri(identity.to_string());
                Err(EnrollError::Name(NameFault::Taken(name)))
            }
        }
    }

    /// Keeps a member; where that fails nobody gets the certificate that was just issued.
    fn keep(
        &self,
        held: &Held,
        member: &Member,
        leaf: &Certificate,
        now: UnixTime,
    ) -> Result<(), EnrollError> {
        self.members.write(held, member).inspect_err(|_| {
            // What failed first is what is reported.
            let _ = self.authority.revoke(&leaf.serial(), RevocationReason::CessationOfOperation, now);
        })
    }
}

fn sorted(names: &[SubjectName]) -> Vec<&SubjectName> {
    let mut names: Vec<_> = names.iter().collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
#[path = "registrar_tests.rs"]
mod tests;
