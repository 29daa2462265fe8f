//! Whether two URLs name the same repository. Compared as Argo CD does when a webhook tells it of a push: the
//! protocol, the user and the port say only how it is reached, and case makes no difference.

/// Host and path of a repository's URL, spelled one way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::controller) struct Address(Box<str>);

impl Address {
    /// The address in a URL, or in `user@host:path`.
    pub(super) fn new(url: &str) -> Self {
        let url = url.trim().to_lowercase();
        let (host, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
            None => url.split_once(':').unwrap_or(("", &url)),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        Self(format!("{}/{path}", bare(host)).into())
    }
}

/// A host without user and port, and without the name by which GitHub and Azure serve SSH where only the port of
/// HTTPS is open.
fn bare(host: &str) -> &str {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    host.strip_prefix("altssh.").or_else(|| host.strip_prefix("ssh.")).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One repository each.
    const SAME: &[&[&str]] = &[
        &[
            "https://git.example.com/platform/state.git",
            "https://git.example.com/platform/state",
            "https://git.example.com/platform/state.git/",
            "  https://git.example.com/platform/state/ ",
            "https://GIT.Example.com/Platform/State.git",
            "https://kept:to%40ken@git.example.com/platform/state.git",
            "https://git.example.com:8443/platform/state.git",
            "http://git.example.com/platform/state",
            "ssh://git@git.example.com/platform/state.git",
            "ssh://git@git.example.com:2222/platform/state.git",
            "git@git.example.com:platform/state.git",
            "git.example.com:platform/state",
            "git@git.example.com:/platform/state.git",
        ],
        &["https://github.com/o/r", "ssh://git@ssh.github.com:443/o/r.git"],
        &["ssh://git@[::1]:2222/o/r.git", "http://[::1]/o/r", "http://[::1]:3000/o/r/"],
        &["file:///srv/git/state.git", "/srv/git/state"],
        &["https://git.example.com/platform/states.git"],
        &["https://git.example.com/platform/sub/state.git"],
        &["https://git.example.com/state.git"],
        &["https://git.example.org/platform/state.git"],
        &["https://git.example.com/"],
        &["https://git.example.com/platform/state.git.git"],
        &[""],
    ];

    #[test]
    fn urls_of_one_repository_are_equal_and_those_of_two_are_not() {
        for (i, one) in SAME.iter().enumerate() {
            for (j, other) in SAME.iter().enumerate() {
                for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    assert_eq!(Address::new(a) == Address::new(b), i == j, "{a} and {b}");
                }
            }
        }
    }

    #[test]
    fn a_stores_remote_is_what_applications_read() {
        for url in SAME[0] {
            let remote = crate::placement::Remote::new(url).to_string();
            assert_eq!(Address::new(&remote), Address::new(url), "{remote}");
        }
    }
}
