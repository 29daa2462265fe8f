//! Shows on a terminal that something long goes on; silent elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

/// A spinner on standard error while it lives.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Says what is being done.
    pub(super) fn start(message: impl Into<String>) -> Self {
        // This target draws nothing where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_message(message.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
