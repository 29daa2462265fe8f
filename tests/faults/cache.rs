//! The local cache of a remote repository, in the hands of a vandal.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use kept::store::{Access, Engine};

use crate::chance::Chance;
use crate::server::Server;
use crate::support::*;
use crate::wishes::Wishes;
use crate::witness::{Witness, log_moves, went_forward};

/// What the victim is told: the server's URL, the repository, the cache and the seed.
const ORDERS: &str = "KEPT_VICTIM";
const REQUESTS: usize = 100;

#[test]
fn a_cache_that_is_deleted_cut_or_overwritten_at_any_moment() {
    let mut chance = Chance::new("a vandal in the cache");
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    log_moves(&repo);
    let server = Server::start(&scratch.path(""));
    let cache = scratch.path("cache");
    fs::create_dir(&cache).unwrap();
    let (done, deeds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut vandals = chance.fork();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                spoil(&cache, &mut vandals, &deeds);
                std::thread::sleep(vandals.while_of(Duration::from_millis(2)));
            }
        });
        let orders = format!("{} {} {} {}", server.repo("r"), repo.display(), cache.display(), chance.next());
        let mut victim = Command::new(std::env::current_exe().unwrap());
        victim.args(["--exact", "cache::victim", "--ignored"]).env(ORDERS, orders);
        let ended = victim.output().unwrap();
        done.store(true, Ordering::SeqCst);
        let words = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && words.contains("1 passed"), "{:?}: {words}", ended.status);
    });
    let mut wishes = Wishes::default();
    wishes.wanted(&(0..REQUESTS).collect::<Vec<_>>());
    let mut witness = Witness::new(&repo);
    witness.holds_all(&wishes.versions);
    witness.is_clean();
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
    went_forward(&repo);
    println!("{REQUESTS} commits while {} things were spoilt in the cache", deeds.load(Ordering::SeqCst));
    let left = fs::read_dir(&cache).into_iter().flatten().count();
    assert_eq!(left, 0, "nothing is left there");
}

/// The process that the vandal makes life hard for: started by the test above.
#[test]
#[ignore = "is started by another test"]
fn victim() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Vec<&str> = orders.split(' ').collect();
    let (repo, mut chance) = (Path::new(orders[1]), Chance::seeded(orders[3].parse().unwrap()));
    let access = Access { cache: Some(orders[2].into()), ..access(orders[0]) };
    let mut engine = Engine::open(access).unwrap();
    let mut wishes = Wishes::default();
    for at in 0..REQUESTS {
        if chance.percent(30) {
            // Somebody else's commit has it fetch.
            foreign(repo, &[put(repo, "people/x", &chance.next().to_string())]);
        }
        // The vandal may be there each time: who fails is told so, and asks again.
        let changes = wishes.changes(&[at]);
        let mut tries = 0;
        while let Err(error) = engine.commit(&changes, &[]) {
            tries += 1;
            assert!(tries < 50, "{error:?}");
        }
    }
    wishes.commit(&mut engine, &(0..REQUESTS).collect::<Vec<_>>());
}

/// Deletes, cuts or overwrites what is found below a directory, and now and then the directory itself.
fn spoil(dir: &Path, chance: &mut Chance, deeds: &AtomicUsize) {
    if chance.percent(5) {
        deeds.fetch_add(usize::from(fs::remove_dir_all(dir).is_ok()), Ordering::SeqCst);
    }
    for path in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_dir = path.is_dir();
        let done = match chance.below(6) {
            0 if is_dir => fs::remove_dir_all(&path).is_ok(),
            1 if !is_dir => fs::remove_file(&path).is_ok(),
            2 if !is_dir => fs::File::options().write(true).open(&path).is_ok_and(|file| file.set_len(10).is_ok()),
            3 if !is_dir => fs::metadata(&path).is_ok_and(|about| {
                let garbage = vec![0x5a; usize::try_from(about.len()).unwrap()];
                fs::File::options()
                    .write(true)
                    .open(&path)
                    .is_ok_and(|mut file| std::io::Write::write_all(&mut file, &garbage).is_ok())
            }),
            _ => false,
        };
        deeds.fetch_add(usize::from(done), Ordering::SeqCst);
        if is_dir {
            spoil(&path, chance, deeds);
        }
    }
}
