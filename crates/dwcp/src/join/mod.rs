//! The side of enrolment that asks: joining by a token, renewing by the certificate that was granted, and the bundle of the mesh.

mod answer;
mod ask;
mod first;
mod renewal;

#[cfg(test)]
mod conformance_tests;

pub(crate) use answer::Bundle;
pub(crate) use first::{JoinError, Joined, join};
pub(crate) use renewal::{MeshError, MeshProvider};
