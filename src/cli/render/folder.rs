//! Writes rendered files below a directory, and nowhere else.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::Rendering;

/// Writes everything; answers with the paths written, a line each. Directories that a request has to
/// itself are replaced, nothing else is removed.
pub(super) fn write(dir: &Path, rendering: &Rendering<'_>) -> Result<String, String> {
    let failed = |path: &Path, e: &io::Error| format!("{}: {e}", path.display());
    fs::create_dir_all(dir).map_err(|e| failed(dir, &e))?;
    let files = rendering.files();
    // Everything is looked at before anything is changed.
    for path in rendering.directories().iter().chain(files.keys()) {
        refuse_links(dir, path)?;
    }
    for own in rendering.directories() {
        let path = dir.join(own);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&path, &e)),
            _ => {}
        }
    }
    let mut written = String::new();
    for (name, bytes) in &files {
        let path = dir.join(name);
        let above = path.parent().unwrap_or(dir);
        fs::create_dir_all(above).and_then(|()| fs::write(&path, bytes)).map_err(|e| failed(&path, &e))?;
        let _ = writeln!(written, "{}", path.display());
    }
    Ok(written)
}

/// A symbolic link on the way would lead the files out of the directory.
fn refuse_links(dir: &Path, path: &str) -> Result<(), String> {
    let mut here = PathBuf::from(dir);
    for component in path.split('/') {
        here.push(component);
        match fs::symlink_metadata(&here) {
            Ok(metadata) if metadata.file_type().is_symlink() => {
                return Err(format!(
                    "{} is a symbolic link and is not written through: remove it, or choose another --out",
                    here.display()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
