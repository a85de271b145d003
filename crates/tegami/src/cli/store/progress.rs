//! How far long work is, on a terminal; elsewhere nothing is shown.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr while this lives.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins a bar for work on so many octets.
    pub fn octets(doing: &'static str, octets: u64) -> Self {
        let style = "{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
        Self::styled(doing, octets, style)
    }

    fn styled(doing: &'static str, length: u64, style: &'static str) -> Self {
        // indicatif draws nothing where stderr is no terminal.
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bar = ProgressBar::with_draw_target(Some(length), target);
        // The template is ours, so it is understood; the plain style would do as well.
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// Begins a bar for so many things to do.
    pub fn count(doing: &'static str, things: u64) -> Self {
        Self::styled(doing, things, "{msg} {bar:30} {pos}/{len}, {eta} left")
    }

    /// So much is done, of what is now known to be so much.
    pub fn of(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// So many octets of it are done.
    pub fn reached(&self, octets: u64) {
        self.0.set_position(octets);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
