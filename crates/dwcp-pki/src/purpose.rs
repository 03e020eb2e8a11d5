//! What a certificate is used for.

use thiserror::Error;

/// What a certificate is about to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Its holder answers connections: the extended key usage must name serverAuth.
    Server,
    /// Its holder opens connections: the extended key usage must name clientAuth.
    Client,
    /// Not said: the extended key usage is not looked at. For inspection, never to let somebody in.
    Any,
}

/// How a leaf fails its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PurposeFault {
    /// The leaf carries no extended key usage.
    #[error("it names no extended key usage")]
    Missing,
    /// It names anyExtendedKeyUsage, which stands for everything and so for nothing.
    #[error("it claims any extended key usage")]
    AnyUsage,
    /// It does not name the purpose.
    #[error("its extended key usage does not cover the purpose")]
    Other,
    /// It is a certificate authority's own certificate.
    #[error("it is the certificate of an authority")]
    IsAuthority,
    /// Its key usage leaves out digitalSignature, without which it can not sign a handshake.
    #[error("its key may not sign")]
    CanNotSign,
}
