//! What was encrypted by a password: PBES2 (PKCS#5), and the older ways of PKCS#12, which Java 8 and
//! older versions of OpenSSL write.

use super::{StoreError, certificate::inside};
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit, block_padding::Pkcs7};
use pkcs8::{
    AlgorithmIdentifierRef,
    der::{AnyRef, Decode, Reader, asn1::OctetStringRef, oid::ObjectIdentifier},
    pkcs5::pbes2::{self, Kdf},
};
use ring::digest;
use zeroize::Zeroizing;

/// SHA-1 and triple DES with three keys.
const TRIPLE_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
/// SHA-1 and RC2 with 128 bits.
const RC2_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5");
/// SHA-1 and RC2 with 40 bits: what certificates are in, as they are no secret.
const RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");

/// The most that scrypt may take, in bytes.
const MAX_MEMORY: u64 = 64 << 20;

/// What a derivation is for (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Seal = 3,
}

/// How many rounds of hashing may still be done for a store, which says itself how many it wants.
#[derive(Debug)]
pub(crate) struct Work(u32);

impl Work {
    /// As many as Java does for a single key; usual are 10,000 for each.
    pub(super) const MAX: u32 = 5_000_000;

    pub(super) fn spend(&mut self, rounds: u32) -> Result<(), StoreError> {
        if rounds == 0 {
            return Err(StoreError::Damaged("it wants no round of hashing"));
        }
        self.0 = self.0.checked_sub(rounds).ok_or(StoreError::Work)?;
        Ok(())
    }
}

impl Default for Work {
    fn default() -> Self {
        Self(Self::MAX)
    }
}

/// Opens an `EncryptedPrivateKeyInfo`.
pub(crate) fn open_pkcs8(
    der: &[u8],
    password: Option<&str>,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    const BROKEN: StoreError = StoreError::Damaged("a private key in it");
    let read = || {
        let mut info = inside(AnyRef::from_der(der)?)?;
        let algorithm = AlgorithmIdentifierRef::decode(&mut info)?;
        let sealed: &OctetStringRef = info.decode()?;
        pkcs8::der::Result::Ok((algorithm, sealed.as_bytes()))
    };
    let (algorithm, sealed) = read().map_err(|_| BROKEN)?;
    open(algorithm, sealed, password, work)
}

/// Opens what was sealed by an algorithm of this name and parameters. Nothing without a password is
/// something with an empty one.
pub(super) fn open(
    algorithm: AlgorithmIdentifierRef<'_>,
    sealed: &[u8],
    password: Option<&str>,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let text = password.unwrap_or("");
    let opened = match algorithm.oid {
        pbes2::PBES2_OID => open_pbes2(algorithm, sealed, text, work),
        TRIPLE_DES => open_cbc::<des::TdesEde3, 24>(algorithm, sealed, text, work),
        RC2_128 => open_cbc::<rc2::Rc2, 16>(algorithm, sealed, text, work),
        RC2_40 => open_cbc::<rc2::Rc2, 5>(algorithm, sealed, text, work),
        _ => Err(StoreError::Unknown("by a cipher of its own")),
    };
    opened.map_err(|error| match (error, password) {
        (StoreError::Password, None) => StoreError::NoPassword,
        (error, _) => error,
    })
}

fn open_pbes2(
    algorithm: AlgorithmIdentifierRef<'_>,
    sealed: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let parameters = algorithm.parameters;
    let scheme = parameters.and_then(|it| pbes2::Parameters::try_from(it).ok());
    let scheme = scheme.ok_or(StoreError::Unknown("by a cipher of PBES2 of its own"))?;
    match &scheme.kdf {
        Kdf::Pbkdf2(params) => work.spend(params.iteration_count)?,
        Kdf::Scrypt(params) => {
            let cost = params.cost_parameter;
            // Of less than two no logarithm is taken.
            if cost < 2 {
                return Err(StoreError::Damaged("the parameters of a cipher in it"));
            }
            let (block, lanes) = (params.block_size.into(), params.parallelization.into());
            let memory = cost.saturating_add(lanes).saturating_mul(block);
            if memory.saturating_mul(128) > MAX_MEMORY {
                return Err(StoreError::Work);
            }
            let rounds = cost.saturating_mul(block).saturating_mul(lanes);
            work.spend(rounds.try_into().unwrap_or(u32::MAX))?;
        }
        _ => return Err(StoreError::Unknown("by a cipher of PBES2 of its own")),
    }
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let opened = scheme.decrypt_in_place(password, &mut buffer);
    let length = opened.map_err(|_| StoreError::Password)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

fn open_cbc<C: BlockCipherDecrypt + KeyInit, const KEY: usize>(
    algorithm: AlgorithmIdentifierRef<'_>,
    sealed: &[u8],
    password: &str,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let read = || {
        let parameters = algorithm.parameters.unwrap_or(AnyRef::NULL);
        let mut fields = inside(parameters)?;
        let salt: &OctetStringRef = fields.decode()?;
        pkcs8::der::Result::Ok((salt.as_bytes(), fields.decode::<u32>()?))
    };
    let (salt, rounds) =
        read().map_err(|_| StoreError::Damaged("the parameters of a cipher in it"))?;
    // Once for the key, once for what it starts from.
    work.spend(rounds.saturating_mul(2))?;
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let mut key = Zeroizing::new([0; KEY]);
    derive(sha1, Purpose::Key, password, salt, rounds, &mut *key);
    let mut iv = [0; 8];
    derive(sha1, Purpose::Iv, password, salt, rounds, &mut iv);
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let opened = cbc::Decryptor::<C>::new_from_slices(&*key, &iv)
        .ok()
        .and_then(|cipher| Some(cipher.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len()));
    buffer.truncate(opened.ok_or(StoreError::Password)?);
    Ok(buffer)
}

/// Makes a key of a password (RFC 7292, B.2).
pub(super) fn derive(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    password: &str,
    salt: &[u8],
    rounds: u32,
    key: &mut [u8],
) {
    let block = hash.block_len();
    let mut bytes: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(password.len() * 2 + 2));
    bytes.extend(
        password
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_be_bytes),
    );
    let filled = |part: &[u8]| {
        let length = part.len().next_multiple_of(block);
        part.iter()
            .copied()
            .cycle()
            .take(length)
            .collect::<Vec<_>>()
    };
    let purpose = vec![purpose as u8; block];
    let mut input = Zeroizing::new(filled(salt));
    input.extend_from_slice(&Zeroizing::new(filled(&bytes)));
    for part in key.chunks_mut(hash.output_len()) {
        let mut context = digest::Context::new(hash);
        context.update(&purpose);
        context.update(&input);
        let mut hashed = context.finish();
        for _ in 1..rounds {
            hashed = digest::digest(hash, hashed.as_ref());
        }
        for (to, from) in part.iter_mut().zip(hashed.as_ref()) {
            *to = *from;
        }
        // Each block of the input, as a number, grows by what was hashed and one.
        let grow: Vec<u8> = hashed
            .as_ref()
            .iter()
            .copied()
            .cycle()
            .take(block)
            .collect();
        for block in input.chunks_mut(block) {
            let mut carry = 1;
            for (digit, more) in block.iter_mut().zip(&grow).rev() {
                carry += u16::from(*digit) + u16::from(*more);
                *digit = carry as u8;
                carry >>= 8;
            }
        }
    }
}
