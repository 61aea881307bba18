//! The options of Java's `Krb5LoginModule`, checked as it checks them.

use super::KerberosSettings;
use crate::Secret;

const RENEWAL: &str = "renewTGT of Krb5LoginModule: tickets in a cache are renewed by who made them \
                       (kinit -R, sssd); those from a keytab are by the system's Kerberos library";
const DEBUG: &str = "debug of Krb5LoginModule: the environment variable KRB5_TRACE=/dev/stderr shows \
                     what the system's Kerberos library does";
const SHARED: &str = "passwords shared between login modules: there is one module only";
const UNKNOWN: &str = "an option of its login module is not known here";

/// Puts the options into the settings; they are changed only if all are right.
///
/// The answer is what one of the options does in vain, if any does.
///
/// # Errors
/// The rule that an option breaks.
pub(super) fn apply(
    settings: &mut KerberosSettings,
    options: &[(String, Secret)],
) -> Result<Option<&'static str>, &'static str> {
    let mut wanted = settings.clone();
    let mut advice = None;
    let (mut uses_keytab, mut uses_cache, mut renews) = (false, false, false);
    for (name, value) in options {
        let value = value.expose();
        let text = || (!value.is_empty()).then(|| value.to_owned());
        let is_true = value.eq_ignore_ascii_case("true");
        match name.as_str() {
            "useKeyTab" => uses_keytab = is_true,
            "keyTab" => {
                let file = value.strip_prefix("FILE:").unwrap_or(value);
                wanted.keytab = (!file.is_empty()).then(|| file.into());
            }
            "useTicketCache" => uses_cache = is_true,
            "ticketCache" => wanted.ticket_cache = text(),
            "principal" => wanted.principal = text().map(Secret::new),
            "serviceName" => wanted.module_service = text(),
            "renewTGT" => renews = is_true,
            "isInitiator" if !is_true => {
                return Err("must not set isInitiator=false: only services do");
            }
            "debug" if is_true => advice = Some(DEBUG),
            "useFirstPass" | "tryFirstPass" | "storePass" | "clearPass" if is_true => {
                advice = Some(SHARED);
            }
            // What they ask for is so anyway: nobody is asked for a password, keys are read from the
            // keytab as they are needed, and krb5.conf as it is then.
            "doNotPrompt" | "storeKey" | "refreshKrb5Config" | "isInitiator" | "debug"
            | "useFirstPass" | "tryFirstPass" | "storePass" | "clearPass" => {}
            _ => advice = Some(UNKNOWN),
        }
    }
    let given = |name: &str| options.iter().any(|(other, _)| other == name);
    if given("keyTab") && !uses_keytab {
        return Err("must set useKeyTab=true beside keyTab");
    }
    if given("ticketCache") && !uses_cache {
        return Err("must set useTicketCache=true beside ticketCache");
    }
    if renews && !uses_cache {
        return Err("must set useTicketCache=true beside renewTGT=true");
    }
    if !uses_keytab && !uses_cache {
        return Err(
            "must set useKeyTab=true or useTicketCache=true: nobody is asked for a password",
        );
    }
    if uses_keytab && !uses_cache && wanted.principal.is_none() {
        return Err("must set principal beside useKeyTab=true");
    }
    *settings = wanted;
    Ok(advice.or(renews.then_some(RENEWAL)))
}

#[cfg(test)]
mod tests {
    use super::{DEBUG, KerberosSettings, RENEWAL, SHARED, UNKNOWN, apply};
    use crate::Secret;

    type Applied = Result<Option<&'static str>, &'static str>;

    fn read(options: &[(&str, &str)]) -> (KerberosSettings, Applied) {
        let options: Vec<_> = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
            .collect();
        let mut settings = KerberosSettings::default();
        let outcome = apply(&mut settings, &options);
        (settings, outcome)
    }

    #[test]
    fn a_keytab_is_named_as_kafkas_documentation_has_it() {
        let (settings, outcome) = read(&[
            ("useKeyTab", "true"),
            ("storeKey", "true"),
            ("doNotPrompt", "true"),
            ("keyTab", "FILE:/etc/security/app.keytab"),
            ("principal", "app@EXAMPLE.COM"),
            ("serviceName", "kafka"),
        ]);
        assert_eq!(outcome, Ok(None));
        assert_eq!(settings.keytab, Some("/etc/security/app.keytab".into()));
        assert_eq!(settings.principal, Some("app@EXAMPLE.COM".into()));
        assert_eq!(settings.module_service.as_deref(), Some("kafka"));
        assert_eq!(settings.service_name, None);
        assert_eq!(settings.ticket_cache, None);
    }

    #[test]
    fn a_ticket_cache_is_named_too() {
        let (settings, outcome) = read(&[("useTicketCache", "True"), ("ticketCache", "/tmp/cc")]);
        assert_eq!(outcome, Ok(None));
        assert_eq!(settings.ticket_cache.as_deref(), Some("/tmp/cc"));
    }

    #[test]
    fn what_java_refuses_is_refused_and_changes_nothing() {
        for (options, part) in [
            (&[][..], "useKeyTab=true or useTicketCache=true"),
            (&[("useKeyTab", "false")], "useKeyTab=true or"),
            (&[("keyTab", "/k")], "useKeyTab=true beside keyTab"),
            (
                &[("useKeyTab", "true"), ("ticketCache", "/c")],
                "useTicketCache=true beside ticketCache",
            ),
            (
                &[("useKeyTab", "true"), ("renewTGT", "true")],
                "useTicketCache=true beside renewTGT",
            ),
            (
                &[("useKeyTab", "true"), ("isInitiator", "false")],
                "isInitiator",
            ),
            (
                &[("useKeyTab", "true"), ("keyTab", "/k")],
                "principal beside useKeyTab",
            ),
        ] {
            let (settings, outcome) = read(options);
            let rule = outcome.unwrap_err();
            assert!(rule.contains(part), "{options:?}: {rule}");
            assert!(settings.keytab.is_none() && settings.ticket_cache.is_none());
        }
    }

    #[test]
    fn what_does_nothing_here_is_said() {
        const CACHE: (&str, &str) = ("useTicketCache", "true");
        for (option, advice) in [
            (("renewTGT", "true"), Some(RENEWAL)),
            (("renewTGT", "false"), None),
            (("debug", "true"), Some(DEBUG)),
            (("debug", "false"), None),
            (("tryFirstPass", "true"), Some(SHARED)),
            (("refreshKrb5Config", "true"), None),
            (("isInitiator", "true"), None),
            (("useKeytab", "true"), Some(UNKNOWN)),
        ] {
            assert_eq!(read(&[CACHE, option]).1, Ok(advice), "{option:?}");
        }
    }
}
