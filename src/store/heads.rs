//! Commits that the writers of one process have made. A branch whose head another writer made is that
//! writer's branch under another URL, whatever else the two are called.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many commits are remembered: a move is over long before.
const REMEMBERED: usize = 4096;

/// The recent commits of all writers that share it, and by whom they were made.
#[derive(Clone, Debug, Default)]
pub struct Heads(Arc<Mutex<Recent>>);

#[derive(Debug, Default)]
struct Recent {
    makers: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Heads {
    /// Remembers a commit that is about to be pushed by `maker`.
    pub(super) fn made(&self, commit: &str, maker: &str) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.makers.insert(commit.to_owned(), maker.to_owned());
        recent.order.push_back(commit.to_owned());
        if recent.order.len() > REMEMBERED
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.makers.remove(&oldest);
        }
    }

    /// Whether a commit was made by somebody else than `maker`.
    pub(super) fn made_elsewhere(&self, commit: &str, maker: &str) -> bool {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.makers.get(commit).is_some_and(|by| by != maker)
    }
}
