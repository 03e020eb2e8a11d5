//! The first seam: may this newcomer be read from at all?

use crate::{Arrival, Refusal};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Judges a newcomer before a byte of it is read.
///
/// It is called on the accept path of every listener, so it must not block, allocate or sleep. The permit is kept for as
/// long as the connection lives and given back by dropping it, which is how concurrent connections are counted.
pub trait Admit: Send + Sync {
    /// What an admitted connection holds until it ends; `()` where nothing is counted.
    type Permit: Send + 'static;

    /// Lets the newcomer in or refuses it.
    ///
    /// # Errors
    /// The [`Refusal`]; the connection is then reset without an answer.
    fn admit(&self, arrival: &Arrival) -> Result<Self::Permit, Refusal>;

    /// Is told that the newcomer has become a session: handshake and policy were good. Does nothing by default.
    fn established(&self, arrival: &Arrival, permit: &Self::Permit) {
        let _ = (arrival, permit);
    }
}

/// Lets everybody in: for tests, and for listeners that something else protects.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdmitAll;

impl Admit for AdmitAll {
    type Permit = ();

    fn admit(&self, _arrival: &Arrival) -> Result<(), Refusal> {
        Ok(())
    }
}

impl<A: Admit + ?Sized> Admit for Arc<A> {
    type Permit = A::Permit;

    fn admit(&self, arrival: &Arrival) -> Result<A::Permit, Refusal> {
        (**self).admit(arrival)
    }

    fn established(&self, arrival: &Arrival, permit: &A::Permit) {
        (**self).established(arrival, permit);
    }
}

/// Any [`Admit`] behind one type, for callers that pick it at run time. Costs one allocation per admitted newcomer whose
/// permit has a size; refusing allocates nothing.
#[derive(Clone)]
pub struct BoxedAdmit(Arc<dyn ErasedAdmit>);

impl BoxedAdmit {
    /// Wraps `admit`.
    pub fn new(admit: impl Admit + 'static) -> Self {
        Self(Arc::new(admit))
    }
}

impl Admit for BoxedAdmit {
    type Permit = BoxedPermit;

    fn admit(&self, arrival: &Arrival) -> Result<BoxedPermit, Refusal> {
        self.0.admit_boxed(arrival)
    }

    fn established(&self, arrival: &Arrival, permit: &BoxedPermit) {
        self.0.established_boxed(arrival, permit);
    }
}

impl fmt::Debug for BoxedAdmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedAdmit")
    }
}

/// The permit of a [`BoxedAdmit`]: dropping it drops the one inside.
pub struct BoxedPermit(Box<dyn Any + Send>);

impl fmt::Debug for BoxedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxedPermit")
    }
}

trait ErasedAdmit: Send + Sync {
    fn admit_boxed(&self, arrival: &Arrival) -> Result<BoxedPermit, Refusal>;
    fn established_boxed(&self, arrival: &Arrival, permit: &BoxedPermit);
}

impl<A: Admit> ErasedAdmit for A {
    fn admit_boxed(&self, arrival: &Arrival) -> Result<BoxedPermit, Refusal> {
        self.admit(arrival).map(|permit| BoxedPermit(Box::new(permit)))
    }

    fn established_boxed(&self, arrival: &Arrival, permit: &BoxedPermit) {
        // A permit of another gate is nothing this one has counted.
        if let Some(permit) = permit.0.downcast_ref() {
            self.established(arrival, permit);
        }
    }
}
