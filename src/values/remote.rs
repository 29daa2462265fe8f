use std::fmt;
use std::sync::Arc;

/// A remote repository, by its URL without credentials, spelled one way: no trailing slash or `.git`,
/// host in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Remote(Arc<str>);

impl Remote {
    /// The remote at `url` (an URL, a path, or `user@host:path`).
    pub fn new(url: &str) -> Self {
        let text = match url::Url::parse(url) {
            Ok(mut parsed) if parsed.has_host() => {
                let _ = parsed.set_password(None);
                if parsed.scheme().starts_with("http") {
                    let _ = parsed.set_username("");
                }
                parsed.set_query(None);
                parsed.set_fragment(None);
                parsed.to_string()
            }
            _ => url.strip_prefix("file://").unwrap_or(url).to_owned(),
        };
        let text = text.trim_end_matches('/');
        Self(text.strip_suffix(".git").unwrap_or(text).into())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch of a remote: what one writer writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch {
    /// The repository.
    pub remote: Remote,
    /// The branch's name, such as `main`.
    pub name: String,
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.remote, self.name)
    }
}
