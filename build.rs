//! Names the build by its sources and those of all it is built with: records of an earlier build do not stand for
//! what this one renders.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

/// What can change what is rendered. The sources are taken whole: which of them matter is not for a list to say.
const INPUTS: [&str; 2] = ["Cargo.lock", "src"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
        read(Path::new(input), &mut hasher)?;
    }
    println!("cargo::rustc-env=KEPT_BUILD={:016x}", hasher.finish());
    Ok(())
}

fn read(path: &Path, hasher: &mut DefaultHasher) -> Result<(), Box<dyn Error>> {
    if path.is_dir() {
        let mut entries: Vec<_> =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| read(entry, hasher));
    }
    for part in [path.to_string_lossy().as_bytes(), &fs::read(path)?] {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    Ok(())
}
