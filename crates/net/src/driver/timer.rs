//! One timer per connection, touched as rarely as possible.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// The time now, on the clock the timers run by (which tests may hold still).
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A sleep that is registered again only when it must ring earlier, or has rung too early.
///
/// Deadlines mostly move later, one command at a time. Leaving the old registration in place costs one
/// needless wake-up per command timeout instead of a trip to the timer wheel per command.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once `deadline` has passed; otherwise the task is woken then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let at = tokio::time::Instant::from_std(deadline);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rings_at_the_deadline_asked_for_last() {
        let (start, second) = (now(), Duration::from_secs(1));
        let mut timer = Timer::default();
        for (first, then) in [(10, 20), (60, 5), (3, 3)] {
            let begun = now();
            poll_fn(|cx| {
                assert!(timer.poll(cx, begun + first * second).is_pending());
                Poll::Ready(())
            })
            .await;
            poll_fn(|cx| timer.poll(cx, begun + then * second)).await;
            assert_eq!(now() - begun, then * second);
        }
        poll_fn(|cx| timer.poll(cx, start)).await;
        assert_eq!(
            now() - start,
            28 * second,
            "a deadline in the past rings at once"
        );
    }
}
