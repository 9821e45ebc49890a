//! Fuzz target `tasks`: `JoinSet` and `LocalSet` on a current-thread runtime. Tasks end when they get a message, panic or are aborted.
//!
//! The model knows how each task must end. Every end is reported once, in any order.

use crate::{Flag, Input, Token, begin, finish};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, LocalSet, yield_now};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    Waits,
    Ends,
    Panics,
    Aborted,
}

struct Task {
    number: u64,
    gate: Option<oneshot::Sender<Option<Token>>>,
    handle: AbortHandle,
    fate: Fate,
}

struct World {
    runtime: Runtime,
    local: LocalSet,
    set: JoinSet<Token>,
    tasks: BTreeMap<String, Task>,
    flag: Option<Arc<Flag>>,
    last: u64,
}

async fn wait_at(gate: oneshot::Receiver<Option<Token>>, yields: usize) -> Token {
    let told = gate.await;
    for _ in 0..yields {
        yield_now().await;
    }
    match told {
        Ok(Some(token)) => token,
        _ => std::panic::resume_unwind(Box::new(7_u32)),
    }
}

impl World {
    fn spawn(&mut self, is_local: bool, yields: usize) {
        let (gate, told) = oneshot::channel();
        let task = wait_at(told, yields);
        let handle = match is_local {
            true => self.set.spawn_local_on(task, &self.local),
            false => self.set.spawn_on(task, self.runtime.handle()),
        };
        self.last += 1;
        let task = Task {
            number: self.last,
            gate: Some(gate),
            handle: handle.clone(),
            fate: Fate::Waits,
        };
        self.tasks.insert(handle.id().to_string(), task);
    }

    fn nth(&mut self, at: usize) -> &mut Task {
        self.tasks.values_mut().nth(at).unwrap()
    }

    /// Runs the tasks until all of them wait.
    fn settle(&mut self) {
        let local = &self.local;
        self.runtime.block_on(local.run_until(async {
            for _ in 0..30 {
                yield_now().await;
            }
        }));
        for task in self.tasks.values() {
            assert_eq!(
                task.handle.is_finished(),
                task.fate != Fate::Waits,
                "{:?}",
                task.fate
            );
        }
        if self.tasks.values().any(|task| task.fate != Fate::Waits) {
            let told = self.flag.take().is_none_or(|flag| flag.is_set());
            assert!(told, "an end was not told");
        }
    }

    fn take(&mut self, answer: Result<(Id, Token), JoinError>) {
        self.flag = None;
        let id = match &answer {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let task = self
            .tasks
            .remove(&id.to_string())
            .expect("an end that was told before");
        match answer {
            Ok((_, token)) => {
                assert_eq!(task.fate, Fate::Ends);
                assert_eq!(token.0, task.number);
            }
            Err(error) if error.is_panic() => assert_eq!(task.fate, Fate::Panics),
            Err(_) => assert_eq!(task.fate, Fate::Aborted),
        }
    }

    fn join(&mut self) {
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        match self.set.poll_join_next_with_id(&mut cx) {
            Poll::Pending => {
                assert!(!self.tasks.is_empty());
                self.flag = Some(flag);
            }
            Poll::Ready(None) => assert!(self.tasks.is_empty()),
            Poll::Ready(Some(answer)) => self.take(answer),
        }
    }

    fn abort(task: &mut Task) {
        task.handle.abort();
        // A task that has its message may end before the abort.
        if task.fate == Fate::Waits {
            task.fate = Fate::Aborted;
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let mut world = World {
        runtime: Builder::new_current_thread().build().unwrap(),
        local: LocalSet::new(),
        set: JoinSet::new(),
        tasks: BTreeMap::new(),
        flag: None,
        last: 0,
    };
    while let Some(operation) = input.next(16) {
        match operation {
            0..=3 => world.spawn(input.flag(), input.below(3)),
            4..=6 => {
                if let Some(at) = input.place(world.tasks.len()) {
                    let task = world.nth(at);
                    if let (Some(gate), Fate::Waits) = (task.gate.take(), task.fate) {
                        let panics = task.number % 4 == 0;
                        let word = (!panics).then(|| Token::new(task.number));
                        let _ = gate.send(word);
                        task.fate = if panics { Fate::Panics } else { Fate::Ends };
                        // The fate is certain only when the task has ended.
                        world.settle();
                    }
                }
            }
            7 => {
                if let Some(at) = input.place(world.tasks.len()) {
                    World::abort(world.nth(at));
                }
            }
            8..=10 => world.join(),
            11 => {
                if let Some(answer) = world.set.try_join_next_with_id() {
                    world.take(answer);
                }
            }
            12 | 13 => world.settle(),
            14 => {
                if input.below(8) == 0 {
                    world.set.abort_all();
                    world.tasks.values_mut().for_each(World::abort);
                }
            }
            _ => match input.below(16) {
                0 => {
                    world.set.detach_all();
                    world.flag = None;
                    world.tasks.clear();
                }
                1 => {
                    world.set = JoinSet::new();
                    world.flag = None;
                    world.tasks.clear();
                }
                _ => assert_eq!(world.set.len(), world.tasks.len()),
            },
        }
    }
    // Drops everything in one of four orders.
    let order = world.last;
    let World {
        runtime,
        local,
        set,
        tasks,
        flag,
        ..
    } = world;
    match order % 4 {
        0 => {
            drop(runtime);
            drop(local);
            drop(set);
        }
        1 => {
            drop(local);
            drop(set);
            drop(runtime);
        }
        2 => {
            drop(set);
            drop(runtime);
            drop(local);
        }
        _ => {
            drop(tasks);
            drop(runtime);
            drop((set, local));
            drop(flag);
            return finish();
        }
    }
    drop((tasks, flag));
    finish();
}
