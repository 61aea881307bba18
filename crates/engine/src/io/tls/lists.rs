//! Lists of revoked certificates: which of them count, and whom they name.

use super::{
    invalid,
    material::{self, REVOKED},
};
use crate::{
    ConfigError, TlsSource,
    store::{Certificate, each_extension, inside, time},
};
use pkcs8::der::{
    AnyRef, Decode, Reader, Result as DerResult, Tag, TagNumber, Tagged, asn1::ObjectIdentifier,
};
use rustls::pki_types::CertificateRevocationListDer;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashSet},
    time::Duration,
};

const NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const SCOPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");

const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(0),
};

/// A list, not yet known to be its authority's.
#[derive(Debug)]
pub(super) struct List {
    pub(super) der: CertificateRevocationListDer<'static>,
    issuer: Vec<u8>,
    /// Which certificates of the authority it is about (the issuing distribution point); `None`: all.
    scope: Option<Vec<u8>>,
    made: Duration,
    /// Without leading zeros; as it grows, its length comes first.
    number: (usize, Vec<u8>),
    serials: BTreeSet<Vec<u8>>,
}

/// The lists of a source, of each authority and scope the newest alone: rustls takes the first that it
/// meets, and whoever fetches lists into one file may put the new behind the old.
pub(super) fn newest(source: &TlsSource) -> Result<Vec<List>, ConfigError> {
    let read = |der| {
        List::read(der).or_else(|error| {
            invalid(
                REVOKED,
                format!("holds a list that cannot be used ({error})"),
            )
        })
    };
    let lists = material::revocation_lists(source)?.into_iter().map(read);
    let mut lists: Vec<List> = lists.collect::<Result<_, _>>()?;
    lists.sort_by_cached_key(|list| Reverse((list.made, list.number.clone())));
    let mut seen = HashSet::new();
    lists.retain(|list| seen.insert((list.issuer.clone(), list.scope.clone())));
    Ok(lists)
}

impl List {
    fn read(der: CertificateRevocationListDer<'static>) -> DerResult<Self> {
        let mut outer = inside(AnyRef::from_der(&der)?)?;
        let mut fields = inside(outer.decode()?)?;
        if Tag::peek(&fields)? == Tag::Integer {
            let _version = fields.tlv_bytes()?;
        }
        let _algorithm = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?.to_vec();
        let made = time(fields.decode()?)?;
        let mut list = Self {
            issuer,
            scope: None,
            made,
            number: (0, Vec::new()),
            serials: BTreeSet::new(),
            der: der.clone(),
        };
        while !fields.is_finished() {
            let field: AnyRef<'_> = fields.decode()?;
            match field.tag() {
                Tag::Sequence => list.read_serials(field)?,
                EXTENSIONS => list.read_extensions(AnyRef::from_der(field.value())?)?,
                // Until when it is good.
                _ => {}
            }
        }
        Ok(list)
    }

    /// Whether it takes this certificate back. Who signed the list is not asked: it can only take away.
    pub(super) fn names(&self, certificate: &Certificate<'_>) -> bool {
        self.issuer == certificate.issuer && self.serials.contains(certificate.serial)
    }

    fn read_serials(&mut self, revoked: AnyRef<'_>) -> DerResult<()> {
        let mut revoked = inside(revoked)?;
        while !revoked.is_finished() {
            let mut entry = inside(revoked.decode()?)?;
            self.serials.insert(entry.tlv_bytes()?.to_vec());
        }
        Ok(())
    }

    fn read_extensions(&mut self, extensions: AnyRef<'_>) -> DerResult<()> {
        each_extension(extensions, |kind, value| {
            match kind {
                NUMBER => {
                    let number = AnyRef::from_der(value)?;
                    let digits = number.value().iter().copied().skip_while(|it| *it == 0);
                    let digits: Vec<u8> = digits.collect();
                    self.number = (digits.len(), digits);
                }
                SCOPE => self.scope = Some(value.to_vec()),
                _ => {}
            }
            Ok(())
        })
    }
}
