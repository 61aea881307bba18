use super::*;
use std::{fs::File, path::PathBuf};

const CERTIFICATE: &str = include_str!("../tests/data/client.crt");

struct Trust(PathBuf);

impl Trust {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("guanaco-{name}-{}.pem", std::process::id()));
        fs::write(&path, CERTIFICATE).unwrap();
        Self(path)
    }

    fn settings(&self) -> TlsSettings {
        let mut settings = TlsSettings::default();
        settings.roots = Some(TlsSource::File(self.0.clone()));
        settings
    }

    /// As `mv` or `cp -p` does.
    fn replace(&self, text: &str) {
        let other = self.0.with_extension("new");
        fs::write(&other, text).unwrap();
        let modified = fs::metadata(&self.0).unwrap().modified().unwrap();
        File::options()
            .write(true)
            .open(&other)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        fs::rename(&other, &self.0).unwrap();
    }
}

impl Drop for Trust {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn another_file_of_the_same_size_and_time_is_noticed() {
    let trust = Trust::new("same-size");
    let before = stamps(&trust.settings());
    trust.replace(&CERTIFICATE.replace('A', "B"));
    assert_ne!(stamps(&trust.settings()), before);
}

#[tokio::test]
async fn files_that_hang_do_not_outlast_the_limit() {
    let trust = Trust::new("hanging");
    let tls = Tls::new(trust.settings(), Other::Broker);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    // Somebody else waits for them already.
    let _reads = tls.made.lock().await;
    let limit = Duration::from_millis(50);
    let connected = tls.connect(stream, "localhost", limit);
    let connected = timeout(Duration::from_secs(10), connected).await;
    assert!(matches!(
        connected.expect("it ends by itself"),
        Err(ConnectErrorKind::Timeout { .. })
    ));
}

#[tokio::test]
async fn files_that_cannot_be_used_are_not_read_again_until_they_change() {
    let trust = Trust::new("unusable");
    let tls = Tls::new(trust.settings(), Other::Broker);
    let first = tls.config().await.unwrap();
    trust.replace("nothing");
    assert!(Arc::ptr_eq(&tls.config().await.unwrap(), &first));
    let stamps = stamps(&trust.settings());
    let made = tls.made.lock().await.clone().unwrap();
    assert!(made.stamps != stamps && made.is_settled(&stamps));
    trust.replace(CERTIFICATE);
    assert!(!Arc::ptr_eq(&tls.config().await.unwrap(), &first));
}
