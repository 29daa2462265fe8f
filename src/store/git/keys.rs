//! Private keys of SSH.

use russh::keys::{PrivateKey, decode_secret_key};

/// Reads a private key: OpenSSH's own format, PKCS#8, or PKCS#1 for RSA. `Err` goes on with the key as subject, and
/// shows nothing of it.
pub(crate) fn parse(text: &str) -> Result<PrivateKey, String> {
    // An indented block of YAML may have left its indentation.
    let text: String = text.lines().flat_map(|line| [line.trim(), "\n"]).collect();
    let encrypted = "has a passphrase, and nobody is here to enter it: give one without (`ssh-keygen -p` removes it)";
    if text.contains("ENCRYPTED") {
        return Err(encrypted.to_owned());
    }
    decode_secret_key(&text, None).map_err(|error| match error {
        russh::keys::Error::KeyIsEncrypted => encrypted.to_owned(),
        _ => "cannot be read: it should be the whole file of a private key, as `ssh-keygen` writes it".to_owned(),
    })
}
