//! Credentials for a store that is given by its URL: from the environment, as ssh finds them, or from
//! Git's own credential helpers. Never printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use url::Url;

use crate::store::{Credentials, SigningKey, SshLogin};

const USERNAME: &str = "KEPT_GIT_USERNAME";
const PASSWORD: &str = "KEPT_GIT_PASSWORD";
const SSH_KEY: &str = "KEPT_GIT_SSH_KEY_FILE";
const KNOWN_HOSTS: &str = "KEPT_GIT_KNOWN_HOSTS_FILE";
const SIGNING_KEY: &str = "KEPT_GIT_SIGNING_KEY_FILE";
/// Where ssh keeps its keys, below `~/.ssh`; the first that the server takes is used.
const IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// A user name and a password.
pub(super) type Basic = (String, String);

/// What the environment gives for `--store`.
#[derive(Default)]
pub(super) struct Environment {
    pub(super) credentials: Credentials,
    pub(super) signing: Option<SigningKey>,
}

impl Environment {
    /// Reads what is needed for a store over SSH, or over HTTP.
    pub(super) fn read(over_ssh: bool) -> Result<Self, String> {
        let credentials = if over_ssh { Credentials::Ssh(ssh_login()?) } else { user()? };
        Ok(Self { credentials, signing: named_file(SIGNING_KEY)?.map(SigningKey) })
    }
}

fn user() -> Result<Credentials, String> {
    match (variable(USERNAME)?, variable(PASSWORD)?) {
        (Some(user), Some(password)) => Ok(Credentials::basic(user, password)),
        (None, None) => Ok(Credentials::None),
        (Some(_), None) => Err(format!("{USERNAME} is set without {PASSWORD} (or {PASSWORD}_FILE)")),
        (None, Some(_)) => Err(format!("{PASSWORD} is set without {USERNAME} (or {USERNAME}_FILE)")),
    }
}

/// The key that is named, or else those of an agent and in `~/.ssh`; and the known hosts in the same way.
fn ssh_login() -> Result<SshLogin, String> {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".ssh"));
    let text = |path: &Path| std::fs::read_to_string(path).ok();
    let below = |name: &str| text(&home.as_ref()?.join(name));
    let known_hosts = match named_file(KNOWN_HOSTS)? {
        Some(known) => known,
        None => [below("known_hosts"), text(Path::new("/etc/ssh/ssh_known_hosts"))].into_iter().flatten().collect(),
    };
    Ok(match named_file(SSH_KEY)? {
        Some(key) => SshLogin { private_keys: vec![key], agent: None, known_hosts },
        None => SshLogin {
            private_keys: IDENTITIES.iter().filter_map(|name| below(name)).collect(),
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            known_hosts,
        },
    })
}

/// The content of the file that a variable names.
fn named_file(name: &str) -> Result<Option<String>, String> {
    let Some(path) = std::env::var_os(name).filter(|path| !path.is_empty()) else { return Ok(None) };
    std::fs::read_to_string(&path).map(Some).map_err(|e| format!("{name} names {}: {e}", Path::new(&path).display()))
}

/// The proxy of git's own configuration for a URL; empty if that says that there is none.
pub(super) fn git_proxy(url: &str) -> Option<String> {
    let mut git = Command::new("git");
    let output = git.args(["config", "--get-urlmatch", "http.proxy", url]).stderr(Stdio::null()).output().ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn variable(name: &str) -> Result<Option<String>, String> {
    let read = |name: &str| match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|v| !v.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not valid UTF-8")),
    };
    let file = format!("{name}_FILE");
    match (read(name)?, read(&file)?) {
        (Some(_), Some(_)) => Err(format!("{name} and {file} are both set: unset one of them")),
        (value, None) => Ok(value),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(|e| format!("{file} names {path:?}: {e}"))?;
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            if text.is_empty() { Err(format!("{file} names {path:?}, which is empty")) } else { Ok(Some(text)) }
        }
    }
}

/// An answer of Git's credential helpers, to be confirmed or rejected once it has been tried.
pub(super) struct Helper {
    answer: String,
    basic: Basic,
}

impl Helper {
    /// Asks the helpers; Git itself asks the user if it may (`GIT_TERMINAL_PROMPT`). `None` if nobody
    /// knows any.
    pub(super) fn fill(url: &Url) -> Option<Self> {
        let mut question = format!("protocol={}\nhost={}", url.scheme(), url.host_str()?);
        if let Some(port) = url.port() {
            let _ = write!(question, ":{port}");
        }
        let _ = write!(question, "\npath={}\n\n", url.path().trim_start_matches('/'));
        let answer = git_credential("fill", &question)?;
        let field =
            |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
        let basic = (field("username")?, field("password")?);
        Some(Self { answer, basic })
    }

    /// The credentials.
    pub(super) fn basic(&self) -> Basic {
        self.basic.clone()
    }

    /// They were accepted: the helpers may remember them.
    pub(super) fn approve(&self) {
        let _ = git_credential("approve", &format!("{}\n\n", self.answer.trim_end()));
    }

    /// They were refused: the helpers should forget them.
    pub(super) fn reject(&self) {
        let _ = git_credential("reject", &format!("{}\n\n", self.answer.trim_end()));
    }
}

/// Runs `git credential`; what it says on standard error is about prompts and not for our user.
fn git_credential(action: &str, input: &str) -> Option<String> {
    let mut child = Command::new("git")
        .args(["credential", action])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}
