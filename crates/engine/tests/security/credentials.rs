//! Names and passwords from a provider, which may change while a producer runs.

use crate::support::{
    ALICE, config, connect, numbered, produce, sends, site, trusting, within, works,
};
use guanaco_engine::{AuthFailure, ConfigError, Credentials, CredentialsError, StartError, Topic};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

#[tokio::test]
async fn a_providers_password_is_accepted_by_plain_and_scram() {
    for (mechanism, (user, password)) in [
        ("PLAIN", ("bob", "canary-bob")),
        ("SCRAM-SHA-256", ALICE),
        ("SCRAM-SHA-512", ALICE),
    ] {
        let settings = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", mechanism),
            // It is the provider who knows.
            ("sasl.username", "nobody"),
            ("sasl.password", "canary-old"),
        ];
        let mut config = config("SASL_TLS", &trusting(&settings).await).await;
        let provider = move || async move { Ok(Credentials::new(user, password)) };
        config
            .security
            .sasl
            .set_credentials_provider(Arc::new(provider));
        works(config).await;
    }
}

#[tokio::test]
async fn a_password_that_changes_counts_for_the_next_session() {
    const USER: &str = "rotated";
    let cluster = &site().await.cluster;
    cluster.add_scram_user(USER, "canary-first").await.unwrap();
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("linger.ms", "0"),
    ];
    let mut config = config("SHORT", &settings).await;
    let vault = Arc::new(Mutex::new("canary-first"));
    let handed_out = Arc::new(Mutex::new(Vec::new()));
    let (known, log) = (Arc::clone(&vault), Arc::clone(&handed_out));
    let provider = move || {
        let password = *known.lock().unwrap();
        log.lock().unwrap().push(password);
        async move { Ok(Credentials::new(USER, password)) }
    };
    config
        .security
        .sasl
        .set_credentials_provider(Arc::new(provider));
    let producer = works(config).await;

    *vault.lock().unwrap() = "canary-second";
    cluster.add_scram_user(USER, "canary-second").await.unwrap();
    // Sessions here last 3 s: after two more of them the old password is of no more use.
    within(async {
        let renewals = || {
            let log = handed_out.lock().unwrap();
            log.iter().filter(|it| **it == "canary-second").count()
        };
        while renewals() < 4 {
            for outcome in produce(&producer, &Topic::from("t"), &numbered(1)).await {
                outcome.unwrap();
            }
        }
    })
    .await;
    sends(&producer, "t", 10).await;
}

#[tokio::test]
async fn a_provider_that_has_none_is_asked_until_the_start_times_out() {
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("start.timeout.ms", "1500"),
    ];
    let mut config = config("SASL", &settings).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let provider = move || {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err(CredentialsError::new("the vault is sealed")) }
    };
    config
        .security
        .sasl
        .set_credentials_provider(Arc::new(provider));
    match connect(config).await {
        Err(StartError::Auth {
            reason: AuthFailure::Credentials(why),
            ..
        }) => assert_eq!(&*why, "the vault is sealed"),
        other => panic!("{other:?}"),
    }
    assert!(asked.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn a_providers_wrong_password_ends_the_start_and_is_not_shown() {
    let settings = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
    ];
    let mut config = config("SASL_TLS", &trusting(&settings).await).await;
    let provider = || async { Ok(Credentials::new("bob", "canary-wrong")) };
    config
        .security
        .sasl
        .set_credentials_provider(Arc::new(provider));
    let shown = format!("{config:?}");
    match connect(config).await {
        Err(StartError::Auth {
            reason: AuthFailure::Refused(error),
            ..
        }) => assert!(
            !format!("{shown} {error:?} {error}").contains("canary"),
            "{error}"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_provider_beside_a_mechanism_of_tokens_is_a_setting_at_fault() {
    let settings = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "OAUTHBEARER"),
    ];
    let mut config = config("SASL_TLS", &trusting(&settings).await).await;
    let provider = || async { Ok(Credentials::new("bob", "canary-bob")) };
    config
        .security
        .sasl
        .set_credentials_provider(Arc::new(provider));
    match config.validate() {
        Err(ConfigError::Invalid { key, .. }) => assert_eq!(key, "sasl.mechanism"),
        other => panic!("{other:?}"),
    }
}
