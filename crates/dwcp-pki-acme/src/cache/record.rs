//! What all records have in common: one text for each, and nothing else is read.

use super::lines::{BadLine, Reading, Writing};
use super::{AccountRecord, LastRecord, OrderRecord, PauseRecord};
use zeroize::Zeroizing;

macro_rules! texts {
    ($($record:ty),*) => {$(
        impl $record {
            /// Reads the text of a record, at most 32 KiB. There is one text for each record: every other spelling is refused.
            ///
            /// # Errors
            /// [`BadLine`] with the first line that is wrong.
            pub fn parse(bytes: &[u8]) -> Result<Self, BadLine> {
                <Self as Record>::parse(bytes)
            }

            /// Its text, in memory that is wiped; `docs/formats/acme-cache.md` has the layout.
            ///
            /// # Errors
            /// [`BadLine`] with the first line that is too long or has characters that no record has.
            pub fn to_text(&self) -> Result<Zeroizing<Vec<u8>>, BadLine> {
                self.checked_text()
            }
        }
    )*};
}

texts!(AccountRecord, OrderRecord, LastRecord, PauseRecord);

/// A record of the cache.
pub(crate) trait Record: Sized {
    /// Its first line: the kind and the version.
    const HEAD: &'static str;

    /// Reads the lines after the first one.
    fn read(reading: &mut Reading<'_>) -> Result<Self, BadLine>;

    /// Writes them.
    fn write(&self, writing: &mut Writing);

    /// Reads a whole text of at most 32 KiB.
    fn parse(bytes: &[u8]) -> Result<Self, BadLine> {
        let mut reading = Reading::begin(bytes, Self::HEAD)?;
        let record = Self::read(&mut reading)?;
        reading.end()?;
        // Times and names have more than one spelling; the one that is written counts.
        let written = record.text();
        let lines = written.split(|byte| *byte == b'\n').zip(bytes.split(|byte| *byte == b'\n'));
        let differs = lines.enumerate().find(|(_, (written, read))| written != read);
        differs.map_or(Ok(record), |(at, _)| Err(BadLine { line: at + 1 }))
    }

    /// The whole text.
    fn text(&self) -> Zeroizing<Vec<u8>> {
        let mut writing = Writing::begin(Self::HEAD);
        self.write(&mut writing);
        writing.done()
    }

    /// The whole text, if it can be read again.
    fn checked_text(&self) -> Result<Zeroizing<Vec<u8>>, BadLine> {
        let text = self.text();
        Self::parse(&text)?;
        Ok(text)
    }
}
