//! Signed commits, as `git -c gpg.format=ssh commit -S` makes them.

use russh::keys::ssh_key::{HashAlg, LineEnding, SshSig};

use super::keys;
use crate::store::{Error, SigningKey};

/// What Git's signatures are for.
const NAMESPACE: &str = "git";

/// Whether this key can sign.
pub(crate) fn check(key: &SigningKey) -> Result<(), Error> {
    sign("", key).map(drop)
}

/// The commit object with a signature of all of it in its header.
pub(crate) fn signed(commit: &str, key: &SigningKey) -> Result<String, Error> {
    let signature = sign(commit, key)?;
    let (header, message) = commit.split_once("\n\n").unwrap_or((commit, ""));
    // The lines of one field: all but its first begin with a space.
    Ok(format!("{header}\ngpgsig {}\n\n{message}", signature.trim_end().replace('\n', "\n ")))
}

fn sign(text: &str, key: &SigningKey) -> Result<String, Error> {
    let unusable = |why: String| Error::Unauthorized(format!("the key that commits are signed with {why}"));
    let key = keys::parse(&key.0).map_err(unusable)?;
    let signature = SshSig::sign(&key, NAMESPACE, HashAlg::Sha512, text.as_bytes());
    let signature = signature.and_then(|signature| signature.to_pem(LineEnding::LF));
    signature.map_err(|error| unusable(format!("does not sign: {error}")))
}
