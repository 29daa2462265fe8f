//! Packs that Git made, read back.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

fn git(repo: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.arg("-C").arg(repo).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{args:?}");
    output.stdout
}

/// A repository with a long file that changes often, and a pack of it in which most are deltas.
fn deltas(repo: &Path, args: &[&str]) -> (Vec<u8>, Vec<String>) {
    git(repo, &["init", "--quiet"], b"");
    let mut lines: Vec<String> = (0..800).map(|at| format!("line {at} {}", at * 7919 % 1000)).collect();
    for round in 0..30 {
        lines[round * 11] = format!("changed in round {round}");
        fs::write(repo.join("long"), lines.join("\n")).unwrap();
        git(repo, &["add", "."], b"");
        git(repo, &["commit", "--quiet", "-m", "x"], b"");
    }
    let ids = git(repo, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"], b"");
    let pack = git(repo, &[&["pack-objects", "--stdout", "--quiet", "--window=50"], args].concat(), &ids);
    (pack, String::from_utf8(ids).unwrap().lines().map(str::to_owned).collect())
}

fn holds(cache: &Cache, repo: &Path, ids: &[String]) {
    for id in ids {
        let object = cache.read(Oid::from_str(id).unwrap()).unwrap();
        assert_eq!(object.bytes, git(repo, &["cat-file", object.kind.str(), id], b""), "{id}");
    }
}

fn empty(place: &Path) -> Cache {
    Cache::at(place.to_owned())
}

#[test]
fn whatever_git_packs_is_read() {
    for args in [&[][..], &["--delta-base-offset"], &["--depth=1"], &["--depth=0"]] {
        let dir = tempfile::tempdir().unwrap();
        let (pack, ids) = deltas(dir.path(), args);
        let mut cache = empty(dir.path());
        cache.add(&*pack).unwrap();
        holds(&cache, dir.path(), &ids);
        // Another one after it.
        cache.add(&*pack).unwrap();
        holds(&cache, dir.path(), &ids);
        assert!(fs::read_dir(dir.path()).unwrap().flatten().all(|entry| entry.file_name() != "pack"));
    }
}

#[test]
fn what_is_damaged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (pack, ids) = deltas(dir.path(), &[]);
    let mut cache = empty(dir.path());
    for cut in [0, 1, 12, 40, pack.len() / 2, pack.len() - 1] {
        assert!(matches!(cache.add(&pack[..cut]), Err(Error::Unreachable(_))), "{cut}");
    }
    // As a liar would make it, with a checksum that fits: an error may come of it, or other objects.
    let mut refused = 0;
    for at in (12..pack.len() - 20).step_by(5) {
        let mut lie = pack[..pack.len() - 20].to_vec();
        lie[at] ^= 0x55;
        let checksum = Sha1::digest(&lie);
        lie.extend(checksum);
        refused += usize::from(cache.add(&*lie).is_err());
    }
    assert!(refused > 100);
    cache.add(&*pack).unwrap();
    holds(&cache, dir.path(), &ids);
}

/// An entry of a pack: its kind, what it is a delta to, and its bytes.
fn entry(kind: u8, base: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut size = bytes.len();
    let mut out = vec![kind << 4 | u8::try_from(size & 15).unwrap() | if size > 15 { 0x80 } else { 0 }];
    size >>= 4;
    while size > 0 {
        out.push(u8::try_from(size & 127).unwrap() | if size > 127 { 0x80 } else { 0 });
        size >>= 7;
    }
    out.extend(base);
    let mut encoder = flate2::write::ZlibEncoder::new(out, flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"PACK\0\0\0\x02".to_vec();
    out.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
    out.extend(entries.concat());
    let checksum = Sha1::digest(&out);
    out.extend(checksum);
    out
}

/// A delta that puts in all of `text`, whatever the base is.
fn instead(base: &[u8], text: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).ok().filter(|length| *length < 128).unwrap();
    [&[length(base), length(text), length(text)], text].concat()
}

fn blob(bytes: &[u8]) -> Oid {
    super::super::tree::hash(ObjectType::Blob, bytes).unwrap()
}

#[test]
fn an_object_that_comes_twice_is_no_circle() {
    let dir = tempfile::tempdir().unwrap();
    let mut cache = empty(dir.path());
    let (one, two) = (b"one".as_slice(), b"two".as_slice());
    let twice = [
        entry(3, b"", one),
        entry(7, blob(one).as_bytes(), &instead(one, two)),
        entry(7, blob(two).as_bytes(), &instead(two, one)),
    ];
    cache.add(&*pack(&twice)).unwrap();
    assert_eq!((cache.read(blob(one)).unwrap().bytes.as_slice(), &*cache.read(blob(two)).unwrap().bytes), (one, two));
    // Without the whole one it is one.
    let mut cache = empty(dir.path());
    assert!(matches!(cache.add(&*pack(&twice[1..])), Err(Error::Git(words)) if words.contains("does not have")));
}

#[test]
fn deltas_may_come_before_what_they_are_to() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<Vec<u8>> = (0..3000).map(|at| format!("number {at}").into_bytes()).collect();
    let to_the_next = |pair: &[Vec<u8>]| entry(7, blob(&pair[1]).as_bytes(), &instead(&pair[1], &pair[0]));
    let mut entries: Vec<Vec<u8>> = texts.windows(2).map(to_the_next).collect();
    entries.push(entry(3, b"", &texts[2999]));
    let mut cache = empty(dir.path());
    cache.add(&*pack(&entries)).unwrap();
    assert_eq!(cache.read(blob(&texts[0])).unwrap().bytes, texts[0]);
    assert_eq!(cache.begins.len(), 3000);
}

#[test]
fn what_would_fill_the_memory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let base = vec![0; 0xff_ffff];
    // Copies of sixteen megabytes each.
    let mut delta = vec![0xff, 0xff, 0xff, 0x07];
    delta.extend([0xe0, 0xff, 0xff, 0xff, 0x0f]);
    delta.extend([0xf0, 0xff, 0xff, 0xff].repeat(300));
    let mut cache = empty(dir.path());
    let bomb = pack(&[entry(3, b"", &base), entry(7, blob(&base).as_bytes(), &delta)]);
    assert!(matches!(cache.add(&*bomb), Err(Error::Git(_))));
}

#[test]
fn tidying_keeps_what_a_commit_consists_of() {
    let dir = tempfile::tempdir().unwrap();
    let (pack, _) = deltas(dir.path(), &[]);
    let mut cache = empty(dir.path());
    cache.add(&*pack).unwrap();
    cache.full = 0;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    let ids = ["HEAD", "HEAD:", "HEAD:long"].map(|name| text(git(dir.path(), &["rev-parse", name], b"")));
    cache.tidy(Oid::from_str(&ids[0]).unwrap()).unwrap();
    holds(&cache, dir.path(), &ids);
    assert_eq!(cache.begins.len(), 3);
    assert!(cache.end < pack.len() as u64 && cache.full > ROOM);
}

#[test]
fn a_delta_is_applied_or_refused() {
    let base = b"0123456789";
    assert_eq!(apply(base, &[10, 5, 0x90, 3, 2, b'x', b'y']).unwrap(), b"012xy");
    assert_eq!(apply(base, &[10, 4, 0x91, 6, 4]).unwrap(), b"6789");
    for wrong in [
        &[][..],
        &[10],
        &[9, 1, 1, b'x'],
        &[10, 1, 0],
        &[10, 1, 2, b'x'],
        &[10, 5, 0x91, 6, 5],
        &[10, 2, 0x90, 3],
        &[10, 3, 1, b'x'],
        &[10, 1, 0x9f, 0xff, 0xff, 0xff, 0xff, 9],
        &[10, 0x80],
        &[0x80; 12],
    ] {
        assert!(apply(base, wrong).is_err(), "{wrong:?}");
    }
}
