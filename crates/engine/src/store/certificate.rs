//! What has to be known of a certificate: whose it is, who signed it, its key.

use pkcs8::der::{AnyRef, Decode, Reader, Result, SliceReader, Tag, Tagged};

/// Fields of a certificate, as they stand in it, tags and all.
pub(super) struct Certificate<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The bits of the public key, without what says of which kind it is.
    pub(super) public_key: &'a [u8],
}

/// The name of who signed a certificate, as a sequence in DER.
pub(crate) fn issuer(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = Certificate::read(certificate).ok()?;
    Some(certificate.issuer)
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = inside(AnyRef::from_der(der)?)?;
        let mut fields = inside(outer.decode()?)?;
        // The version stands only where it is not the first.
        if matches!(Tag::peek(&fields)?, Tag::ContextSpecific { .. }) {
            fields.tlv_bytes()?;
        }
        let _serial = fields.tlv_bytes()?;
        let _algorithm = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let _validity = fields.tlv_bytes()?;
        let subject = fields.tlv_bytes()?;
        let mut key = inside(fields.decode()?)?;
        let _kind = key.tlv_bytes()?;
        let bits: AnyRef<'_> = key.decode()?;
        bits.tag().assert_eq(Tag::BitString)?;
        // The first byte counts the bits that the last one lacks.
        let public_key = bits.value().get(1..).unwrap_or_default();
        Ok(Self {
            issuer,
            subject,
            public_key,
        })
    }
}

/// A reader of what is in a sequence.
pub(super) fn inside(sequence: AnyRef<'_>) -> Result<SliceReader<'_>> {
    sequence.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(sequence.value())
}
