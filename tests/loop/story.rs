//! What happens, told to whoever watches, with the time since the beginning.

use std::time::{Duration, Instant};

/// Tells and times.
pub struct Story {
    since: Instant,
}

impl Story {
    /// The clock starts.
    pub fn begin(title: &str) -> Self {
        println!("\n{title}\n");
        Self { since: Instant::now() }
    }

    /// A chapter.
    pub fn step(&self, text: &str) {
        println!("\n{:>6.1} s  {text}", self.since.elapsed().as_secs_f64());
    }

    /// Something that has come true.
    pub fn see(&self, text: &str) {
        println!("{:>6.1} s    {text}", self.since.elapsed().as_secs_f64());
    }
}

/// When a change came by on its way from the user's commit to the cluster.
pub struct Journey {
    /// The user's push is accepted.
    pub asked: Instant,
    /// Argo CD has applied the request.
    pub arrived: Instant,
    /// The state repository holds what kept made of it.
    pub committed: Instant,
    /// Argo CD has applied that.
    pub applied: Instant,
}

impl Journey {
    /// What of it is kept's.
    pub fn kept(&self) -> Duration {
        self.committed - self.arrived
    }

    /// What of it is Argo CD's.
    pub fn argocd(&self) -> Duration {
        (self.arrived - self.asked) + (self.applied - self.committed)
    }

    /// The times between, in words.
    pub fn told(&self) -> String {
        let between = |from: Instant, to: Instant| (to - from).as_secs_f64();
        format!(
            "{:.1} s in all: commit of the user ─{:.1} s─▶ request in the cluster ─{:.2} s (kept)─▶ commit of kept ─{:.1} s─▶ applied",
            between(self.asked, self.applied),
            between(self.asked, self.arrived),
            between(self.arrived, self.committed),
            between(self.committed, self.applied),
        )
    }
}
