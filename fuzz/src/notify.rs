//! Fuzz target `notify`: which futures `notify_one`, `notify_last` and `notify_waiters` notify, and what becomes of unused notifications.
//!
//! The model: a permit; the waiting futures in the order in which they began to wait. A future that was notified by
//! `notify_one` or `notify_last` and is dropped passes the notification on, to the same end of the queue.

use crate::{Flag, Input, begin, finish};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// Made, but not polled.
    New,
    Waiting,
    ByOne,
    ByLast,
    ByAll,
}

struct Waiter<'a> {
    future: Pin<Box<Notified<'a>>>,
    state: State,
    flag: Option<Arc<Flag>>,
    /// Its place in the queue.
    place: u64,
}

#[derive(Default)]
struct World<'a> {
    has_permit: bool,
    places: u64,
    waiters: Vec<Waiter<'a>>,
}

impl World<'_> {
    fn tell_one(&mut self, to: State) {
        let waiting = self
            .waiters
            .iter_mut()
            .filter(|waiter| waiter.state == State::Waiting);
        let chosen = match to {
            State::ByOne => waiting.min_by_key(|waiter| waiter.place),
            _ => waiting.max_by_key(|waiter| waiter.place),
        };
        match chosen {
            Some(waiter) => waiter.state = to,
            None => self.has_permit = true,
        }
    }

    fn poll(&mut self, at: usize, enables: bool) {
        let waiter = &mut self.waiters[at];
        let expected = match waiter.state {
            State::New => std::mem::take(&mut self.has_permit),
            State::Waiting => false,
            _ => true,
        };
        if expected && waiter.state != State::New {
            let told = waiter.flag.as_ref().is_none_or(|flag| flag.is_set());
            assert!(told, "told by {:?}, but not woken", waiter.state);
        }
        let is_ready = match enables {
            true => waiter.future.as_mut().enable(),
            false => {
                let flag = Flag::new();
                let waker = Waker::from(flag.clone());
                let answer = waiter
                    .future
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker));
                waiter.flag = Some(flag);
                answer.is_ready()
            }
        };
        assert_eq!(is_ready, expected, "{:?}", waiter.state);
        if is_ready {
            drop(self.waiters.remove(at));
        } else if waiter.state == State::New {
            waiter.state = State::Waiting;
            self.places += 1;
            waiter.place = self.places;
        }
    }

    fn give_up(&mut self, at: usize) {
        let waiter = self.waiters.remove(at);
        let state = waiter.state;
        drop(waiter);
        if let State::ByOne | State::ByLast = state {
            self.tell_one(state);
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let notify = Notify::new();
    let mut world = World::default();
    while let Some(operation) = input.next(12) {
        match operation {
            0..=2 => world.waiters.push(Waiter {
                future: Box::pin(notify.notified()),
                state: State::New,
                flag: None,
                place: 0,
            }),
            3..=5 => {
                if let Some(at) = input.place(world.waiters.len()) {
                    world.poll(at, false);
                }
            }
            6 => {
                if let Some(at) = input.place(world.waiters.len()) {
                    world.poll(at, true);
                }
            }
            7 | 8 => {
                if let Some(at) = input.place(world.waiters.len()) {
                    world.give_up(at);
                }
            }
            9 => {
                notify.notify_one();
                world.tell_one(State::ByOne);
            }
            10 => {
                notify.notify_last();
                world.tell_one(State::ByLast);
            }
            _ => {
                notify.notify_waiters();
                for waiter in &mut world.waiters {
                    if let State::New | State::Waiting = waiter.state {
                        waiter.state = State::ByAll;
                    }
                }
            }
        }
    }
    while !world.waiters.is_empty() {
        match world.waiters[0].state {
            State::New | State::Waiting => world.give_up(0),
            _ => world.poll(0, false),
        }
    }
    drop(world);
    finish();
}
