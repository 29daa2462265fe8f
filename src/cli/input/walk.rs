//! Finds the files that `-f` names.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::manifest::read::MAX_BYTES;

/// How standard input is called in messages.
const STDIN: &str = "<stdin>";
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// Kustomize's own files: they describe how others are put together and are no objects.
const PASSED_OVER: [&str; 2] = ["kustomization.yaml", "kustomization.yml"];

/// A file, or what was to be one.
pub(super) struct Source {
    /// As the user would name it.
    pub(super) name: String,
    content: Content,
}

enum Content {
    /// Not read yet.
    File(PathBuf),
    /// Standard input, or why there is nothing.
    Here(io::Result<Vec<u8>>),
}

impl Source {
    /// Its name and its bytes.
    pub(super) fn read(self) -> (String, io::Result<Vec<u8>>) {
        let bytes = match self.content {
            Content::File(path) => fs::File::open(path).and_then(read),
            Content::Here(bytes) => bytes,
        };
        (self.name, bytes)
    }
}

/// Collects everything below the given paths, in order, each file once. `Err` if a path itself cannot
/// be used; what goes wrong below one is an item.
pub(super) fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut walk = Walk::default();
    for path in paths {
        if path.as_os_str() == "-" {
            walk.stdin()?;
            continue;
        }
        let metadata = fs::metadata(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => format!("the path {:?} does not exist", path.display()),
            _ => format!("the path {:?} cannot be read: {e}", path.display()),
        })?;
        if metadata.is_dir() {
            walk.directory(path, &mut Vec::new());
        } else {
            walk.file(path);
        }
    }
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    found: Vec<Source>,
    seen: BTreeSet<PathBuf>,
    stdin_taken: bool,
}

impl Walk {
    fn stdin(&mut self) -> Result<(), String> {
        if std::mem::replace(&mut self.stdin_taken, true) {
            return Err("standard input (`-f -`) can be given only once".into());
        }
        self.found.push(Source { name: STDIN.into(), content: Content::Here(read(io::stdin().lock())) });
        Ok(())
    }

    fn file(&mut self, path: &Path) {
        // Two names of one file are one file; a pipe has no canonical path and needs none.
        let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.seen.insert(identity) {
            let content = Content::File(path.to_owned());
            self.found.push(Source { name: path.display().to_string(), content });
        }
    }

    /// `above`: the directories on the way here, so that a symbolic link to one of them ends the walk.
    fn directory(&mut self, path: &Path, above: &mut Vec<PathBuf>) {
        let listed = fs::canonicalize(path).and_then(|identity| {
            let entries = fs::read_dir(path)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
            Ok((identity, entries))
        });
        let (identity, mut entries) = match listed {
            Ok(listed) => listed,
            Err(e) => {
                self.found.push(Source { name: path.display().to_string(), content: Content::Here(Err(e)) });
                return;
            }
        };
        if above.contains(&identity) {
            return;
        }
        above.push(identity);
        entries.sort();
        for entry in entries {
            let name = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            match fs::metadata(&entry) {
                Ok(m) if m.is_dir() => self.directory(&entry, above),
                Ok(m) if m.is_file() && is_wanted(&name) => self.file(&entry),
                Ok(_) => {}
                // A link that leads nowhere may have led to a whole directory of requests.
                Err(_) => self.file(&entry),
            }
        }
        above.pop();
    }
}

fn is_wanted(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str())) && !PASSED_OVER.contains(&name)
}

/// Reads one byte more than is allowed, so that the reader can tell that there is more.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
