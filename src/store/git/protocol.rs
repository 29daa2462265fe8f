//! Git's pack protocol (version 0), apart from what carries it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use git2::Oid;

use crate::store::Error;

/// The largest packet there is.
const MAX_PACKET: usize = 65_520;
/// How much of a server's talk is kept for an error.
const MAX_WORDS: usize = 2_000;

/// What is wrong with an answer, for people.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The answer ended early, or could not be read.
    Broken(io::Error),
    /// The answer is not what the protocol says.
    Strange(String),
    /// The server's own words.
    Refused(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Fault {
    /// As an error of the store; `clean` makes somebody else's text fit to be shown.
    pub(crate) fn error(&self, clean: impl Fn(&str) -> String) -> Error {
        match self {
            Self::Broken(_) if self.is_timeout() => Error::Unreachable("the server's answer timed out".to_owned()),
            Self::Broken(error) => Error::Unreachable(clean(&format!("the server's answer ended early: {error}"))),
            Self::Strange(what) => Error::Git(clean(&format!("the server's answer cannot be read: {what}"))),
            Self::Refused(words) => Error::Git(clean(&format!("the server says: {words}"))),
        }
    }

    /// Whether it took too long.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Broken(error) if error.kind() == io::ErrorKind::TimedOut)
    }
}

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// The end of a section.
    Flush,
    /// A line or a piece of data.
    Data(Vec<u8>),
}

/// Appends a line as a packet.
pub(crate) fn write_line(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(format!("{:04x}", line.len() + 4).as_bytes());
    out.extend_from_slice(line.as_bytes());
}

/// Appends the end of a section.
pub(crate) fn write_flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// Reads a packet; none at the end of the answer.
pub(crate) fn read_packet(from: &mut impl Read) -> Result<Option<Packet>, Fault> {
    let mut header = [0; 4];
    if from.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut header[1..])?;
    let length = std::str::from_utf8(&header).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
    match length {
        Some(0) => Ok(Some(Packet::Flush)),
        Some(length @ 4..=MAX_PACKET) => {
            let mut data = vec![0; length - 4];
            from.read_exact(&mut data)?;
            if let Some(words) = data.strip_prefix(b"ERR ") {
                return Err(Fault::Refused(text(words)));
            }
            Ok(Some(Packet::Data(data)))
        }
        _ => Err(Fault::Strange(format!("a packet begins with {:?}", String::from_utf8_lossy(&header)))),
    }
}

/// What a server says of its references.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advertisement {
    refs: BTreeMap<String, Oid>,
    capabilities: Vec<String>,
}

impl Advertisement {
    /// Reads what a service says first. Over HTTP, where it cannot know otherwise who asks whom, it begins with
    /// the name of the `service`.
    pub(crate) fn read(from: &mut impl Read, service: Option<&str>) -> Result<Self, Fault> {
        if let Some(service) = service {
            let expected = format!("# service={service}");
            let (first, end) = (read_packet(from)?, read_packet(from)?);
            match (first, end) {
                (Some(Packet::Data(line)), Some(Packet::Flush)) if text(&line) == expected => {}
                (other, _) => return Err(Fault::Strange(format!("it should begin with {expected:?}, not {other:?}"))),
            }
        }
        let mut found = Self::default();
        while let Some(packet) = read_packet(from)? {
            match packet {
                Packet::Data(line) => found.line(&line)?,
                Packet::Flush => return Ok(found),
            }
        }
        Err(Fault::Broken(io::ErrorKind::UnexpectedEof.into()))
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let mut halves = line.splitn(2, |byte| *byte == 0);
        let reference = text(halves.next().unwrap_or_default());
        if let Some(capabilities) = halves.next() {
            self.capabilities = text(capabilities).split(' ').map(str::to_owned).collect();
            if let Some(format) = self.value("object-format").filter(|format| *format != "sha1") {
                return Err(Fault::Strange(format!("the repository uses {format} objects; only sha1 is supported")));
            }
        }
        let Some((id, name)) = reference.split_once(' ') else {
            return Err(Fault::Strange(format!("a reference reads {reference:?}")));
        };
        if id == "shallow" {
            return Ok(());
        }
        let id = Oid::from_str(id).map_err(|_| Fault::Strange(format!("a reference reads {reference:?}")))?;
        if !id.is_zero() {
            self.refs.insert(name.to_owned(), id);
        }
        Ok(())
    }

    /// The commit that a reference names.
    pub(crate) fn get(&self, reference: &str) -> Option<Oid> {
        self.refs.get(reference).copied()
    }

    /// Whether the server is capable of this.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|known| known.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Asks for a commit with its whole tree, without its history; what `have` holds need not be sent.
pub(crate) fn fetch_request(server: &Advertisement, commit: Oid, have: Option<Oid>) -> Vec<u8> {
    let mut body = Vec::new();
    let wanted = ["side-band-64k", "ofs-delta", "no-progress", "shallow"];
    let capabilities: Vec<&str> = wanted.into_iter().filter(|name| server.can(name)).collect();
    write_line(&mut body, &format!("want {commit} {} agent={}\n", capabilities.join(" "), agent()));
    if server.can("shallow") {
        if let Some(have) = have {
            write_line(&mut body, &format!("shallow {have}\n"));
        }
        write_line(&mut body, "deepen 1\n");
    }
    write_flush(&mut body);
    if let Some(have) = have {
        write_line(&mut body, &format!("have {have}\n"));
    }
    write_line(&mut body, "done\n");
    body
}

/// Reads the answer to [`fetch_request`] up to the pack, which the reader then gives.
pub(crate) fn fetch_answer<R: Read>(mut from: R, server: &Advertisement) -> Result<SideBand<R>, Fault> {
    if server.can("shallow") {
        loop {
            match read_packet(&mut from)? {
                Some(Packet::Data(line)) if line.starts_with(b"shallow ") || line.starts_with(b"unshallow ") => {}
                Some(Packet::Flush) => break,
                other => return Err(Fault::Strange(format!("it should say what is shallow, not {other:?}"))),
            }
        }
    }
    match read_packet(&mut from)? {
        Some(Packet::Data(line)) if line.starts_with(b"NAK") || line.starts_with(b"ACK ") => {}
        other => return Err(Fault::Strange(format!("it should acknowledge what is there, not {other:?}"))),
    }
    Ok(SideBand { from, banded: server.can("side-band-64k"), data: Vec::new(), read: 0, words: String::new() })
}

/// Data that comes with the server's talk mixed in.
pub(crate) struct SideBand<R> {
    from: R,
    banded: bool,
    data: Vec<u8>,
    read: usize,
    words: String,
}

impl<R: Read> SideBand<R> {
    /// Reads on; nothing at the end.
    fn next(&mut self) -> Result<bool, Fault> {
        loop {
            let Some(Packet::Data(packet)) = read_packet(&mut self.from)? else { return Ok(false) };
            match packet.split_first() {
                Some((1, data)) => {
                    self.data = data.to_vec();
                    self.read = 0;
                    return Ok(true);
                }
                Some((2, words)) => self.words = talk(&self.words, words),
                Some((3, words)) => return Err(Fault::Refused(talk(&self.words, words))),
                _ => return Err(Fault::Strange("a packet of no known band".to_owned())),
            }
        }
    }
}

impl<R: Read> Read for SideBand<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.banded {
            return self.from.read(out);
        }
        while self.read == self.data.len() {
            match self.next() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(Fault::Broken(error)) => return Err(error),
                Err(Fault::Strange(words) | Fault::Refused(words)) => return Err(io::Error::other(words)),
            }
        }
        let count = out.len().min(self.data.len() - self.read);
        out[..count].copy_from_slice(&self.data[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Asks to move a reference from `old` (none: it must not exist) to `new`, and sends the objects for it.
pub(crate) fn push_request(
    server: &Advertisement,
    reference: &str,
    old: Option<Oid>,
    new: Oid,
    pack: &[u8],
) -> Vec<u8> {
    let mut body = Vec::with_capacity(pack.len() + 512);
    let mut capabilities = format!("report-status agent={}", agent());
    if server.can("side-band-64k") {
        capabilities += " side-band-64k";
    }
    if server.value("object-format").is_some() {
        capabilities += " object-format=sha1";
    }
    let old = old.unwrap_or(Oid::ZERO_SHA1);
    write_line(&mut body, &format!("{old} {new} {reference}\0 {capabilities}"));
    write_flush(&mut body);
    body.extend_from_slice(pack);
    body
}

/// What a server says of a push.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The reference was moved.
    Done,
    /// It was not: git's reason, and what the server said beside it, such as a hook's output.
    Refused { reason: String, words: String },
}

/// Reads the answer to [`push_request`].
pub(crate) fn push_answer(mut from: impl Read, server: &Advertisement) -> Result<Report, Fault> {
    let mut words = String::new();
    let mut report = Vec::new();
    if server.can("side-band-64k") {
        let mut band = SideBand { from: &mut from, banded: true, data: Vec::new(), read: 0, words: String::new() };
        while band.next()? {
            report.extend_from_slice(&band.data);
        }
        words = band.words;
    } else {
        from.read_to_end(&mut report)?;
    }
    let mut report = report.as_slice();
    let mut done = false;
    while let Some(Packet::Data(line)) = read_packet(&mut report)? {
        let line = text(&line);
        let reason = match line.split_once(' ') {
            Some(("unpack", "ok")) => continue,
            Some(("ok", _)) => {
                done = true;
                continue;
            }
            Some(("unpack", reason)) => format!("it could not unpack the objects: {reason}"),
            Some(("ng", rest)) => rest.split_once(' ').map_or(rest, |(_, reason)| reason).to_owned(),
            _ => return Err(Fault::Strange(format!("its report reads {line:?}"))),
        };
        return Ok(Report::Refused { reason, words });
    }
    if done { Ok(Report::Done) } else { Err(Fault::Broken(io::ErrorKind::UnexpectedEof.into())) }
}

/// Whether git's reason means that the reference was not where we thought.
pub(crate) fn is_race(reason: &str) -> bool {
    let known = [
        "failed to update ref",
        "failed to lock",
        "cannot lock ref",
        "incorrect old value",
        "reference already exists",
        "reference does not exist",
        "non-fast-forward",
        "fetch first",
        "stale info",
    ];
    known.iter().any(|known| reason.contains(known))
}

fn agent() -> String {
    format!("kept/{}", env!("CARGO_PKG_VERSION"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned()
}

/// Adds to what a server said. The lines that git itself rewrites while it counts are of no use later.
fn talk(before: &str, words: &[u8]) -> String {
    let mut said = before.to_owned();
    for c in String::from_utf8_lossy(words).chars().filter(|c| *c == '\n' || !c.is_control()) {
        if said.len() < MAX_WORDS {
            said.push(c);
        }
    }
    said
}
