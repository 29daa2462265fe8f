//! Finds the files that `-f` names.

use std::collections::HashSet;
use std::fs::{self, DirEntry, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::manifest::read::MAX_BYTES;

/// How standard input is called in messages.
const STDIN: &str = "<stdin>";
/// What is read of a directory, and what a file is taken for.
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
    /// Its bytes, and which file they are of: two names of one file are one file.
    pub(super) fn read(&mut self) -> io::Result<(Option<Identity>, Vec<u8>)> {
        match &mut self.content {
            Content::File(path) => {
                let file = fs::File::open(path)?;
                // Only the file itself knows: what its directory says of it differs between file systems.
                let identity = identity(&file.metadata()?);
                read(file).map(|bytes| (Some(identity), bytes))
            }
            Content::Here(bytes) => std::mem::replace(bytes, Ok(Vec::new())).map(|bytes| (None, bytes)),
        }
    }
}

/// Whether a file that is named so, or standard input, is to be YAML or JSON.
pub(super) fn is_yaml(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    name == STDIN || extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// Collects everything below the given paths, in order, each file once. `Err` if a path itself cannot
/// be used; what goes wrong below one is an item. `all`: files that are no objects are wanted as well.
pub(super) fn sources(paths: &[PathBuf], all: bool) -> Result<Vec<Source>, String> {
    let mut walk = Walk { all, ..Walk::default() };
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
            walk.directory(path);
        } else {
            walk.file(path);
        }
    }
    Ok(walk.found)
}

/// Device and inode.
pub(super) type Identity = (u64, u64);

fn identity(about: &Metadata) -> Identity {
    (about.dev(), about.ino())
}

#[derive(Default)]
struct Walk {
    found: Vec<Source>,
    /// Directories: links may lead to one again.
    seen: HashSet<Identity>,
    stdin_taken: bool,
    all: bool,
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
        let content = Content::File(path.to_owned());
        self.found.push(Source { name: path.display().to_string(), content });
    }

    fn directory(&mut self, path: &Path) {
        let listed = fs::metadata(path).and_then(|about| {
            let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
            Ok((identity(&about), entries))
        });
        let (identity, mut entries) = match listed {
            Ok(listed) => listed,
            Err(e) => {
                self.found.push(Source { name: path.display().to_string(), content: Content::Here(Err(e)) });
                return;
            }
        };
        if !self.seen.insert(identity) {
            return;
        }
        entries.sort_by_cached_key(DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let (name, path) = (name.to_string_lossy(), entry.path());
            if name.starts_with('.') {
                continue;
            }
            // The directory itself says what a plain file is: ten thousand of them need not be asked.
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                if self.is_wanted(&name) {
                    self.file(&path);
                }
                continue;
            }
            match fs::metadata(&path) {
                Ok(about) if about.is_dir() => self.directory(&path),
                Ok(about) if about.is_file() && self.is_wanted(&name) => self.file(&path),
                Ok(_) => {}
                // A link that leads nowhere may have led to a whole directory of requests.
                Err(_) => self.file(&path),
            }
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        is_yaml(name) && (self.all || !PASSED_OVER.contains(&name))
    }
}

/// Reads one byte more than is allowed, so that the reader can tell that there is more.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    // Most files fit at once.
    let mut bytes = Vec::with_capacity(4 << 10);
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
