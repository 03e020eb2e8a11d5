//! Reads fields one after the other and remembers where it is.

use super::error::{Fault, InspectError};

/// A position in a handshake message. Nothing is read beyond what a length allows, and every error names field and offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    pub(super) fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn fault(&self, field: &'static str, fault: Fault) -> InspectError {
        InspectError::Malformed { field, offset: self.offset, fault }
    }

    pub(super) fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], InspectError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(self.fault(field, Fault::Cut))?;
        self.rest = rest;
        self.offset += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, field: &'static str) -> Result<&'a [u8; N], InspectError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(self.fault(field, Fault::Cut))?;
        self.rest = rest;
        self.offset += N;
        Ok(taken)
    }

    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, InspectError> {
        let [byte] = *self.array(field)?;
        Ok(byte)
    }

    pub(super) fn number(&mut self, field: &'static str) -> Result<u16, InspectError> {
        Ok(u16::from_be_bytes(*self.array(field)?))
    }

    /// A vector with a length of one byte, between `least` and `most` bytes long.
    pub(super) fn short(
        &mut self,
        field: &'static str,
        least: usize,
        most: usize,
    ) -> Result<Self, InspectError> {
        let start = *self;
        let length = usize::from(self.byte(field)?);
        self.vector(start, length, field, least..=most)
    }

    /// A vector with a length of two bytes, at least `least` bytes long.
    pub(super) fn long(&mut self, field: &'static str, least: usize) -> Result<Self, InspectError> {
        let start = *self;
        let length = usize::from(self.number(field)?);
        self.vector(start, length, field, least..=usize::from(u16::MAX))
    }

    /// This is the end of `field`.
    pub(super) fn end(&self, field: &'static str) -> Result<(), InspectError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fault(field, Fault::LeftOver)) }
    }

    /// What is left is a list of two-byte numbers.
    pub(super) fn numbers(self, field: &'static str) -> Result<&'a [u8], InspectError> {
        if self.rest.len().is_multiple_of(2) { Ok(self.rest) } else { Err(self.fault(field, Fault::Odd)) }
    }

    fn vector(
        &mut self,
        start: Self,
        length: usize,
        field: &'static str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<Self, InspectError> {
        if length < *range.start() {
            return Err(start.fault(field, Fault::TooShort));
        }
        if length > *range.end() {
            return Err(start.fault(field, Fault::TooLong));
        }
        let offset = self.offset;
        let bytes = self.take(length, field).map_err(|_| start.fault(field, Fault::Cut))?;
        Ok(Self::at(bytes, offset))
    }
}
