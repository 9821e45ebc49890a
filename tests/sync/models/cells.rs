//! `OnceCell` and `SetOnce`: one value at most, and the initialiser that may set it.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::{OnceCell, SetError, SetOnce};

use super::{Counted, Permits};
use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::{PANIC, Wait, panics, silence};

/// What an initialiser does when it may go on.
#[derive(Clone, Copy, Debug)]
enum End {
    Value,
    Error,
    Panic,
}

#[derive(Clone, Debug)]
enum Step {
    /// With an initialiser that goes on at once (`true`), or at `GoOn`.
    Initialise(End, bool),
    GoOn(usize),
    Poll(usize),
    GiveUp(usize),
    Set,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![Just(End::Value), Just(End::Error), Just(End::Panic)];
    prop_oneof![
        4 => (end, any::<bool>()).prop_map(|(end, at_once)| Step::Initialise(end, at_once)),
        2 => which().prop_map(Step::GoOn),
        6 => which().prop_map(Step::Poll),
        2 => which().prop_map(Step::GiveUp),
        // Rare, as the cell is set afterwards.
        1 => prop_oneof![1 => Just(Step::Set), 4 => which().prop_map(Step::Poll)],
    ]
}

struct Request {
    number: usize,
    end: End,
    may_go_on: Rc<Cell<bool>>,
    /// Its initialiser is running.
    runs: bool,
    wait: Wait<'static, Result<usize, ()>>,
}

/// The model: until the cell has its value, a semaphore of one permit, for the initialiser.
struct Model {
    token: Arc<()>,
    cell: Arc<OnceCell<Counted>>,
    turn: Permits,
    requests: Vec<Request>,
    value: Option<usize>,
}

impl Model {
    fn request(&mut self, number: usize, end: End, at_once: bool) {
        let may_go_on = Rc::new(Cell::new(at_once));
        let (cell, go, token) = (self.cell.clone(), may_go_on.clone(), self.token.clone());
        let wait = Wait::new(async move {
            let init = || async {
                poll_fn(|_| match go.get() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                })
                .await;
                match end {
                    End::Value => Ok(Counted::new(number, &token)),
                    End::Error => Err(()),
                    End::Panic => panic_any(PANIC),
                }
            };
            cell.get_or_try_init(init).await.map(|v| v.value)
        });
        self.requests.push(Request {
            number,
            end,
            may_go_on,
            runs: false,
            wait,
        });
    }

    fn poll(&mut self, at: usize) {
        let request = &mut self.requests[at];
        if self.value.is_none() && !request.runs {
            request.runs = match request.wait.was_polled() {
                false => self.turn.request(request.number, 1),
                true => self.turn.take_grant(request.number).is_some(),
            };
        }
        let ends = request.runs && request.may_go_on.get();
        let mut poll = Poll::Pending;
        let panicked = panics(|| poll = request.wait.poll());
        let expected = match (self.value, request.end) {
            (Some(value), _) => Poll::Ready(Ok(value)),
            (None, End::Value) if ends => Poll::Ready(Ok(request.number)),
            (None, End::Error) if ends => Poll::Ready(Err(())),
            (None, _) => Poll::Pending,
        };
        assert_eq!(poll, expected);
        let panics = self.value.is_none() && ends && matches!(request.end, End::Panic);
        assert_eq!(panicked, panics);
        if let (None, Poll::Ready(Ok(value))) = (self.value, poll) {
            self.value = Some(value);
        }
        if poll.is_ready() || panicked {
            let request = self.requests.remove(at);
            if request.runs && self.value.is_none() {
                self.turn.add(1);
            }
        }
    }

    fn run(&mut self, step: &Step, number: usize) {
        match *step {
            Step::Initialise(end, at_once) => self.request(number, end, at_once),
            Step::GoOn(which) => {
                if let Some(at) = place(&self.requests, which) {
                    self.requests[at].may_go_on.set(true);
                }
            }
            Step::Poll(which) => {
                if let Some(at) = place(&self.requests, which) {
                    self.poll(at);
                }
            }
            Step::GiveUp(which) => {
                if let Some(request) = remove(&mut self.requests, which) {
                    drop(request.wait);
                    match request.runs {
                        true => self.turn.add(1),
                        false => self.turn.cancel(request.number),
                    }
                }
            }
            Step::Set => match self.cell.set(Counted::new(number, &self.token)) {
                Ok(()) => {
                    assert!(self.value.is_none() && self.turn.has(1));
                    self.value = Some(number);
                }
                Err(SetError::AlreadyInitializedError(new)) => {
                    assert!(self.value.is_some() && new.value == number);
                }
                Err(SetError::InitializingError(new)) => {
                    assert!(self.value.is_none() && new.value == number);
                    assert!(!self.turn.has(1));
                }
            },
        }
    }

    fn check(&self) {
        assert_eq!(self.cell.get().map(|v| v.value), self.value);
        assert_eq!(self.cell.initialized(), self.value.is_some());
        for request in &self.requests {
            if request.wait.is_waiting() && !request.runs {
                let is_next = self.turn.is_granted(request.number);
                assert_eq!(request.wait.is_woken(), is_next || self.value.is_some());
            }
        }
    }
}

#[test]
fn a_once_cell_is_initialised_by_whom_the_model_says() {
    silence();
    with_steps(step(), |steps| {
        let token = Arc::new(());
        let mut model = Model {
            token: token.clone(),
            cell: Arc::default(),
            turn: Permits::new(1),
            requests: Vec::new(),
            value: None,
        };
        for (number, step) in steps.iter().enumerate() {
            model.run(step, number);
            model.check();
        }
        drop(model);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

#[derive(Clone, Debug)]
enum Once {
    Wait,
    Poll(usize),
    GiveUp(usize),
    Set,
}

#[test]
fn a_cell_that_is_set_once_tells_whom_the_model_tells() {
    let step = prop_oneof![
        4 => Just(Once::Wait),
        6 => which().prop_map(Once::Poll),
        3 => which().prop_map(Once::GiveUp),
        1 => Just(Once::Set),
    ];
    with_steps(step, |steps| {
        let token = Arc::new(());
        let cell = Arc::new(SetOnce::<Counted>::new());
        let (mut value, mut waits) = (None, Vec::<Wait<usize>>::new());
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Once::Wait => {
                    let cell = cell.clone();
                    waits.push(Wait::new(async move { cell.wait().await.value }));
                }
                Once::Poll(which) => {
                    if let Some(at) = place(&waits, which) {
                        let poll = waits[at].poll();
                        assert_eq!(poll, value.map_or(Poll::Pending, Poll::Ready));
                        if poll.is_ready() {
                            waits.remove(at);
                        }
                    }
                }
                Once::GiveUp(which) => drop(remove(&mut waits, which)),
                Once::Set => {
                    let is_set = cell.set(Counted::new(number, &token)).is_ok();
                    assert_eq!(is_set, value.is_none());
                    value = value.or(Some(number));
                }
            }
            assert_eq!(cell.get().map(|v| v.value), value);
            assert_eq!(cell.initialized(), value.is_some());
            for wait in waits.iter().filter(|wait| wait.is_waiting()) {
                assert_eq!(wait.is_woken(), value.is_some());
            }
        }
        drop((waits, cell));
        assert_eq!(Arc::strong_count(&token), 1);
    });
}
