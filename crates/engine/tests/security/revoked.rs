//! Certificates that their authority took back: `ssl.crl.location`.

use crate::support::{
    config, connect, file, numbered, produce, sends, site, trusting, within, works,
};
use guanaco_engine::{AuthFailure, ConfigError, ProducerConfig, StartError, Topic};
use guanaco_testkit::kafka::Authority;
use std::time::{Duration, Instant};

/// Far from `start.timeout.ms`, which is 30 s here.
const AT_ONCE: Duration = Duration::from_secs(15);

/// For a listener, with a file of this name that holds lists.
async fn checked(listener: &str, name: &str, lists: &str) -> ProducerConfig {
    let path = file(name, lists);
    let settings = [
        ("security.protocol", "SSL"),
        ("ssl.crl.location", path.to_str().unwrap()),
    ];
    config(listener, &trusting(&settings).await).await
}

async fn reason(config: ProducerConfig) -> AuthFailure {
    let began = Instant::now();
    match connect(config).await {
        Err(StartError::Auth { reason, .. }) => {
            assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_others_of_the_same_authority_are_not() {
    let site = site().await;
    let list = site.authority.revoke(&[&site.revoked]).unwrap();
    let refused = checked("REVOKED", "revoked.crl", &list).await;
    assert_eq!(reason(refused).await, AuthFailure::Revoked);
    works(checked("TLS", "revoked.crl", &list).await).await;
    // Without a list nothing is known.
    let settings = [("security.protocol", "SSL")];
    works(config("REVOKED", &trusting(&settings).await).await).await;
}

#[tokio::test]
async fn a_list_may_be_der_and_one_of_several() {
    let site = site().await;
    let list = site.authority.revoke(&[&site.revoked]).unwrap();
    let others = Authority::new("others").unwrap().revoke(&[]).unwrap();
    let several = checked("REVOKED", "several.crl", &format!("{others}{list}")).await;
    assert_eq!(reason(several).await, AuthFailure::Revoked);

    let mut der = checked("REVOKED", "der.crl", "").await;
    let body: String = list.lines().filter(|line| !line.contains("---")).collect();
    use base64::{Engine, engine::general_purpose::STANDARD};
    let path = file("der.crl", "");
    std::fs::write(&path, STANDARD.decode(body).unwrap()).unwrap();
    assert_eq!(reason(der.clone()).await, AuthFailure::Revoked);
    // Whatever name is accepted, a revoked certificate is not.
    der.security.tls.dangerous_accept_any_hostname();
    assert_eq!(reason(der).await, AuthFailure::Revoked);
}

#[tokio::test]
async fn where_the_lists_do_not_tell_the_certificate_is_refused() {
    let site = site().await;
    let outdated = site.authority.revoke_outdated(&[]).unwrap();
    let others = Authority::new("others").unwrap().revoke(&[]).unwrap();
    // Of the right name, but not by the right key.
    let forged = Authority::new("guanaco-tests")
        .unwrap()
        .revoke(&[])
        .unwrap();
    for (name, list, part) in [
        ("outdated.crl", outdated, "outdated"),
        ("others.crl", others, "no list of its authority"),
        ("forged.crl", forged, "BadSignature"),
    ] {
        let failure = reason(checked("TLS", name, &list).await).await;
        assert!(
            matches!(&failure, AuthFailure::RevocationUnknown(why) if why.contains(part)),
            "{name}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_file_without_a_list_is_a_setting_at_fault() {
    for (name, text, part) in [
        ("none.crl", "nothing", "holds no list"),
        ("broken.crl", "\u{30}\u{3}abc", "cannot be used"),
    ] {
        match connect(checked("TLS", name, text).await).await {
            Err(StartError::Config(ConfigError::Invalid { key, rule })) => {
                assert_eq!(key, "ssl.crl.location");
                assert!(rule.contains(part), "{rule}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_changed_list_counts_for_the_next_connection() {
    let site = site().await;
    let [nobody, good] = [&[][..], &[&site.good]].map(|list| site.authority.revoke(list).unwrap());
    let mut config = checked("TLS", "changed.crl", &nobody).await;
    config.connections_max_idle = Duration::from_millis(200);
    config.request_timeout = Duration::from_secs(1);
    config.delivery_timeout = Duration::from_secs(3);
    config.linger = Duration::ZERO;
    let producer = works(config).await;
    file("changed.crl", &good);
    // Idle connections are closed, so a record soon meets the new list.
    let failed = within(async {
        loop {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let outcome = produce(&producer, &Topic::from("t"), &numbered(1)).await;
            if let Some(Err(error)) = outcome.into_iter().next() {
                return error;
            }
        }
    });
    let failed = failed.await.to_string();
    assert!(failed.contains("was revoked"), "{failed}");
    file("changed.crl", &nobody);
    sends(&producer, "t", 10).await;
}
