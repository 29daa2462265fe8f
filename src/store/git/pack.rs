//! Packs of our own making (version 2, gitformat-pack(5)): whole objects, compressed on all cores.
//!
//! libgit2's builder looks for deltas between objects, which costs most of its time and hardly ever finds
//! any among small new files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compress, CompressError, Compression, Crc, FlushCompress, Status};
use git2::{ObjectType, Oid};
use rayon::prelude::*;
use sha1::{Digest, Sha1};
use tempfile::{Builder, NamedTempFile};

use super::local::io_error;
use super::objects::Object;
use crate::store::Error;

/// Names that `git gc` knows for the remains of something that never ended.
const UNFINISHED: [(&str, &str); 2] = [("tmp_pack_", "pack"), ("tmp_idx_", "idx")];

/// A pack, and where in it each object lies.
pub(crate) struct Pack {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    id: Oid,
    offset: u32,
    crc: u32,
}

impl Pack {
    /// A pack of these objects.
    pub(crate) fn of(objects: &[Object]) -> Result<Self, Error> {
        // Making a compressor costs more than most objects do: each thread has one.
        let compressor = || Compress::new(Compression::fast(), true);
        let each = objects.par_iter().with_min_len(64).map_init(compressor, compress);
        let compressed: Vec<Result<Vec<u8>, CompressError>> = each.collect();
        let too_large = || Error::Git("a commit of more than 2 GiB cannot be sent".to_owned());
        let mut pack = Self { bytes: b"PACK\0\0\0\x02".to_vec(), entries: Vec::with_capacity(objects.len()) };
        pack.bytes.extend(u32::try_from(objects.len()).map_err(|_| too_large())?.to_be_bytes());
        for (object, data) in objects.iter().zip(compressed) {
            let data = data.map_err(|e| Error::Git(format!("cannot compress an object: {e}")))?;
            let mut crc = Crc::new();
            crc.update(&data);
            // The index has 31 bits for an offset; more would need a second table.
            let offset = u32::try_from(pack.bytes.len()).ok().filter(|at| *at < 1 << 31).ok_or_else(too_large)?;
            pack.entries.push(Entry { id: object.id, offset, crc: crc.sum() });
            pack.bytes.extend(data);
        }
        let checksum = Sha1::digest(&pack.bytes);
        pack.bytes.extend(checksum);
        Ok(pack)
    }

    /// The whole of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in it each object begins.
    pub(crate) fn begins(&self) -> impl Iterator<Item = (Oid, u32)> {
        self.entries.iter().map(|entry| (entry.id, entry.offset))
    }

    fn checksum(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - 20..]
    }

    /// The index that tells where each object lies (version 2).
    fn index(&self) -> Vec<u8> {
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.id);
        let mut out = b"\xfftOc\0\0\0\x02".to_vec();
        for first in 0..=u8::MAX {
            let count = entries.partition_point(|entry| entry.id.as_bytes()[0] <= first);
            out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
        }
        out.extend(entries.iter().flat_map(|entry| entry.id.as_bytes()));
        out.extend(entries.iter().flat_map(|entry| entry.crc.to_be_bytes()));
        out.extend(entries.iter().flat_map(|entry| entry.offset.to_be_bytes()));
        out.extend(self.checksum());
        let checksum = Sha1::digest(&out);
        out.extend(checksum);
        out
    }

    /// Puts it into a directory of packs, safely on the disk before a reference can name what is in it.
    pub(crate) fn install(&self, dir: &Path) -> Result<(), Error> {
        let io = |e: io::Error| io_error("write to", dir, &e);
        fs::create_dir_all(dir).map_err(io)?;
        let name: String = self.checksum().iter().map(|byte| format!("{byte:02x}")).collect();
        // The index comes last: Git looks for packs by it.
        for ((prefix, extension), bytes) in UNFINISHED.iter().zip([&self.bytes, &self.index()]) {
            let file = write(dir, prefix, bytes).map_err(io)?;
            file.persist(dir.join(format!("pack-{name}.{extension}"))).map_err(|e| io(e.error))?;
        }
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(io)
    }
}

fn write(dir: &Path, prefix: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = Builder::new().prefix(prefix).permissions(readable()).tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Whoever may read the repository may read its packs; nobody may change them.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o444)
}

/// An object as it lies in a pack: its kind and size, seven bits at a time, and its compressed bytes.
fn compress(compressor: &mut Compress, object: &Object) -> Result<Vec<u8>, CompressError> {
    let kind: u8 = match object.kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Tag => 4,
        _ => 3,
    };
    let mut out = Vec::with_capacity(object.bytes.len() / 2 + 32);
    let mut size = object.bytes.len();
    let low = |bits: usize, mask: usize| u8::try_from(bits & mask).unwrap_or_default();
    let mut byte = kind << 4 | low(size, 0x0f);
    size >>= 4;
    while size > 0 {
        out.push(byte | 0x80);
        byte = low(size, 0x7f);
        size >>= 7;
    }
    out.push(byte);
    compressor.reset();
    loop {
        let read = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
        let rest = object.bytes.get(read..).unwrap_or_default();
        if compressor.compress_vec(rest, &mut out, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(out);
        }
        out.reserve(out.len().max(256));
    }
}
