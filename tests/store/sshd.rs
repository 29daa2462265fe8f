//! A real `sshd` that this user runs for itself: one process for each connection, which the test can cut.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A server that ends with the test.
pub(crate) struct Sshd {
    dir: tempfile::TempDir,
    port: u16,
    user: String,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Sshd {
    /// A server with one host key of each of these kinds.
    pub(crate) fn start(kinds: &[&str]) -> Self {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].map(Path::new);
        let program = program.into_iter().find(|path| path.exists());
        let program = program.expect("these tests need sshd: apt-get install openssh-server").to_owned();
        // Only where root runs it does it insist on this.
        let _ = std::fs::create_dir_all("/run/sshd");
        let dir = tempfile::tempdir().unwrap();
        let mut config = format!(
            "AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel ERROR\n",
            dir.path().join("authorized_keys").display()
        );
        for kind in kinds {
            generate(&dir.path().join(kind), &["-t", kind]);
            config += &format!("HostKey {}\n", dir.path().join(kind).display());
        }
        std::fs::write(dir.path().join("sshd_config"), config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (shared, config) = (connections.clone(), dir.path().join("sshd_config"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let socket = || Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
                let mut sshd = Command::new(&program);
                sshd.arg("-i").arg("-f").arg(&config).stdin(socket()).stdout(socket()).stderr(Stdio::null());
                let mut child = sshd.spawn().unwrap();
                std::thread::spawn(move || child.wait());
                shared.lock().unwrap().push(stream);
            }
        });
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        Self { dir, port, user: String::from_utf8(user).unwrap().trim().to_owned(), connections }
    }

    /// The URL of a repository on this machine.
    pub(crate) fn repo(&self, path: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// The server's name, as `known_hosts` writes it.
    pub(crate) fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    /// The public host key of a kind: `ssh-ed25519 AAAA…`.
    pub(crate) fn host_key(&self, kind: &str) -> String {
        public(&self.dir.path().join(kind))
    }

    /// The line of `known_hosts` about a host key.
    pub(crate) fn known(&self, kind: &str) -> String {
        format!("{} {}\n", self.name(), self.host_key(kind))
    }

    /// Makes a key, lets in whoever has it and nobody else, and answers it.
    pub(crate) fn only_key(&self, options: &[&str]) -> String {
        let path = self.dir.path().join("user");
        let _ = std::fs::remove_file(&path);
        generate(&path, options);
        std::fs::write(self.dir.path().join("authorized_keys"), public(&path)).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    /// Cuts all connections; how many there have been so far.
    pub(crate) fn cut(&self) -> usize {
        let connections = self.connections.lock().unwrap();
        connections.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        connections.len()
    }

    /// How many connections there have been so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }
}

/// Makes a key without a passphrase, unless the options say otherwise.
pub(crate) fn generate(path: &Path, options: &[&str]) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-C", "", "-f"]).arg(path).args(options);
    if !options.contains(&"-N") {
        keygen.args(["-N", ""]);
    }
    let made = keygen.status().expect("these tests need ssh-keygen: apt-get install openssh-client");
    assert!(made.success(), "ssh-keygen {options:?}");
}

/// The public half of the key at `path`, without its comment.
pub(crate) fn public(path: &Path) -> String {
    let text = std::fs::read_to_string(with_pub(path)).unwrap();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn with_pub(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// The fingerprint of a public key, by `ssh-keygen`.
pub(crate) fn fingerprint(public: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), public).unwrap();
    let output = Command::new("ssh-keygen").arg("-lf").arg(file.path()).output().unwrap().stdout;
    String::from_utf8(output).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}
