//! A real Kerberos KDC, MIT's, on loopback: principals, keytabs and tickets for tests.
//!
//! Whoever uses its tickets finds it by [`Kdc::config`]: a JVM by an option, anything else by the
//! environment variable `KRB5_CONFIG`, which must be set before its Kerberos library first looks.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use guanaco_testkit::{
//!     kafka::{KafkaCluster, Listener},
//!     kdc::Kdc,
//! };
//!
//! let kdc = Kdc::start().await?;
//! let broker = "kafka/127.0.0.1";
//! let keytab = kdc.keytab(broker).await?;
//! let cluster = KafkaCluster::builder()
//!     .jvm_option(kdc.jvm_option())
//!     .listener(Listener::sasl_plaintext("SASL").kerberos(broker, &keytab))
//!     .start()
//!     .await?;
//! let app = kdc.keytab("app").await?;
//! // ... a client with KRB5_CONFIG, KRB5_CLIENT_KTNAME and a principal of its own ...
//! # drop((cluster, app));
//! # Ok(())
//! # }
//! ```

use crate::kafka::{Directory, free_ports};
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::Mutex,
};

/// Its realm, which is every principal's unless it names another.
pub const REALM: &str = "GUANACO.TEST";

/// A process of `krb5kdc` on a free port of 127.0.0.1, with its database in a temporary directory.
///
/// `scripts/fetch-kerberos` gets it by apt on the first run. It ends with this value, and with this
/// process, however that ends.
#[derive(Debug)]
pub struct Kdc {
    /// A shell that ends the KDC when its own input ends.
    _shell: Child,
    tools: Tools,
    turn: Mutex<()>,
    // Dropped behind the shell, which may still write to it.
    directory: Directory,
}

/// Runs the KDC, with its log as its output, until the input ends.
const SHELL: &str = r#"
    "$1" -n 2>&1 </dev/null &
    read -r _
    kill -9 $!
"#;

impl Kdc {
    /// Starts one and waits until it listens. Put a time-out around it.
    ///
    /// # Errors
    /// If it cannot be fetched, or does not start.
    pub async fn start() -> io::Result<Self> {
        let tools = tokio::task::spawn_blocking(Tools::fetch)
            .await
            .map_err(io::Error::other)??;
        let directory = Directory::temporary()?;
        let tools = tools.in_directory(directory.path());
        let port = free_ports(1)?[0];
        tools.configure(port)?;
        tools
            .run("sbin/kdb5_util", ["create", "-s", "-P", "test"])
            .await?;

        let mut shell = tools
            .command_for("sh")
            .args(["-c", SHELL, "kdc"])
            .arg(tools.program("sbin/krb5kdc"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = shell.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(output).lines();
        let mut log = String::new();
        while let Some(line) = lines.next_line().await? {
            // It says so when it listens.
            if line.ends_with("starting...") {
                // A pipe that nobody reads would stop it in the end.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self {
                    _shell: shell,
                    tools,
                    turn: Mutex::default(),
                    directory,
                });
            }
            log += &line;
        }
        Err(io::Error::other(format!("the KDC did not start: {log}")))
    }

    /// The `krb5.conf` that leads to it. Names of hosts are taken as they are, without a look into
    /// DNS: a broker at 127.0.0.1 is `kafka/127.0.0.1`.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.tools.config
    }

    /// What leads a JVM to it.
    #[must_use]
    pub fn jvm_option(&self) -> String {
        format!("-Djava.security.krb5.conf={}", self.config().display())
    }

    /// Makes a principal with a random key, and a keytab with it. A principal that is there already
    /// gets another key, and the keytab that it had is of no more use.
    ///
    /// # Errors
    /// If `kadmin.local` fails.
    pub async fn keytab(&self, principal: &str) -> io::Result<PathBuf> {
        let name = format!("{}.keytab", principal.replace('/', "-"));
        let keytab = self.directory.path().join(name);
        let _ = std::fs::remove_file(&keytab);
        self.change_key(principal).await?;
        let ktadd = ["ktadd", "-norandkey", "-k"].map(OsStr::new);
        let ktadd = ktadd.into_iter();
        self.administer(ktadd.chain([keytab.as_os_str(), OsStr::new(principal)]))
            .await?;
        Ok(keytab)
    }

    /// Gives a principal another random key, and makes it first if there is none.
    ///
    /// # Errors
    /// If `kadmin.local` fails.
    pub async fn change_key(&self, principal: &str) -> io::Result<()> {
        let change = match self.administer(["getprinc", principal]).await {
            Ok(()) => "cpw",
            Err(_) => "addprinc",
        };
        self.administer([change, "-randkey", principal]).await
    }

    /// Has every ticket of a principal end after so many seconds.
    ///
    /// # Errors
    /// If `kadmin.local` fails.
    pub async fn limit_tickets(&self, principal: &str, seconds: u32) -> io::Result<()> {
        let limit = format!("{seconds} seconds");
        self.administer(["modprinc", "-maxlife", &limit, principal])
            .await
    }

    /// A new cache with a ticket of a principal, by its keytab, good for so many seconds.
    ///
    /// # Errors
    /// If `kinit` fails.
    pub async fn tickets(
        &self,
        principal: &str,
        keytab: &Path,
        seconds: u32,
    ) -> io::Result<PathBuf> {
        let name = format!("{}-{:08x}.tickets", principal, fastrand::u32(..));
        let cache = self.directory.path().join(name);
        let (lifetime, keytab) = (format!("{seconds}s"), keytab.as_os_str());
        let arguments = ["-l", &lifetime, "-c"].map(OsStr::new);
        let arguments = arguments.into_iter().chain([
            cache.as_os_str(),
            OsStr::new("-k"),
            OsStr::new("-t"),
            keytab,
            OsStr::new(principal),
        ]);
        self.tools.run("bin/kinit", arguments).await?;
        Ok(cache)
    }

    /// Whether a cache holds a ticket that is still good.
    pub async fn is_good(&self, cache: &Path) -> bool {
        let arguments = [OsStr::new("-s"), OsStr::new("-c"), cache.as_os_str()];
        self.tools.run("bin/klist", arguments).await.is_ok()
    }

    async fn administer(
        &self,
        command: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<()> {
        // Each of them locks the database, and gives up soon if another has.
        let _turn = self.turn.lock().await;
        self.tools.run("sbin/kadmin.local", command).await
    }
}

/// Where the programs are, and their configuration.
#[derive(Debug)]
struct Tools {
    fetched: PathBuf,
    directory: PathBuf,
    config: PathBuf,
    kdc_config: PathBuf,
}

impl Tools {
    fn fetch() -> io::Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/fetch-kerberos");
        let output = std::process::Command::new(script)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other("scripts/fetch-kerberos failed"));
        }
        Ok(Self {
            fetched: String::from_utf8_lossy(&output.stdout).trim().into(),
            directory: PathBuf::new(),
            config: PathBuf::new(),
            kdc_config: PathBuf::new(),
        })
    }

    fn in_directory(self, directory: &Path) -> Self {
        Self {
            config: directory.join("krb5.conf"),
            kdc_config: directory.join("kdc.conf"),
            directory: directory.to_owned(),
            ..self
        }
    }

    fn configure(&self, port: u16) -> io::Result<()> {
        let directory = self.directory.display();
        let plugins = self.fetched.join("lib/krb5/plugins/kdb");
        let plugins = match plugins.is_dir() {
            true => format!("db_module_dir = {}\n", plugins.display()),
            // They are where the system's own KDC looks.
            false => String::new(),
        };
        std::fs::write(
            &self.config,
            format!(
                "[libdefaults]\n\
                 default_realm = {REALM}\n\
                 dns_lookup_realm = false\n\
                 dns_lookup_kdc = false\n\
                 dns_canonicalize_hostname = false\n\
                 rdns = false\n\
                 udp_preference_limit = 1\n\
                 [realms]\n\
                 {REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n"
            ),
        )?;
        std::fs::write(
            &self.kdc_config,
            format!(
                "[kdcdefaults]\n\
                 kdc_listen = \"\"\n\
                 kdc_tcp_listen = 127.0.0.1:{port}\n\
                 [realms]\n\
                 {REALM} = {{\n\
                 database_module = here\n\
                 key_stash_file = {directory}/stash\n\
                 default_principal_flags = +preauth\n}}\n\
                 [dbmodules]\n\
                 {plugins}\
                 here = {{\n\
                 db_library = db2\n\
                 database_name = {directory}/principals\n}}\n"
            ),
        )
    }

    /// As it was fetched, or as the system has it.
    fn program(&self, path: &str) -> PathBuf {
        let fetched = self.fetched.join(path);
        match fetched.is_file() {
            true => fetched,
            false => Path::new("/usr").join(path),
        }
    }

    fn command_for(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("LD_LIBRARY_PATH", self.fetched.join("lib"))
            .env("KRB5_CONFIG", &self.config)
            .env("KRB5_KDC_PROFILE", &self.kdc_config)
            .env_remove("KRB5CCNAME")
            .env_remove("KRB5_CLIENT_KTNAME")
            .env_remove("KRB5_KTNAME");
        command
    }

    async fn run(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<()> {
        let output = self
            .command_for(self.program(program))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("{program}: {}", said.trim())))
    }
}
