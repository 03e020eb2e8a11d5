//! The rules that a profile adds, by name.

use thiserror::Error;

/// A rule about the form of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProfileRule {
    /// RFC 5280 §4.1.2.1: extensions need version 3.
    #[error("it is not version 3")]
    Version,
    /// RFC 5280 §4.1.2.4.
    #[error("its issuer has no name")]
    IssuerEmpty,
    /// RFC 5280 §4.1.2.6.
    #[error("it is an authority without a name")]
    AuthorityNameless,
    /// RFC 5280 §4.2: an extension that stands in it is not what its standard says.
    #[error("one of its extensions can not be read")]
    ExtensionUnreadable,
    /// RFC 5280 §4.2.1.9: the basic constraints of an anchor are critical. Of an authority below one they count either way.
    #[error("it is an anchor without critical basic constraints")]
    BasicConstraints,
    /// RFC 5280 §4.2.1.9: a path length is the authority's alone.
    #[error("it has a path length and is no authority")]
    PathLength,
    /// RFC 5280 §4.2.1.3: the key usage of an authority below an anchor is there and names keyCertSign.
    #[error("it is an authority whose key usage does not name keyCertSign")]
    CertSign,
    /// RFC 5280 §4.2.1.2.
    #[error("it is an authority without a subject key identifier")]
    SubjectKeyIdMissing,
    /// RFC 5280 §4.2.1.2.
    #[error("its subject key identifier is critical")]
    SubjectKeyIdCritical,
    /// RFC 5280 §4.2.1.1.
    #[error("it has no authority key identifier")]
    AuthorityKeyIdMissing,
    /// RFC 5280 §4.2.1.1.
    #[error("its authority key identifier is critical")]
    AuthorityKeyIdCritical,
    /// RFC 5280 §4.2.1.1: another certificate of the issuer is meant.
    #[error("its authority key identifier is not that of its issuer")]
    AuthorityKeyIdMismatch,
    /// CA/Browser Forum BR §7.1.2.1.3: a root refers to itself by the identifier of its key alone.
    #[error("it is a root whose authority key identifier names more or other than its own key")]
    RootAuthorityKeyId,
    /// RFC 5280 §4.2.1.10.
    #[error("its name constraints are not critical")]
    NameConstraintsNotCritical,
    /// RFC 5280 §4.2.1.10: they are an authority's alone.
    #[error("it has name constraints and is no authority")]
    NameConstraintsMisplaced,
    /// RFC 5280 §4.2.1.10: a base that is no name of its kind, or a distance from it.
    #[error("a name constraint is malformed")]
    NameConstraintMalformed,
    /// RFC 5280 §6.1: an authority, or this side, requires a policy, and the path is valid for none that is acceptable. Asked in
    /// both profiles. Where such a constraint is critical, as it should be, webpki refuses the chain before.
    #[error("a certificate policy is required, and the path has none that is acceptable")]
    PoliciesRequired,
    /// RFC 5280 §4.2.1.4, §4.2.1.5: a policy named twice, mapped from or to anyPolicy, or more than 64 of them.
    #[error("its certificate policies contradict themselves")]
    PoliciesMalformed,
    /// CA/Browser Forum BR §7.1.2.7.6: who does not know a usage ignores it.
    #[error("its extended key usage is critical")]
    ExtendedKeyUsageCritical,
    /// CA/Browser Forum BR §7.1.2.1.2: a root is for everything below it.
    #[error("it is a root with an extended key usage")]
    RootExtendedKeyUsage,
    /// RFC 5280 §4.2.1.6: critical where the subject is empty, and there alone.
    #[error("its alternative names are critical and its subject is not empty, or the other way round")]
    AlternativeNamesCriticality,
    /// RFC 5280 §4.2.1.6.
    #[error("it has no name at all")]
    Nameless,
    /// RFC 5280 §4.2.1.6, RFC 1034 §3.5.
    #[error("one of its DNS names is not written as a host name")]
    HostName,
    /// CA/Browser Forum BR §7.1.4.3: what looks like a host is one of the alternative names, letter by letter.
    #[error("its common name is a host that is not among its alternative names")]
    CommonName,
    /// RFC 5280 §4.2.2.1, §4.2.2.2.
    #[error("its authority information access is critical or malformed")]
    InformationAccess,
    /// RFC 5280 §4.1.2.3, CA/Browser Forum BR §6.1.5: a key of a kind or size that is not accepted.
    #[error("its key is of a kind or size that is not accepted")]
    Key,
}

impl ProfileRule {
    /// Its name for machines: stable, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::IssuerEmpty => "issuer_empty",
            Self::AuthorityNameless => "authority_nameless",
            Self::ExtensionUnreadable => "extension_unreadable",
            Self::BasicConstraints => "basic_constraints",
            Self::PathLength => "path_length",
            Self::CertSign => "cert_sign",
            Self::SubjectKeyIdMissing => "subject_key_id_missing",
            Self::SubjectKeyIdCritical => "subject_key_id_critical",
            Self::AuthorityKeyIdMissing => "authority_key_id_missing",
            Self::AuthorityKeyIdCritical => "authority_key_id_critical",
            Self::AuthorityKeyIdMismatch => "authority_key_id_mismatch",
            Self::RootAuthorityKeyId => "root_authority_key_id",
            Self::NameConstraintsNotCritical => "name_constraints_not_critical",
            Self::NameConstraintsMisplaced => "name_constraints_misplaced",
            Self::NameConstraintMalformed => "name_constraint_malformed",
            Self::PoliciesRequired => "policies_required",
            Self::PoliciesMalformed => "policies_malformed",
            Self::ExtendedKeyUsageCritical => "extended_key_usage_critical",
            Self::RootExtendedKeyUsage => "root_extended_key_usage",
            Self::AlternativeNamesCriticality => "alternative_names_criticality",
            Self::Nameless => "nameless",
            Self::HostName => "host_name",
            Self::CommonName => "common_name",
            Self::InformationAccess => "information_access",
            Self::Key => "key",
        }
    }
}
