//! Somebody does not know somebody: a precise error, in time, and never an endless retry.

use crate::site::{Site, config, connect, is_client, run_client, site, within};
use guanaco_engine::{AuthFailure, ConfigError, KerberosFailure, StartError};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Far from `start.timeout.ms`, which is 30 s here: nobody waits for it in vain.
const AT_ONCE: Duration = Duration::from_secs(15);

/// Why a start fails, as it does at once.
async fn reason(listener: &str, settings: &[(&str, &str)]) -> AuthFailure {
    let began = Instant::now();
    match connect(config(listener, settings)).await {
        Err(StartError::Auth { address, reason }) => {
            assert!(address.contains("127.0.0.1:"), "{address}");
            assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
            reason
        }
        other => panic!("{other:?}"),
    }
}

fn of(failure: KerberosFailure) -> AuthFailure {
    AuthFailure::Kerberos(failure)
}

const NO_SERVICE: &str = "failures::a_service_that_the_kdc_does_not_know";

#[tokio::test]
async fn a_service_that_the_kdc_does_not_know() {
    if is_client(NO_SERVICE) {
        let found = reason("SASL", &[("sasl.kerberos.service.name", "kafkaa")]).await;
        assert_eq!(found, of(KerberosFailure::UnknownService));
        return;
    }
    let site = site().await;
    run_client(NO_SERVICE, site.with_keytab(&site.alice)).await;
}

const OLD_KEYTAB: &str = "failures::a_keytab_that_is_older_than_the_key";

#[tokio::test]
async fn a_keytab_that_is_older_than_the_key() {
    if is_client(OLD_KEYTAB) {
        let found = reason("SASL", &[]).await;
        assert_eq!(found, of(KerberosFailure::WrongKey));
        return;
    }
    let site = site().await;
    let keytab = site.kdc.keytab("forgetful").await.unwrap();
    site.kdc.change_key("forgetful").await.unwrap();
    run_client(OLD_KEYTAB, site.with_keytab(&keytab)).await;
}

const NOT_IN_KEYTAB: &str = "failures::a_principal_that_the_keytab_has_no_key_of";

#[tokio::test]
async fn a_principal_that_the_keytab_has_no_key_of() {
    if is_client(NOT_IN_KEYTAB) {
        let keytab = std::env::var("KRB5_CLIENT_KTNAME").unwrap();
        let settings = [
            ("sasl.kerberos.principal", "canary@GUANACO.TEST"),
            ("sasl.kerberos.keytab", &keytab),
        ];
        let found = reason("SASL", &settings).await;
        assert_eq!(found, of(KerberosFailure::NoCredentials));
        return;
    }
    let site = site().await;
    run_client(NOT_IN_KEYTAB, site.with_keytab(&site.alice)).await;
}

const NO_KEYTAB: &str = "failures::a_keytab_that_cannot_be_read_is_a_setting_at_fault";

#[tokio::test]
async fn a_keytab_that_cannot_be_read_is_a_setting_at_fault() {
    if is_client(NO_KEYTAB) {
        let keytab = std::env::var("KRB5_CLIENT_KTNAME").unwrap();
        let settings = [
            ("sasl.kerberos.principal", "alice@GUANACO.TEST"),
            ("sasl.kerberos.keytab", &keytab),
        ];
        let config = config("SASL", &settings);
        match connect(config).await {
            Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
                assert_eq!(key, "sasl.kerberos.keytab");
                assert!(rule.contains("cannot be read"), "{rule}");
                assert!(!rule.contains("no/such"), "{rule}");
            }
            other => panic!("{other:?}"),
        }
        return;
    }
    let environment = site().await.with_keytab(Path::new("/no/such/keytab"));
    run_client(NO_KEYTAB, environment).await;
}

const EXPIRED: &str = "failures::a_ticket_that_has_expired";

#[tokio::test]
async fn a_ticket_that_has_expired() {
    if is_client(EXPIRED) {
        let found = reason("SASL", &[]).await;
        assert_eq!(found, of(KerberosFailure::TicketExpired));
        return;
    }
    let site = site().await;
    let cache = site.kdc.tickets("alice", &site.alice, 1).await.unwrap();
    within(async {
        while site.kdc.is_good(&cache).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    run_client(EXPIRED, site.with_tickets(&cache)).await;
}

const NO_KDC: &str = "failures::a_kdc_that_does_not_answer_is_asked_until_the_start_is_over";

#[tokio::test]
async fn a_kdc_that_does_not_answer_is_asked_until_the_start_is_over() {
    const LIMIT: Duration = Duration::from_secs(2);
    if is_client(NO_KDC) {
        let began = Instant::now();
        let found = reason("SASL", &[("start.timeout.ms", "2000")]).await;
        assert_eq!(found, of(KerberosFailure::Unreachable));
        assert!(began.elapsed() >= LIMIT, "it may have been on its way up");
        return;
    }
    run_client(NO_KDC, elsewhere(site().await)).await;
}

/// An environment whose KDC is at a port that nobody listens on.
fn elsewhere(site: &Site) -> crate::site::Environment {
    let config = std::fs::read_to_string(site.kdc.config()).unwrap();
    let path = site.kdc.config().with_extension("elsewhere");
    let moved: String = config
        .lines()
        .map(|line| match line.trim_start().starts_with("kdc =") {
            true => "kdc = 127.0.0.1:1\n".to_owned(),
            false => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&path, moved).unwrap();
    let mut environment = site.with_keytab(&site.alice);
    environment.push(("KRB5_CONFIG", path.into()));
    environment
}

const REFUSED: &str = "failures::a_broker_whose_own_key_is_old_refuses_at_once";

#[tokio::test]
async fn a_broker_whose_own_key_is_old_refuses_at_once() {
    if is_client(REFUSED) {
        match reason("STALE", &[("sasl.kerberos.service.name", "stale")]).await {
            AuthFailure::Refused(error) => assert_eq!(error.name(), "SASL_AUTHENTICATION_FAILED"),
            other => panic!("{other:?}"),
        }
        return;
    }
    let site = site().await;
    run_client(REFUSED, site.with_keytab(&site.alice)).await;
}
