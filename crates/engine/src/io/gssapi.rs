//! GSSAPI (RFC 4752): tickets of Kerberos, by the system's library.
//!
//! Its calls block: the first of an exchange reads files and may ask a KDC. So they run on the blocking
//! pool, one at a time for a producer: a KDC that does not answer holds one thread and no more.

use crate::{
    AuthFailure, ConfigError, KerberosFailure, config::security, io::dial::ConnectErrorKind,
};
use libgssapi::{
    context::{ClientCtx, CtxFlags, SecurityContext},
    credential::{Cred, CredUsage},
    error::Error,
    name::Name,
    oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, GSS_NT_KRB5_PRINCIPAL, OidSet},
};
use std::{io::Read, path::Path, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::timeout};

/// The broker proves itself too, and nobody can change the offer of layers.
const FLAGS: CtxFlags = CtxFlags::GSS_C_MUTUAL_FLAG.union(CtxFlags::GSS_C_INTEG_FLAG);

/// "No security layer" in an offer of layers and in the answer to one.
const NO_LAYER: u8 = 1;
/// That choice, no message of a layer to limit the size of, and nobody else's name to act in: the
/// broker takes the ticket's.
const ANSWER: [u8; 4] = [NO_LAYER, 0, 0, 0];

/// Begins exchanges.
#[derive(Debug)]
pub(super) struct Kerberos {
    plan: Arc<security::Kerberos>,
    turn: Arc<Mutex<()>>,
}

impl Kerberos {
    pub(super) fn new(plan: security::Kerberos) -> Self {
        Self {
            plan: Arc::new(plan),
            turn: Arc::default(),
        }
    }

    /// An exchange with the broker that was dialled by the name `host`, and its first message.
    ///
    /// # Cancel safety
    /// Dropped, what the library does meanwhile goes on and is thrown away.
    pub(super) async fn begin(
        &self,
        host: &str,
        limit: Duration,
    ) -> Result<(GssExchange, Vec<u8>), ConnectErrorKind> {
        let plan = Arc::clone(&self.plan);
        let broker = format!("{}@{host}", plan.service);
        let begun = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            blocking(move || {
                // It is the library's turn until it comes back, whoever still waits for it.
                let _turn = turn;
                start(&plan, &broker)
            })
            .await
        };
        let late = |_| Err(failed(KerberosFailure::Unreachable));
        timeout(limit, begun).await.unwrap_or_else(late)
    }
}

/// The client's side of an exchange that has begun.
pub(super) struct GssExchange {
    context: ClientCtx,
    expects: Expects,
}

/// What comes next from the broker.
#[derive(Clone, Copy, Debug)]
enum Expects {
    /// Its part in the making of a context.
    Token,
    /// Which layers there may be.
    Offer,
    /// That it has nothing more to say.
    End,
}

/// What comes next from us.
pub(super) enum Next {
    Send(GssExchange, Vec<u8>),
    Done,
}

impl GssExchange {
    /// Takes what the broker said.
    ///
    /// # Errors
    /// If it breaks the rules, as one does that is not whom the ticket is for.
    pub(super) async fn answer(mut self, said: bytes::Bytes) -> Result<Next, ConnectErrorKind> {
        blocking(move || {
            let answer = match self.expects {
                Expects::Token => self.take_token(&said)?,
                Expects::Offer => self.take_offer(&said)?,
                Expects::End if said.is_empty() => return Ok(Next::Done),
                Expects::End => return broken("it goes on after the end of the exchange"),
            };
            Ok(Next::Send(self, answer))
        })
        .await
    }

    fn take_token(&mut self, said: &[u8]) -> Result<Vec<u8>, ConnectErrorKind> {
        let Ok(token) = self.context.step(Some(said), None) else {
            return broken("its answer is not of whom the ticket is for");
        };
        if self.context.is_complete() {
            // An error if the ticket ran out just now.
            let flags = self.context.flags();
            let flags = flags.map_err(|error| failed(classify(&error)))?;
            if !flags.contains(FLAGS) {
                return broken("it does not prove who it is");
            }
            self.expects = Expects::Offer;
        }
        // Without one it is our turn all the same, with nothing to say.
        Ok(token.map_or_else(Vec::new, |token| token.to_vec()))
    }

    fn take_offer(&mut self, said: &[u8]) -> Result<Vec<u8>, ConnectErrorKind> {
        let Ok(offer) = self.context.unwrap(said) else {
            return broken("its offer of security layers is not of whom the ticket is for");
        };
        answer_offer(&offer).or_else(broken)?;
        let Ok(answer) = self.context.wrap(false, &ANSWER) else {
            return broken("the answer to its offer of security layers cannot be made");
        };
        self.expects = Expects::End;
        Ok(answer.to_vec())
    }
}

/// Whether [`ANSWER`] is one to this offer: a bit for each layer, then the largest message of one.
fn answer_offer(offer: &[u8]) -> Result<(), &'static str> {
    match offer {
        [layers, _, _, _] if layers & NO_LAYER != 0 => Ok(()),
        [_, _, _, _] => Err(
            "it wants a security layer (its QOP is not auth), which Kafka does not have; TLS \
             encrypts",
        ),
        _ => Err("its offer of security layers is not of four bytes"),
    }
}

fn start(
    plan: &security::Kerberos,
    broker: &str,
) -> Result<(GssExchange, Vec<u8>), ConnectErrorKind> {
    let (context, token) = first_token(plan, broker).map_err(|error| {
        let failure = classify(&error);
        // The library passes over a keytab that it cannot use.
        let is_lacking = failure == KerberosFailure::NoCredentials;
        let keytab = plan.keytab.as_deref().filter(|_| is_lacking);
        match keytab.map(check_keytab) {
            Some(Err(rule)) => ConnectErrorKind::Config(ConfigError::Invalid {
                key: "sasl.kerberos.keytab",
                rule: rule.into(),
            }),
            Some(Ok(())) | None => failed(failure),
        }
    })?;
    let exchange = GssExchange {
        context,
        expects: Expects::Token,
    };
    Ok((exchange, token))
}

fn first_token(plan: &security::Kerberos, broker: &str) -> Result<(ClientCtx, Vec<u8>), Error> {
    let principal = plan.principal.as_ref().map(|principal| {
        let name = principal.expose().as_bytes();
        Name::new(name, Some(GSS_NT_KRB5_PRINCIPAL))
    });
    let principal = principal.transpose()?;
    let mechanism = OidSet::singleton(GSS_MECH_KRB5)?;
    // What is still good in the cache is used; what is not is replaced from the keytab.
    let credentials = Cred::acquire(
        principal.as_ref(),
        None,
        CredUsage::Initiate,
        Some(&mechanism),
    )?;
    let broker = Name::new(broker.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))?;
    let mut context = ClientCtx::new(Some(credentials), broker, FLAGS, Some(GSS_MECH_KRB5));
    let token = context.step(None, None)?;
    Ok((context, token.map_or_else(Vec::new, |token| token.to_vec())))
}

/// Whether a file can be read and is a keytab: it begins with the format's number and version.
fn check_keytab(file: &Path) -> Result<(), String> {
    let mut head = [0; 2];
    let read = std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Ok(()) if head == [5, 2] || head == [5, 1] => Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(format!("names a file that cannot be read ({error})"))
        }
        _ => Err("names a file that is no keytab".into()),
    }
}

/// Runs something that may take long where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectErrorKind> + Send + 'static,
) -> Result<T, ConnectErrorKind> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(ConnectErrorKind::Io(std::io::Error::other(error))))
}

fn failed(failure: KerberosFailure) -> ConnectErrorKind {
    ConnectErrorKind::Auth(AuthFailure::Kerberos(failure))
}

fn broken<T>(rule: &'static str) -> Result<T, ConnectErrorKind> {
    Err(ConnectErrorKind::Auth(AuthFailure::Unproven {
        mechanism: "GSSAPI",
        rule,
    }))
}

/// What the library's numbers mean. Those of Kerberos are the same in MIT's and in Heimdal's: the
/// codes of RFC 4120, 7.5.9, and their own behind them, from one base.
fn classify(error: &Error) -> KerberosFailure {
    // Two's complement: the library's type is signed, GSS-API's is not.
    let (major, minor) = (error.major.bits(), error.minor.cast_signed());
    match minor.wrapping_sub(BASE) {
        1 | 12 | 18 | 20 | 21 | 23 => KerberosFailure::Refused,
        6 => KerberosFailure::UnknownPrincipal,
        7 | 26 => KerberosFailure::UnknownService,
        24 | 31 => KerberosFailure::WrongKey,
        32 => KerberosFailure::TicketExpired,
        33 | 37 => KerberosFailure::ClockSkew,
        CONFIG_UNREADABLE | CONFIG_BROKEN | REALM_UNKNOWN | NO_DEFAULT_REALM => {
            KerberosFailure::Configuration
        }
        KDC_UNREACHABLE | KDC_UNRESOLVED => KerberosFailure::Unreachable,
        NOT_IN_CACHE | NOT_IN_KEYTAB | NO_CACHE => KerberosFailure::NoCredentials,
        // What there is a number for in GSS-API itself (RFC 2744, 3.9.1).
        _ => match (major >> 16) & 0xff {
            7 => KerberosFailure::NoCredentials,
            11 | 12 => KerberosFailure::TicketExpired,
            _ => KerberosFailure::Other { major, minor },
        },
    }
}

/// Of the table of codes that both libraries share (`krb5`).
const BASE: i32 = -1_765_328_384;
const CONFIG_UNREADABLE: i32 = 135;
const CONFIG_BROKEN: i32 = 136;
const NOT_IN_CACHE: i32 = 141;
const REALM_UNKNOWN: i32 = 154;
const KDC_UNREACHABLE: i32 = 156;
const NOT_IN_KEYTAB: i32 = 181;
const NO_CACHE: i32 = 195;
const KDC_UNRESOLVED: i32 = 220;
const NO_DEFAULT_REALM: i32 = 224;

#[cfg(test)]
mod tests {
    use super::{BASE, answer_offer, check_keytab, classify};
    use crate::KerberosFailure;
    use libgssapi::error::{Error, MajorFlags};
    use std::path::PathBuf;

    fn failure(routine: u32, code: i32) -> KerberosFailure {
        classify(&Error {
            major: MajorFlags::from_bits_retain(routine << 16),
            minor: BASE.wrapping_add(code).cast_unsigned(),
        })
    }

    #[test]
    fn the_librarys_numbers_have_their_meanings() {
        for (routine, code, expected) in [
            (7, 6, KerberosFailure::UnknownPrincipal),
            (13, 7, KerberosFailure::UnknownService),
            (7, 18, KerberosFailure::Refused),
            (7, 24, KerberosFailure::WrongKey),
            (7, 31, KerberosFailure::WrongKey),
            (13, 32, KerberosFailure::TicketExpired),
            (13, 37, KerberosFailure::ClockSkew),
            (7, 141, KerberosFailure::NoCredentials),
            (7, 154, KerberosFailure::Configuration),
            (7, 156, KerberosFailure::Unreachable),
            // A number that is not of the table.
            (7, 1 << 20, KerberosFailure::NoCredentials),
            (11, 1 << 20, KerberosFailure::TicketExpired),
            (12, 0, KerberosFailure::TicketExpired),
            (
                15,
                200,
                KerberosFailure::Other {
                    major: 15 << 16,
                    minor: BASE + 200,
                },
            ),
        ] {
            assert_eq!(failure(routine, code), expected, "{routine} {code}");
        }
    }

    #[test]
    fn an_offer_without_the_choice_of_no_layer_is_refused() {
        for offer in [[1, 0, 0, 0], [7, 1, 0, 0], [5, 0, 255, 255]] {
            assert_eq!(answer_offer(&offer), Ok(()), "{offer:?}");
        }
        for offer in [[6, 0, 0, 0], [0, 0, 0, 0], [4, 1, 1, 1]] {
            assert!(answer_offer(&offer).unwrap_err().contains("QOP"));
        }
        for offer in [&[][..], &[1], &[1, 0, 0], &[1, 0, 0, 0, 0]] {
            assert!(answer_offer(offer).unwrap_err().contains("four bytes"));
        }
    }

    #[test]
    fn a_file_that_is_no_keytab_is_told_from_one_that_cannot_be_read() {
        let directory = std::env::temp_dir();
        let file = |name: &str, bytes: &[u8]| -> PathBuf {
            let path = directory.join(format!("guanaco-{}-{name}", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let good = file("good", &[5, 2, 0, 0]);
        assert_eq!(check_keytab(&good), Ok(()));
        for (bytes, name) in [(&b"BEGIN"[..], "text"), (b"", "empty"), (&[5, 3], "newer")] {
            let other = file(name, bytes);
            assert!(check_keytab(&other).unwrap_err().contains("no keytab"));
            std::fs::remove_file(other).unwrap();
        }
        std::fs::remove_file(&good).unwrap();
        assert!(check_keytab(&good).unwrap_err().contains("cannot be read"));
    }
}
