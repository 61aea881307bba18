//! SCRAM (RFC 5802, RFC 7677): both sides prove that they know a password, and neither shows it.
//!
//! Pure: bytes in, bytes out; the nonce is passed in.

use crate::{Secret, config::security::ScramHash};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZero;
use zeroize::Zeroizing;

/// Fewer iterations make a stolen exchange cheap to guess the password from; Kafka allows none below
/// this, either.
const FEWEST: u32 = 4_096;
/// More would let a broker keep a core busy; Kafka stops at 16,384.
const MOST: u32 = 1_000_000;

/// No channel binding, nobody else's name.
const GS2: &str = "n,,";
/// [`GS2`] in base64.
const CHANNEL: &str = "biws";

/// An exchange of which the first message is made.
pub(super) struct Scram {
    hash: Hash,
    password: Secret,
    nonce: String,
    first: Secret,
}

/// An exchange whose broker still has to prove itself.
pub(super) struct Proven {
    message: Secret,
    server: hmac::Key,
    exchange: Secret,
}

#[derive(Clone, Copy)]
struct Hash {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

impl From<ScramHash> for Hash {
    fn from(hash: ScramHash) -> Self {
        match hash {
            ScramHash::Sha256 => Self {
                digest: &digest::SHA256,
                hmac: hmac::HMAC_SHA256,
                pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256,
            },
            ScramHash::Sha512 => Self {
                digest: &digest::SHA512,
                hmac: hmac::HMAC_SHA512,
                pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512,
            },
        }
    }
}

impl Scram {
    /// The nonce is of printable characters without a comma, and used once.
    pub(super) fn new(
        hash: ScramHash,
        username: &Secret,
        password: &Secret,
        delegation_token: bool,
        nonce: String,
    ) -> Self {
        Self::with_hash(hash.into(), username, password, delegation_token, nonce)
    }

    fn with_hash(
        hash: Hash,
        username: &Secret,
        password: &Secret,
        delegation_token: bool,
        nonce: String,
    ) -> Self {
        let name = Zeroizing::new(username.expose().replace('=', "=3D").replace(',', "=2C"));
        let token = if delegation_token {
            ",tokenauth=true"
        } else {
            ""
        };
        Self {
            hash,
            password: password.clone(),
            first: Secret::new(format!("n={},r={nonce}{token}", *name)),
            nonce,
        }
    }

    /// The first message.
    pub(super) fn first(&self) -> Secret {
        Secret::new(format!("{GS2}{}", self.first.expose()))
    }

    /// Our proof, for what the broker answered to the first message. Takes some milliseconds of
    /// computing for each 10,000 iterations that the broker asks for.
    ///
    /// # Errors
    /// The rule that the answer breaks.
    pub(super) fn prove(self, answer: &[u8]) -> Result<Proven, &'static str> {
        let challenge = Challenge::parse(answer)?;
        let fresh = challenge.nonce.strip_prefix(&*self.nonce);
        if fresh.is_none_or(str::is_empty) {
            return Err("its nonce does not continue ours");
        }
        if challenge.iterations < FEWEST {
            return Err("it asks for fewer than 4096 iterations");
        }
        if challenge.iterations > MOST {
            return Err("it asks for more than a million iterations");
        }
        let salted = self.salted(&challenge);
        let key = hmac::Key::new(self.hash.hmac, &salted);
        let client_key = hmac::sign(&key, b"Client Key");
        let server_key = hmac::sign(&key, b"Server Key");
        let stored_key = digest::digest(self.hash.digest, client_key.as_ref());

        let last = format!("c={CHANNEL},r={}", challenge.nonce);
        let exchange = Secret::new(format!("{},{},{last}", self.first.expose(), challenge.text));
        let signature = hmac::sign(
            &hmac::Key::new(self.hash.hmac, stored_key.as_ref()),
            exchange.expose().as_bytes(),
        );
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, signature)| key ^ signature)
            .collect();
        Ok(Proven {
            message: Secret::new(format!("{last},p={}", BASE64.encode(proof))),
            server: hmac::Key::new(self.hash.hmac, server_key.as_ref()),
            exchange,
        })
    }

    fn salted(&self, challenge: &Challenge<'_>) -> Zeroizing<Vec<u8>> {
        let mut salted = Zeroizing::new(vec![0; self.hash.digest.output_len()]);
        // The caller has checked that it is no less than `FEWEST`.
        let iterations = NonZero::new(challenge.iterations).unwrap_or(NonZero::<u32>::MIN);
        let password = self.password.expose().as_bytes();
        pbkdf2::derive(
            self.hash.pbkdf2,
            iterations,
            &challenge.salt,
            password,
            &mut salted,
        );
        salted
    }
}

impl Proven {
    /// The message with our proof.
    pub(super) fn message(&self) -> &Secret {
        &self.message
    }

    /// Checks the broker's proof, which is its last message.
    ///
    /// # Errors
    /// The rule that the message breaks.
    pub(super) fn verify(&self, answer: &[u8]) -> Result<(), &'static str> {
        let text = std::str::from_utf8(answer).map_err(|_| "its proof is no text")?;
        let first = text.split(',').next().unwrap_or("");
        let signature = first.strip_prefix("v=").ok_or("it gives no proof")?;
        let signature = BASE64
            .decode(signature)
            .map_err(|_| "its proof is no base64")?;
        hmac::verify(&self.server, self.exchange.expose().as_bytes(), &signature)
            .map_err(|_| "its proof is wrong: it does not know the password")
    }
}

/// The broker's first message.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    fn parse(answer: &'a [u8]) -> Result<Self, &'static str> {
        const BROKEN: &str = "its first message is not as it must be";
        let text = std::str::from_utf8(answer).map_err(|_| BROKEN)?;
        let mut parts = text.split(',');
        let mut next = |name: &str| {
            let part = parts.next().ok_or(BROKEN)?;
            part.strip_prefix(name).ok_or(BROKEN)
        };
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        let digits = iterations.bytes().all(|byte| byte.is_ascii_digit());
        let salt = BASE64.decode(salt).map_err(|_| BROKEN)?;
        if salt.is_empty() || !digits {
            return Err(BROKEN);
        }
        Ok(Self {
            text,
            nonce,
            salt,
            iterations: iterations.parse().map_err(|_| BROKEN)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Hash, Proven, Scram};
    use crate::{Secret, config::security::ScramHash};
    use ring::{digest, hmac, pbkdf2};

    const SHA1: Hash = Hash {
        digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
        hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        pbkdf2: pbkdf2::PBKDF2_HMAC_SHA1,
    };
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn scram(hash: impl Into<Hash>, nonce: &str) -> Scram {
        let (user, password) = (Secret::new("user"), Secret::new("pencil"));
        Scram::with_hash(hash.into(), &user, &password, false, nonce.to_owned())
    }

    fn proven() -> Proven {
        let scram = scram(ScramHash::Sha256, NONCE);
        scram.prove(CHALLENGE.as_bytes()).ok().unwrap()
    }

    fn refusal(challenge: &str) -> &'static str {
        let scram = scram(ScramHash::Sha256, NONCE);
        scram.prove(challenge.as_bytes()).err().unwrap()
    }

    #[test]
    fn the_exchange_of_rfc_5802_comes_out() {
        let scram = scram(SHA1, "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(
            scram.first().expose(),
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        );
        let challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let proven = scram.prove(challenge).ok().unwrap();
        assert_eq!(
            proven.message().expose(),
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert_eq!(proven.verify(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), Ok(()));
    }

    #[test]
    fn the_exchange_of_rfc_7677_comes_out() {
        let proven = proven();
        assert_eq!(
            proven.message().expose(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(
            proven.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Ok(())
        );
    }

    #[test]
    fn a_broker_without_the_password_is_found_out() {
        for (answer, rule) in [
            ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "base64"),
            ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "wrong"),
            ("v=", "wrong"),
            ("", "no proof"),
            ("e=other-error", "no proof"),
        ] {
            let found = proven().verify(answer.as_bytes()).unwrap_err();
            assert!(found.contains(rule), "{answer}: {found}");
        }
    }

    #[test]
    fn a_nonce_that_is_not_ours_and_theirs_is_refused() {
        for nonce in ["", "rOprNGfwEbeRWgbNEkqO", "another", "rOprNGfwEbeRWgbNEkq"] {
            let found = refusal(&format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
            assert!(found.contains("nonce"), "{nonce}: {found}");
        }
    }

    #[test]
    fn iterations_have_bounds() {
        let with =
            |count: &str| refusal(&format!("r={NONCE}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={count}"));
        assert!(with("4095").contains("fewer"));
        assert!(with("1000001").contains("more"));
        for count in ["", "-1", "+5000", "4294967296", "x"] {
            assert!(with(count).contains("first message"), "{count}");
        }
    }

    #[test]
    fn broken_challenges_are_refused() {
        for challenge in [
            "",
            "r=",
            "s=a,r=b,i=1",
            "m=ext,r=x,s=YQ==,i=4096",
            "r=x,s=,i=4096",
            "r=x,s=*,i=4096",
        ] {
            assert!(!refusal(challenge).is_empty(), "{challenge}");
        }
        let scram = scram(ScramHash::Sha512, NONCE);
        assert!(scram.prove(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn names_with_commas_and_equals_signs_are_escaped() {
        let (user, password) = (Secret::new("a=b,c"), Secret::new("p"));
        let scram = Scram::new(ScramHash::Sha512, &user, &password, true, "N".to_owned());
        assert_eq!(scram.first().expose(), "n,,n=a=3Db=2Cc,r=N,tokenauth=true");
    }
}
