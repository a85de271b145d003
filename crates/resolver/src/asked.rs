//! Questions that have been asked: what came back, and which are open just now. The same question asked twice at once is
//! asked once.
//!
//! Nothing here asks. Whoever [wants](Asked::want) an answer is told what is remembered; else he either hears what others
//! hear, or [opens](Wanting::open) the question himself once he has a turn. Many may wait for a turn with the same question:
//! the first to get one opens it for all, so that nobody stands behind somebody else's full share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::memory::Memory;

/// Answers remembered. One that came over TCP can have 64 KiB.
const REMEMBERED: usize = 256;
/// Questions remembered that got no clear answer. Whoever asks for such names fills this, and not the memory of answers.
const UNCLEAR: usize = 1024;
/// For so long they are not asked again. A client that was told to come back needs longer.
const UNCLEAR_FOR: Duration = Duration::from_secs(30);

/// A name in lower case, a kind of records, and whether DNSSEC has to say what it thinks of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    pub name: Name,
    pub kind: RecordType,
    pub validated: bool,
}

/// What is known of questions. `A` is what comes back.
pub struct Asked<A> {
    state: Mutex<State<A>>,
}

struct State<A> {
    clear: Memory<Question, A>,
    unclear: Memory<Question, A>,
    wanted: HashMap<Question, Wanted<A>>,
    /// How many were wanted so far.
    count: u64,
}

/// A question somebody wants answered.
struct Wanted<A> {
    /// The same question wanted again later is another.
    number: u64,
    answer: watch::Sender<Option<A>>,
    by: usize,
    open: bool,
}

/// What somebody is told who wants an answer.
pub enum Want<A: Clone> {
    /// It is known.
    Known(A),
    /// It has to be asked for, or waited for.
    Wanting(Wanting<A>),
}

/// Somebody waits for an answer.
pub struct Wanting<A: Clone> {
    asked: Arc<Asked<A>>,
    question: Question,
    number: u64,
    answer: watch::Receiver<Option<A>>,
}

/// A question that is being asked. Whoever has it has to say what [came back](Self::came); when he does not, all who wait
/// hear what he gave for that case.
pub struct Open<A: Clone> {
    asked: Arc<Asked<A>>,
    question: Question,
    otherwise: Option<A>,
}

impl<A: Clone> Asked<A> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                clear: Memory::new(REMEMBERED),
                unclear: Memory::new(UNCLEAR),
                wanted: HashMap::new(),
                count: 0,
            }),
        })
    }

    pub fn want(self: &Arc<Self>, question: Question) -> Want<A> {
        let (mut state, now) = (self.lock(), Instant::now());
        if let Some(answer) = state.clear.get(&question, now) {
            return Want::Known(answer);
        }
        if let Some(answer) = state.unclear.get(&question, now) {
            return Want::Known(answer);
        }
        state.count += 1;
        let number = state.count;
        let entry = state.wanted.entry(question.clone());
        let wanted = entry.or_insert_with(|| Wanted {
            number,
            answer: watch::Sender::new(None),
            by: 0,
            open: false,
        });
        wanted.by += 1;
        Want::Wanting(Wanting {
            asked: Arc::clone(self),
            question,
            number: wanted.number,
            answer: wanted.answer.subscribe(),
        })
    }

    fn answer(&self, question: &Question, answer: A, clear: Option<Duration>) {
        let (mut state, now) = (self.lock(), Instant::now());
        let kept = answer.clone();
        match clear {
            Some(within) => state.clear.keep(question.clone(), kept, within, now),
            None => state.unclear.keep(question.clone(), kept, UNCLEAR_FOR, now),
        }
        // Whoever comes later finds it in memory; those who are here hear it.
        if let Some(wanted) = state.wanted.remove(question) {
            wanted.answer.send_replace(Some(answer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone> Wanting<A> {
    /// Waits for the answer. Nothing when nobody will ever give it.
    pub async fn answer(&mut self) -> Option<A> {
        let answer = self.answer.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    }

    /// Whether it is being asked already, and needs nothing but patience.
    pub fn is_open(&self) -> bool {
        let state = self.asked.lock();
        let wanted = state.wanted.get(&self.question);
        wanted.is_none_or(|wanted| wanted.open || wanted.number != self.number)
    }

    /// The question, to be asked now; nothing when it is open already, or has been answered. `otherwise` is the answer if
    /// it is given up.
    pub fn open(&self, otherwise: A) -> Option<Open<A>> {
        let mut state = self.asked.lock();
        let wanted = state.wanted.get_mut(&self.question)?;
        if wanted.open || wanted.number != self.number {
            return None;
        }
        wanted.open = true;
        Some(Open {
            asked: Arc::clone(&self.asked),
            question: self.question.clone(),
            otherwise: Some(otherwise),
        })
    }
}

impl<A: Clone> Drop for Wanting<A> {
    fn drop(&mut self) {
        let mut state = self.asked.lock();
        let Some(wanted) = state.wanted.get_mut(&self.question) else {
            return;
        };
        if wanted.number != self.number {
            return;
        }
        wanted.by -= 1;
        if wanted.by == 0 && !wanted.open {
            state.wanted.remove(&self.question);
        }
    }
}

impl<A: Clone> Open<A> {
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The answer, and for how long it may be believed; without a time it is not clear.
    pub fn came(mut self, answer: A, clear: Option<Duration>) {
        self.otherwise = None;
        self.asked.answer(&self.question, answer, clear);
    }
}

impl<A: Clone> Drop for Open<A> {
    fn drop(&mut self) {
        if let Some(answer) = self.otherwise.take() {
            self.asked.answer(&self.question, answer, None);
        }
    }
}
