//! Walks the fields of a DER SEQUENCE without building them, so that raw bytes can be kept as they were signed.

use der::{Header, Reader, SliceReader, Tag};

/// The fields of one constructed DER value, in order.
pub(crate) struct Fields<'a> {
    reader: Option<SliceReader<'a>>,
}

/// One field: its tag, its content, and the whole of it with the header.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) tag: Tag,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `der`, which must be one SEQUENCE and nothing after it.
    pub(crate) fn of_sequence(der: &'a [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(der)?;
        let whole = outer.tlv_bytes()?;
        outer.finish()?;
        let field = Field::new(whole)?;
        field.expect(Tag::Sequence)?;
        Self::of_content(field.content)
    }

    /// The fields of the content of a constructed value.
    pub(crate) fn of_content(content: &'a [u8]) -> der::Result<Self> {
        Ok(Self { reader: if content.is_empty() { None } else { Some(SliceReader::new(content)?) } })
    }

    /// The next field, or `None` at the end.
    pub(crate) fn next(&mut self) -> der::Result<Option<Field<'a>>> {
        match &mut self.reader {
            Some(reader) if !reader.is_finished() => Field::new(reader.tlv_bytes()?).map(Some),
            _ => Ok(None),
        }
    }

    /// The next field, which must be there.
    pub(crate) fn required(&mut self) -> der::Result<Field<'a>> {
        self.next()?.ok_or_else(|| der::ErrorKind::Failed.into())
    }

    /// The next field, which must be a SEQUENCE.
    pub(crate) fn sequence(&mut self) -> der::Result<Field<'a>> {
        let field = self.required()?;
        field.expect(Tag::Sequence)?;
        Ok(field)
    }
}

impl<'a> Field<'a> {
    fn new(whole: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(whole)?;
        let header = <Header as der::Decode<'_>>::decode(&mut reader)?;
        let content = reader.read_slice(header.length())?;
        Ok(Self { tag: header.tag(), content, whole })
    }

    pub(crate) fn expect(&self, tag: Tag) -> der::Result<()> {
        self.tag.assert_eq(tag).map(|_| ())
    }
}

/// The raw parts of a certificate that comparisons need exactly as they were signed (RFC 5280 §4.1).
pub(crate) struct RawCertificate<'a> {
    /// The content of the serial's INTEGER.
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    /// The whole SubjectPublicKeyInfo, header included.
    pub(crate) key_info: &'a [u8],
}

impl<'a> RawCertificate<'a> {
    pub(crate) fn from_der(der: &'a [u8]) -> der::Result<Self> {
        let to_be_signed = Fields::of_sequence(der)?.sequence()?;
        let mut fields = Fields::of_content(to_be_signed.content)?;
        let mut serial = fields.required()?;
        if matches!(serial.tag, Tag::ContextSpecific { .. }) {
            serial = fields.required()?;
        }
        serial.expect(Tag::Integer)?;
        fields.sequence()?;
        let issuer = fields.sequence()?.whole;
        fields.sequence()?;
        let subject = fields.sequence()?.whole;
        let key_info = fields.sequence()?.whole;
        Ok(Self { serial: serial.content, issuer, subject, key_info })
    }
}
