//! What has to be known of a certificate: whose it is, who signed it, its key, what it may do.

use pkcs8::der::{
    AnyRef, Decode, Error, Reader, Result, SliceReader, Tag, TagNumber, Tagged,
    asn1::{BitStringRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime},
};
use std::time::Duration;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// The place of keyCertSign among the bits of a key's usage.
const SIGNS_CERTIFICATES: usize = 5;

const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(3),
};

/// Fields of a certificate, as they stand in it, tags and all.
pub(crate) struct Certificate<'a> {
    pub(crate) serial: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// The public key, with what says of which kind it is.
    pub(super) key: &'a [u8],
    /// The bits of the public key, without what says of which kind it is.
    pub(super) public_key: &'a [u8],
    validity: &'a [u8],
    /// `None` before X.509 had more than one version.
    version: Option<&'a [u8]>,
    extensions: Option<&'a [u8]>,
}

/// The name of who signed a certificate, as a sequence in DER.
pub(crate) fn issuer(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = Certificate::read(certificate).ok()?;
    Some(certificate.issuer)
}

impl<'a> Certificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self> {
        let mut outer = inside(AnyRef::from_der(der)?)?;
        let mut fields = inside(outer.decode()?)?;
        // The version stands only where it is not the first.
        let version = match Tag::peek(&fields)? {
            Tag::ContextSpecific { .. } => Some(fields.tlv_bytes()?),
            _ => None,
        };
        let serial = fields.tlv_bytes()?;
        let _algorithm = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let validity = fields.tlv_bytes()?;
        let subject = fields.tlv_bytes()?;
        let key = fields.tlv_bytes()?;
        let mut parts = inside(AnyRef::from_der(key)?)?;
        let _kind = parts.tlv_bytes()?;
        let bits: AnyRef<'_> = parts.decode()?;
        bits.tag().assert_eq(Tag::BitString)?;
        // The first byte counts the bits that the last one lacks.
        let public_key = bits.value().get(1..).unwrap_or_default();
        let mut extensions = None;
        while !fields.is_finished() {
            let field: AnyRef<'_> = fields.decode()?;
            if field.tag() == EXTENSIONS {
                extensions = Some(field.value());
            }
        }
        Ok(Self {
            serial,
            issuer,
            subject,
            key,
            public_key,
            validity,
            version,
            extensions,
        })
    }

    /// Whether it is of an authority: one that says so, and may use its key for it; or one from before
    /// certificates could say so, which Java takes for one as well.
    pub(crate) fn may_sign(&self) -> Result<bool> {
        let Some(extensions) = self.extensions else {
            return Ok(self.version.is_none());
        };
        let (mut is_authority, mut key_signs) = (false, true);
        each_extension(AnyRef::from_der(extensions)?, |kind, value| {
            match kind {
                BASIC_CONSTRAINTS => {
                    let mut value = inside(AnyRef::from_der(value)?)?;
                    let says: Option<bool> = value.decode()?;
                    is_authority = says.unwrap_or(false);
                }
                KEY_USAGE => {
                    let bits = BitStringRef::from_der(value)?;
                    key_signs = bits.bits().nth(SIGNS_CERTIFICATES).unwrap_or(false);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(is_authority && key_signs)
    }

    /// From when and until when it is good, since 1970.
    pub(crate) fn validity(&self) -> Result<(Duration, Duration)> {
        let mut validity = inside(AnyRef::from_der(self.validity)?)?;
        Ok((time(validity.decode()?)?, time(validity.decode()?)?))
    }
}

/// Shows `each` what an extension is, and its value in DER, one after the other: certificates and
/// lists of revoked ones have the same.
pub(crate) fn each_extension(
    extensions: AnyRef<'_>,
    mut each: impl FnMut(ObjectIdentifier, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut extensions = inside(extensions)?;
    while !extensions.is_finished() {
        let mut extension = inside(extensions.decode()?)?;
        let kind: ObjectIdentifier = extension.decode()?;
        let _critical: Option<bool> = extension.decode()?;
        let value: &OctetStringRef = extension.decode()?;
        each(kind, value.as_bytes())?;
    }
    Ok(())
}

/// A point in time as X.509 writes it, since 1970.
pub(crate) fn time(time: AnyRef<'_>) -> Result<Duration> {
    match time.tag() {
        Tag::UtcTime => Ok(time.decode_as::<UtcTime>()?.to_unix_duration()),
        Tag::GeneralizedTime => Ok(time.decode_as::<GeneralizedTime>()?.to_unix_duration()),
        tag => Err(Error::from(tag.unexpected_error(None))),
    }
}

/// A reader of what is in a sequence.
pub(crate) fn inside(sequence: AnyRef<'_>) -> Result<SliceReader<'_>> {
    sequence.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(sequence.value())
}
