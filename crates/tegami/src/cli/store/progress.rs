//! How far long work is, on a terminal; elsewhere nothing is shown.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on stderr while this lives.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins a bar for work on so many octets.
    pub fn octets(doing: &'static str, octets: u64) -> Self {
        // indicatif draws nothing where stderr is no terminal.
        let bar =
            ProgressBar::with_draw_target(Some(octets), ProgressDrawTarget::stderr_with_hz(5));
        let style = "{msg} {bar:30} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
        // The template is ours, so it is understood; the plain style would do as well.
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// So many octets are done, of what is now known to be so many.
    pub fn of(&self, octets: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(octets);
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
