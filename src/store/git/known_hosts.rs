//! Which keys servers are known by: OpenSSH's `known_hosts`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::PublicKey;
use russh::keys::ssh_key::{Algorithm, HashAlg};

/// The port that is not written down.
const DEFAULT_PORT: u16 = 22;

/// The lines of a file that can be read; as for OpenSSH, the others do not count.
pub(crate) struct KnownHosts(Vec<Line>);

struct Line {
    mark: Mark,
    hosts: String,
    key: PublicKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    Revoked,
    /// The key signs other keys and is no server's own.
    Authority,
}

/// What is known of a server's key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the server's.
    Known,
    /// It must not be used any more.
    Revoked,
    /// Others are known for this server: their fingerprints.
    Changed(Vec<String>),
    /// Nothing is known of this server.
    Unknown,
}

impl KnownHosts {
    /// Reads a file.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(Line::parse).collect())
    }

    /// What to make of a key that a server shows.
    pub(crate) fn check(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let own = self.of(host, port);
        let same = |line: &&&Line| line.key.key_data() == key.key_data();
        if own.iter().filter(same).any(|line| line.mark == Mark::Revoked) {
            return Verdict::Revoked;
        }
        let mut plain = own.iter().filter(|line| line.mark == Mark::Plain);
        if plain.clone().any(|line| same(&line)) {
            return Verdict::Known;
        }
        if plain.clone().next().is_none() {
            return Verdict::Unknown;
        }
        Verdict::Changed(plain.by_ref().map(|line| shown(&line.key)).collect())
    }

    /// How a server may prove who it is: by the keys that are known for it alone, so that one with several keys
    /// shows one of those. Empty if nothing is known of it.
    pub(crate) fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let mut found = Vec::new();
        for line in self.of(host, port).into_iter().filter(|line| line.mark == Mark::Plain) {
            match line.key.algorithm() {
                Algorithm::Rsa { .. } => {
                    found.extend([HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }));
                }
                other => found.push(other),
            }
        }
        found
    }

    /// The lines about a server. One that is known without its port is known at every port, as OpenSSH has it,
    /// unless there are lines for this very port.
    fn of(&self, host: &str, port: u16) -> Vec<&Line> {
        let host = host.to_ascii_lowercase();
        let about = |name: &str| self.0.iter().filter(|line| line.is_about(name)).collect::<Vec<_>>();
        if port == DEFAULT_PORT {
            return about(&host);
        }
        let mut exact = about(&format!("[{host}]:{port}"));
        let general = about(&host);
        if exact.iter().any(|line| line.mark == Mark::Plain) {
            exact.extend(general.into_iter().filter(|line| line.mark == Mark::Revoked));
            return exact;
        }
        exact.extend(general);
        exact
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let mut first = words.next().filter(|word| !word.starts_with('#'))?;
        let mark = match first {
            "@revoked" => Mark::Revoked,
            "@cert-authority" => Mark::Authority,
            other if other.starts_with('@') => return None,
            _ => Mark::Plain,
        };
        if mark != Mark::Plain {
            first = words.next()?;
        }
        let key = PublicKey::from_openssh(&format!("{} {}", words.next()?, words.next()?)).ok()?;
        Some(Self { mark, hosts: first.to_owned(), key })
    }

    /// Whether one of the line's patterns is for this name and none is against it.
    fn is_about(&self, name: &str) -> bool {
        if let Some(hashed) = self.hosts.strip_prefix("|1|") {
            return is_hash_of(hashed, name);
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(pattern) if is_match(pattern, name) => return false,
                Some(_) => {}
                None => found |= is_match(pattern, name),
            }
        }
        found
    }
}

/// `salt|hash`, both in base64: a name that is not to be read by others.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else { return false };
    // The format has no other hash than this.
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    ring::hmac::verify(&key, name.as_bytes(), &hash).is_ok()
}

/// `*` is any text, `?` any character.
fn is_match(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase().into_bytes(), name.as_bytes());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// A key as `ssh-keygen -l` shows it.
pub(crate) fn shown(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// A host and a port, as a line begins with them.
pub(crate) fn written(host: &str, port: u16) -> String {
    if port == DEFAULT_PORT { host.to_owned() } else { format!("[{host}]:{port}") }
}
