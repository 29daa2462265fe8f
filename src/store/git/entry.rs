//! What lies in a pack: whole objects, and deltas that are applied to others (gitformat-pack(5)).

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;

use flate2::bufread::ZlibDecoder;
use git2::{ObjectType, Oid};

/// Bytes of the largest object that is ever held in memory.
pub(crate) const MAX_OBJECT: u64 = 256 << 20;
/// How much is read at once: most objects are smaller.
const BUFFER: usize = 8 << 10;

/// A file from a position on. It is read by calls, not mapped: a file that is cut short ends a read with an
/// error, but a mapping with the whole process.
pub(crate) struct Reader<'a> {
    from: BufReader<At<'a>>,
}

struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// The head of an entry; its compressed bytes follow.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// Bytes of the object, or of the delta, once inflated.
    pub(crate) size: u64,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Whole(ObjectType),
    /// A delta to the entry that begins at this position of the file.
    DeltaAt(u64),
    /// A delta to this object.
    DeltaTo(Oid),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a File, position: u64) -> Self {
        Self { from: BufReader::with_capacity(BUFFER, At { file, position }) }
    }

    /// Where what is read next begins.
    pub(crate) fn position(&self) -> u64 {
        self.from.get_ref().position - self.from.buffer().len() as u64
    }

    /// Reads the head of a pack: the number of its entries.
    pub(crate) fn count(&mut self) -> io::Result<u32> {
        let mut head = [0; 12];
        self.from.read_exact(&mut head)?;
        match head {
            [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, a, b, c, d] => Ok(u32::from_be_bytes([a, b, c, d])),
            _ => Err(strange("it does not begin as packs do")),
        }
    }

    /// Reads the head of the entry that begins here.
    pub(crate) fn entry(&mut self) -> io::Result<Entry> {
        let begin = self.position();
        let mut byte = self.byte()?;
        let kind = byte >> 4 & 7;
        let mut size = u64::from(byte & 0x0f);
        let mut shift = 4;
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            size |= u64::from(byte & 0x7f).checked_shl(shift).ok_or_else(|| strange("an object has no size"))?;
            shift += 7;
        }
        let kind = match kind {
            1 => Kind::Whole(ObjectType::Commit),
            2 => Kind::Whole(ObjectType::Tree),
            3 => Kind::Whole(ObjectType::Blob),
            4 => Kind::Whole(ObjectType::Tag),
            6 => Kind::DeltaAt(begin.checked_sub(self.distance()?).ok_or_else(|| strange("a delta is to nothing"))?),
            7 => {
                let mut id = [0; 20];
                self.from.read_exact(&mut id)?;
                Kind::DeltaTo(Oid::from_bytes(&id).map_err(|e| strange(e.message()))?)
            }
            _ => return Err(strange("an object is of no known kind")),
        };
        Ok(Entry { kind, size })
    }

    /// How far before a delta its base begins. Each further byte begins where one byte less would end.
    fn distance(&mut self) -> io::Result<u64> {
        let mut byte = self.byte()?;
        let mut distance = u64::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            let shifted = distance.checked_add(1).and_then(|distance| distance.checked_mul(128));
            distance = shifted.ok_or_else(|| strange("a delta is to nothing"))? | u64::from(byte & 0x7f);
        }
        // An entry that is its own base would never be resolved.
        if distance == 0 { Err(strange("a delta is to itself")) } else { Ok(distance) }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = *self.from.fill_buf()?.first().ok_or(ErrorKind::UnexpectedEof)?;
        self.from.consume(1);
        Ok(byte)
    }

    /// Writes the next bytes, as they are, to `out`.
    pub(crate) fn copy(&mut self, count: u64, out: &mut impl io::Write) -> io::Result<()> {
        let copied = io::copy(&mut (&mut self.from).take(count), out)?;
        if copied == count { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Writes the bytes of an entry whose head was just read to `out`, and goes to where they end.
    pub(crate) fn inflate(&mut self, entry: Entry, out: &mut impl io::Write) -> io::Result<()> {
        let mut decoder = ZlibDecoder::new(&mut self.from).take(entry.size);
        let copied = io::copy(&mut decoder, out)?;
        // The end of the compressed bytes is reached only by asking for more than there is.
        let more = decoder.into_inner().read(&mut [0])?;
        if copied == entry.size && more == 0 { Ok(()) } else { Err(strange("an object has another size than it says")) }
    }
}

/// What a delta makes of its base.
pub(crate) fn apply(base: &[u8], delta: &[u8]) -> io::Result<Vec<u8>> {
    let wrong = || strange("a delta does not fit its base");
    let mut rest = delta;
    if length(&mut rest).and_then(|size| usize::try_from(size).ok()) != Some(base.len()) {
        return Err(wrong());
    }
    let size = length(&mut rest).filter(|size| *size <= MAX_OBJECT).ok_or_else(wrong)?;
    let size = usize::try_from(size).map_err(|_| wrong())?;
    // What a delta says of its size is believed only as far as it has shown it.
    let mut out = Vec::with_capacity(size.min(base.len() + delta.len()));
    while let Some((&command, after)) = rest.split_first() {
        rest = after;
        let piece = if command & 0x80 == 0 {
            let (piece, after) = rest.split_at_checked(command.into()).filter(|_| command > 0).ok_or_else(wrong)?;
            rest = after;
            piece
        } else {
            let offset = number(&mut rest, command, 0, 4).ok_or_else(wrong)?;
            let count = match number(&mut rest, command, 4, 3).ok_or_else(wrong)? {
                0 => 0x1_0000,
                count => count,
            };
            base.get(offset..offset + count).ok_or_else(wrong)?
        };
        if out.len() + piece.len() > size {
            return Err(wrong());
        }
        out.extend_from_slice(piece);
    }
    if out.len() == size { Ok(out) } else { Err(wrong()) }
}

/// A length, seven bits at a time, the lowest first.
fn length(rest: &mut &[u8]) -> Option<u64> {
    let mut length = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        length |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// A number of up to `bytes` bytes, of which only those are there whose bit of the command is set.
fn number(rest: &mut &[u8], command: u8, first: u32, bytes: u32) -> Option<usize> {
    let mut number = 0;
    for at in (0..bytes).filter(|at| command & 1 << (first + at) != 0) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= usize::from(byte) << (8 * at);
    }
    Some(number)
}

/// Something that cannot be a pack.
pub(crate) fn strange(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
