//! Randomness that can be had again, and how much of it.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How often something is done: when tests are to be quick, and when they may take their time.
pub(crate) const fn size(quick: usize, whole: usize) -> usize {
    if cfg!(feature = "real-parts") { whole } else { quick }
}

/// A source of random numbers (`SplitMix64`).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// A seed of its own for each run, unless `KEPT_SEED` gives one.
    pub(crate) fn new(test: &str) -> Self {
        let given = std::env::var("KEPT_SEED").ok().map(|seed| seed.parse().expect("KEPT_SEED is a number"));
        let seed = given.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
        println!("{test}: KEPT_SEED={seed}");
        Self(seed)
    }

    /// Another source, for another thread.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A while, at most this long.
    pub(crate) fn while_of(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(usize::try_from(longest.as_micros()).unwrap() + 1) as u64)
    }
}
