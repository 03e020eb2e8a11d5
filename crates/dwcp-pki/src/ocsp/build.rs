//! Makes signed responses, byKey and by the issuer's own key.

use super::asn1::{
    BASIC, ResponderId, ResponseBytes, ResponseData, ResponseFields, ResponseStatus, SingleResponse, Version,
};
use super::cert_id::{CertId, key_hash};
use super::nonce::OcspNonce;
use super::response::OcspResponse;
use super::status::{CertStatus, date};
use super::verdict::check_signer;
use crate::signed_form::{self, SignError};
use crate::{AuthorityError, Certificate};
use der::Encode;
use der::asn1::OctetString;
use dwcp_base::UnixTime;
use dwcp_crypto::Signer;

/// From when to when answers hold.
#[derive(Clone, Copy)]
pub(crate) struct Validity {
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: UnixTime,
}

/// Signs answers in the order of the questions, and checks what came out: what does not verify never leaves.
pub(crate) fn sign(
    answers: &[(&CertId, CertStatus)],
    nonce: Option<&OcspNonce>,
    validity: Validity,
    issuer: &Certificate,
    key: &dyn Signer,
) -> Result<OcspResponse, AuthorityError> {
    let data = data(answers, nonce, validity, issuer)?;
    let signed =
        signed_form::sign(&data.to_der().map_err(encoding)?, key).map_err(SignError::into_authority)?;
    let fields = ResponseFields {
        status: ResponseStatus::Successful,
        bytes: Some(ResponseBytes { kind: BASIC, response: OctetString::new(signed).map_err(encoding)? }),
    };
    let response = OcspResponse::from_der(&fields.to_der().map_err(encoding)?)
        .map_err(|_| AuthorityError::Defective { rule: "the OCSP response does not read back" })?;
    let holds = response.content().is_ok_and(|basic| {
        check_signer(basic, issuer, validity.this_update).is_ok() && basic.singles.len() == answers.len()
    });
    match holds {
        true => Ok(response),
        false => Err(AuthorityError::Defective { rule: "the OCSP response does not verify" }),
    }
}

fn data(
    answers: &[(&CertId, CertStatus)],
    nonce: Option<&OcspNonce>,
    validity: Validity,
    issuer: &Certificate,
) -> Result<ResponseData, AuthorityError> {
    let key_hash = key_hash(issuer).map_err(|source| AuthorityError::Certificate { source })?;
    let moment = |at| {
        date(at)
            .map_err(|_| AuthorityError::BadParameter { what: "a date lies outside the years 1970 to 9999" })
    };
    let (this_update, next_update) = (moment(validity.this_update)?, moment(validity.next_update)?);
    let single = |(id, status): &(&CertId, CertStatus)| {
        Ok(SingleResponse {
            cert_id: id.fields.clone(),
            status: status.encode()?,
            this_update,
            next_update: Some(next_update),
            extensions: None,
        })
    };
    Ok(ResponseData {
        version: Version::V1,
        // RFC 5019 §2.2.1: byKey, the shorter of the two, and the same whatever the issuer's name is.
        responder: ResponderId::ByKey(OctetString::new(key_hash).map_err(encoding)?),
        produced_at: this_update,
        responses: answers.iter().map(single).collect::<der::Result<_>>().map_err(encoding)?,
        extensions: nonce
            .map(|nonce| nonce.to_extension().map(|one| vec![one]))
            .transpose()
            .map_err(encoding)?,
    })
}

fn encoding(error: der::Error) -> AuthorityError {
    AuthorityError::Encoding { source: Box::new(error) }
}
