//! User names and passwords for a store that is given by its URL: from the environment, or from
//! Git's own credential helpers. Never printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use url::Url;

const USERNAME: &str = "KEPT_GIT_USERNAME";
const PASSWORD: &str = "KEPT_GIT_PASSWORD";

/// A user name and a password.
pub(super) type Basic = (String, String);

/// What the environment gives, if anything.
pub(super) fn from_environment() -> Result<Option<Basic>, String> {
    match (variable(USERNAME)?, variable(PASSWORD)?) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("{USERNAME} is set without {PASSWORD} (or {PASSWORD}_FILE)")),
        (None, Some(_)) => Err(format!("{PASSWORD} is set without {USERNAME} (or {USERNAME}_FILE)")),
    }
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
