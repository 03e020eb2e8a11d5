#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate self as dwcp_pki;

mod allow_list;
mod authority;
mod certificate;
mod chain;
mod chain_fault;
mod credential;
mod crl;
mod event;
mod extensions;
mod fields;
mod file_issuer;
mod identity;
pub mod inspect;
mod issued_check;
mod key_file;
mod key_pin;
mod leaf_marks;
mod manager;
mod name_error;
mod names;
mod obtain;
mod ocsp;
mod parse_error;
mod pattern;
mod pem;
mod provider;
mod purpose;
mod request;
mod schedule;
mod serial;
mod served;
mod signature;
mod signed_form;
mod signer;
mod slot;
mod spiffe;
mod store;
mod swap;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;
mod tlv;
mod trial;
mod trust;
mod validation_error;
#[cfg(feature = "watch")]
pub mod watch;
mod window;

pub use allow_list::{AllowList, Denial, Grant};
pub use authority::{
    AllowedNames, AuthorityError, AuthorityKey, AuthorityParams, AuthorityUrls, BadLifetime, BadSubtree,
    BadUrl, CertificateAuthority, HttpUrl, IssuancePolicy, IssuedRecord, IssuedStanding, KeyStorage,
    NameConstraints, NameRule, NameSubtree, Refusal, Revocation, RevocationReason, Revoked,
    SelfSignedProvider, UnknownReason, Usage,
};
pub use certificate::Certificate;
pub use chain::{CertificateChain, MAX_PRESENTED};
pub use chain_fault::ChainFault;
pub use credential::{Credential, CredentialError};
pub use crl::{Crl, CrlNumber, DeltaCrl};
pub use event::{Event, OverdueLevel};
pub use file_issuer::{BadFileStem, Displaced, FileProvider, FileStem, Unfinished};
pub use identity::{Peer, PeerIdentity, RevocationChecked, WhyAnonymous};
pub use issued_check::{IssuedFault, check_issued};
pub use key_file::{KeyFileError, private_key_pem};
pub use key_pin::{BadKeyPin, KeyPin};
pub use leaf_marks::PublicMark;
pub use manager::{
    Activation, BadRecord, CertificateManager, ManagedSlot, ManagerError, NextStep, Ordered, Pause, Renewal,
    Renewed, ScheduleRecord, SlotError,
};
pub use name_error::NameError;
pub use names::SubjectName;
pub use obtain::{FirstTrust, obtain};
pub use ocsp::{
    CertIdHash, CertStatus, OcspAnswer, OcspError, OcspNonce, OcspProblem, OcspRefusal, OcspRequest,
    OcspResponder, OcspResponse, OcspVerdict,
};
pub use parse_error::{Document, ParseError};
pub use pattern::{IdentityPattern, PatternError};
pub use provider::{BoxFuture, Cause, CertProvider, EmbeddedProvider, Issued, ProviderError};
pub use purpose::{Purpose, PurposeFault};
pub use request::{CertificateRequest, RequestError};
pub use schedule::{Lead, RenewalSchedule, WindowUse};
pub use serial::Serial;
pub use served::{
    Challenges, FurtherCertificate, FurtherCertificates, FurtherError, IdentityKind, ServedCertificates,
    ShownFor, Staple, StapleError,
};
pub use slot::{Failure, SlotPhase, SlotSpec, SlotState};
pub use spiffe::{SpiffeId, TrustDomain};
pub use store::{CertificateStore, Generation, InstallError};
pub use trial::{Trial, TrialFault};
pub use trust::{
    AnchorScope, BadPolicy, Evidence, PathStep, PolicyRequirements, Profile, ProfileRule, RevocationIndex,
    RevocationMode, TrustBundle, TrustError, TrustPath, TrustStore, UnknownProfile, check_server_name,
};
pub use validation_error::{ChainMember, ChainPlace, ValidationError};
pub use window::{BadWindow, Window};
