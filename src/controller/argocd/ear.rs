//! What is heard of Argo CD's objects, and who takes it.

use kube::ResourceExt;
use tokio::sync::mpsc;

use super::board::Seen;
use super::kinds::{Kind, Reader};
use crate::controller::live;
use crate::controller::watch::{Hear, Heard};

/// Listens to the watch of one kind in one namespace.
pub(super) struct Ear {
    /// The kind.
    pub(super) kind: Kind,
    /// Which watch it is.
    pub(super) number: usize,
    /// Who tells objects of pushes.
    pub(super) board: Option<mpsc::Sender<(usize, Seen)>>,
    /// Who says how they fare.
    pub(super) live: Option<live::Ear>,
}

impl Hear<Reader> for Ear {
    async fn hear(&mut self, heard: Heard<Reader>) {
        if let Some(live) = &self.live {
            live.take(&heard);
        }
        if let Some(board) = &self.board {
            let _ = board.send((self.number, self.seen(heard))).await;
        }
    }

    fn is_over(&self) -> bool {
        self.live.is_none() && self.board.as_ref().is_none_or(mpsc::Sender::is_closed)
    }
}

impl Ear {
    fn seen(&self, heard: Heard<Reader>) -> Seen {
        match heard {
            Heard::Begin => Seen::Begin,
            Heard::Complete => Seen::Complete,
            // Pushes do not wait for what may take long.
            Heard::Absent | Heard::Failing(_) => Seen::None,
            Heard::Gone(object) => Seen::Gone(object.name_any()),
            Heard::Object(object) => Seen::Object {
                name: object.name_any().into(),
                version: version(object.resource_version()),
                refreshing: object.annotations().contains_key(self.kind.refresh().0),
                reads: object.spec.reads(),
            },
        }
    }
}

/// A resource version as the number that it is.
pub(super) fn version(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
