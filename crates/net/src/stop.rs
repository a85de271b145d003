//! How every connection learns that the server is stopping, without a lock in the way of the hot path.
//!
//! It carries one of three levels and wakes whoever watches. It does not count who is left: the server does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Waker};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// How far the server has come in stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Business as usual.
    Serving,
    /// Sessions are told to finish, new connections are turned away.
    Draining,
    /// Everything still open is dropped.
    Dropping,
}

/// The switch itself; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    level: AtomicU8,
    raised: Arc<Notify>,
}

impl Stop {
    /// A switch at [`Level::Serving`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The level now.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.shared.level.load(Ordering::Acquire) {
            0 => Level::Serving,
            1 => Level::Draining,
            _ => Level::Dropping,
        }
    }

    /// Raises the level and wakes every [`Alarm`]. A level never falls.
    pub fn raise(&self, level: Level) {
        if self.shared.level.fetch_max(level as u8, Ordering::AcqRel) < level as u8 {
            self.shared.raised.notify_waiters();
        }
    }

    /// A watcher for one task.
    #[must_use]
    pub fn alarm(&self) -> Alarm {
        Alarm {
            seen: self.level(),
            notified: self.watch(),
            waker: None,
            stop: self.clone(),
        }
    }

    fn watch(&self) -> Pin<Box<OwnedNotified>> {
        Box::pin(Arc::clone(&self.shared.raised).notified_owned())
    }
}

/// One task's view of a [`Stop`]: registers its waker once, after which looking is one atomic load.
#[derive(Debug)]
pub struct Alarm {
    stop: Stop,
    notified: Pin<Box<OwnedNotified>>,
    seen: Level,
    waker: Option<Waker>,
}

impl Alarm {
    /// The level now; the task is woken when it rises.
    pub fn check(&mut self, cx: &mut Context<'_>) -> Level {
        let known = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if !known || self.stop.level() != self.seen {
            self.register(cx);
        }
        self.stop.level()
    }

    /// Waits until the level is at least `level`.
    pub async fn at_least(&mut self, level: Level) {
        std::future::poll_fn(|cx| {
            if self.check(cx) >= level {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    /// Registers before anyone reads the level again, so that no raise falls between the two.
    fn register(&mut self, cx: &mut Context<'_>) {
        loop {
            self.seen = self.stop.level();
            self.notified
                .set(Arc::clone(&self.stop.shared.raised).notified_owned());
            if self.notified.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        self.waker = Some(cx.waker().clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_never_falls() {
        let stop = Stop::new();
        stop.raise(Level::Dropping);
        stop.raise(Level::Draining);
        assert_eq!(stop.level(), Level::Dropping);
    }

    #[tokio::test]
    async fn an_alarm_hears_both_levels_in_turn() {
        let stop = Stop::new();
        let mut alarm = stop.alarm();
        let (first, second) = (
            tokio::spawn(raise_later(stop.clone(), Level::Draining)),
            stop.clone(),
        );
        alarm.at_least(Level::Draining).await;
        assert_eq!(second.level(), Level::Draining);
        first.await.unwrap();
        let last = tokio::spawn(raise_later(stop.clone(), Level::Dropping));
        alarm.at_least(Level::Dropping).await;
        last.await.unwrap();
    }

    async fn raise_later(stop: Stop, level: Level) {
        tokio::task::yield_now().await;
        stop.raise(level);
    }

    #[tokio::test]
    async fn an_alarm_made_after_the_raise_sees_it() {
        let stop = Stop::new();
        stop.raise(Level::Draining);
        stop.alarm().at_least(Level::Draining).await;
    }
}
