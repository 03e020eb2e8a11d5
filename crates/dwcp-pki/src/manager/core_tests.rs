//! The state machine of one slot.
