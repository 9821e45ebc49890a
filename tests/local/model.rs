//! Random operations on a `LocalSet`, compared with two queues: of tasks that its own thread woke, and of tasks that other
//! threads woke. The order within each queue is fixed; the order between the queues is not.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use proptest::prelude::*;
use tokio::task::{AbortHandle, JoinHandle, LocalSet, spawn_local};

use crate::steps::{place, which, with_steps};
use crate::support::waits::{PANIC, Poller, silence};

/// What a task does in its next poll.
#[derive(Clone, Copy, Debug)]
enum Act {
    End,
    Panic,
    Spawn,
    Wake(usize),
    Abort(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Spawn(usize),
    /// From the set's own thread, or from another (`true`).
    Wake(usize, bool),
    Abort(usize, bool),
    Plan(usize, Act),
    Join(usize),
    DropHandle(usize),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        3 => Just(Act::End),
        1 => Just(Act::Panic),
        2 => Just(Act::Spawn),
        2 => which().prop_map(Act::Wake),
        1 => which().prop_map(Act::Abort),
    ];
    prop_oneof![
        6 => (1..8_usize).prop_map(Step::Spawn),
        4 => (which(), any::<bool>()).prop_map(|(at, remote)| Step::Wake(at, remote)),
        1 => (which(), any::<bool>()).prop_map(|(at, remote)| Step::Abort(at, remote)),
        6 => (which(), act).prop_map(|(at, act)| Step::Plan(at, act)),
        3 => which().prop_map(Step::Join),
        1 => which().prop_map(Step::DropHandle),
        3 => Just(Step::Tick),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Polled(usize),
    Dropped(usize),
}

/// What the tasks share with the test.
#[derive(Default)]
struct World {
    log: Vec<Event>,
    plans: BTreeMap<usize, Act>,
    wakers: BTreeMap<usize, Waker>,
    aborts: Vec<AbortHandle>,
    handles: Vec<Option<JoinHandle<usize>>>,
}

type Shared = Rc<RefCell<World>>;

struct NotesDrop(usize, Shared);

impl Drop for NotesDrop {
    fn drop(&mut self) {
        let mut world = self.1.borrow_mut();
        world.log.push(Event::Dropped(self.0));
        let waker = world.wakers.remove(&self.0);
        drop(world);
        drop(waker);
    }
}

/// Takes the next number and spawns the task with it, from within the set or from outside.
fn spawn(
    world: &Shared,
    spawn: impl FnOnce(Pin<Box<dyn Future<Output = usize>>>) -> JoinHandle<usize>,
) {
    let number = world.borrow().aborts.len();
    let (noted, shared) = (NotesDrop(number, world.clone()), world.clone());
    let handle = spawn(Box::pin(async move {
        let _noted = noted;
        poll_fn(|cx| {
            let mut world = shared.borrow_mut();
            world.log.push(Event::Polled(number));
            world.wakers.insert(number, cx.waker().clone());
            let plan = world.plans.remove(&number);
            drop(world);
            act(&shared, plan)
        })
        .await;
        number
    }));
    let mut world = world.borrow_mut();
    world.aborts.push(handle.abort_handle());
    world.handles.push(Some(handle));
}

fn act(world: &Shared, plan: Option<Act>) -> Poll<()> {
    match plan {
        Some(Act::End) => return Poll::Ready(()),
        Some(Act::Panic) => panic_any(PANIC),
        Some(Act::Spawn) => spawn(world, |future| spawn_local(future)),
        Some(Act::Wake(which)) => {
            let waker = world.borrow().waker(which);
            waker.inspect(Waker::wake_by_ref);
        }
        Some(Act::Abort(which)) => {
            let abort = world.borrow().abort(which);
            abort.inspect(AbortHandle::abort);
        }
        None => {}
    }
    Poll::Pending
}

impl World {
    /// The waker of the task that `which` chooses, if it has been polled and has not ended.
    fn waker(&self, which: usize) -> Option<Waker> {
        let at = place(&self.aborts, which)?;
        self.wakers.get(&at).cloned()
    }

    fn abort(&self, which: usize) -> Option<AbortHandle> {
        place(&self.aborts, which).map(|at| self.aborts[at].clone())
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Value(usize),
    Cancelled,
    Panicked,
}

#[derive(Default)]
struct Task {
    is_queued: bool,
    is_aborted: bool,
    was_polled: bool,
    plan: Option<Act>,
    end: Option<End>,
    poller: Poller,
}

#[derive(Default)]
struct Model {
    tasks: Vec<Task>,
    local: VecDeque<usize>,
    remote: VecDeque<usize>,
    /// The last tick ran so many tasks that it may have ended before all queued tasks had run.
    may_be_cut: bool,
}

impl Model {
    fn spawn(&mut self) {
        self.tasks.push(Task::default());
        self.queue(self.tasks.len() - 1, false);
    }

    fn queue(&mut self, number: usize, remote: bool) {
        let task = &mut self.tasks[number];
        if task.end.is_some() || std::mem::replace(&mut task.is_queued, true) {
            return;
        }
        match remote {
            true => self.remote.push_back(number),
            false => self.local.push_back(number),
        }
    }

    fn wake(&mut self, which: usize, remote: bool) {
        if let Some(at) = place(&self.tasks, which).filter(|at| self.tasks[*at].was_polled) {
            self.queue(at, remote);
        }
    }

    fn abort(&mut self, which: usize, remote: bool) {
        if let Some(at) = place(&self.tasks, which) {
            self.tasks[at].is_aborted = true;
            self.queue(at, remote);
        }
    }

    fn is_idle(&self) -> bool {
        self.local.is_empty() && self.remote.is_empty()
    }

    /// Repeats in the model what the set did in a tick, and checks the order.
    fn replay(&mut self, log: &[Event]) {
        let mut log = log.iter().copied();
        let mut runs = 0;
        while let Some(event) = log.next() {
            let (Event::Polled(number) | Event::Dropped(number)) = event;
            let queue = match self.local.front() == Some(&number) {
                true => &mut self.local,
                false => &mut self.remote,
            };
            assert_eq!(queue.pop_front(), Some(number), "out of turn");
            runs += 1;
            let task = &mut self.tasks[number];
            task.is_queued = false;
            if task.is_aborted {
                assert_eq!(event, Event::Dropped(number));
                task.end = Some(End::Cancelled);
                continue;
            }
            assert_eq!(event, Event::Polled(number));
            task.was_polled = true;
            match task.plan.take() {
                Some(Act::End) => task.end = Some(End::Value(number)),
                Some(Act::Panic) => task.end = Some(End::Panicked),
                Some(Act::Spawn) => self.spawn(),
                Some(Act::Wake(which)) => self.wake(which, false),
                // A task that aborts itself ends with its poll.
                Some(Act::Abort(which)) if place(&self.tasks, which) == Some(number) => {
                    self.tasks[number].end = Some(End::Cancelled);
                }
                Some(Act::Abort(which)) => self.abort(which, false),
                None => {}
            }
            if self.tasks[number].end.is_some() {
                assert_eq!(log.next(), Some(Event::Dropped(number)));
            }
        }
        self.may_be_cut = runs >= 32;
        assert!(self.is_idle() || self.may_be_cut);
    }
}

struct Run {
    set: Option<LocalSet>,
    world: Shared,
    driver: Poller,
    model: Model,
}

/// Runs `f` on this thread, or on a new one (`there`).
fn here_or_there(there: bool, f: impl FnOnce() + Send + 'static) {
    match there {
        true => thread::spawn(f).join().unwrap(),
        false => f(),
    }
}

impl Run {
    fn step(&mut self, step: &Step) {
        let Run {
            set, world, model, ..
        } = self;
        let set = set.as_mut().unwrap();
        match *step {
            Step::Spawn(n) => {
                for _ in 0..n {
                    spawn(world, |future| set.spawn_local(future));
                    model.spawn();
                }
            }
            Step::Wake(which, remote) => {
                let waker = world.borrow().waker(which);
                if let Some(waker) = waker {
                    here_or_there(remote, || waker.wake());
                }
                model.wake(which, remote);
            }
            Step::Abort(which, remote) => {
                let abort = world.borrow().abort(which);
                if let Some(abort) = abort {
                    here_or_there(remote, move || abort.abort());
                }
                model.abort(which, remote);
            }
            Step::Plan(which, act) => {
                if let Some(at) = place(&model.tasks, which) {
                    model.tasks[at].plan = Some(act);
                    world.borrow_mut().plans.insert(at, act);
                }
            }
            Step::Join(which) => {
                if let Some(at) = place(&model.tasks, which) {
                    self.join(at);
                }
            }
            Step::DropHandle(which) => {
                if let Some(at) = place(&model.tasks, which) {
                    drop(world.borrow_mut().handles[at].take());
                }
            }
            Step::Tick => {
                let poll = self.driver.poll(|cx| Pin::new(set).poll(cx));
                let log = std::mem::take(&mut world.borrow_mut().log);
                model.replay(&log);
                let all_ended = model.tasks.iter().all(|task| task.end.is_some());
                assert_eq!(poll.is_ready(), all_ended);
            }
        }
    }

    fn join(&mut self, at: usize) {
        let Some(mut handle) = self.world.borrow_mut().handles[at].take() else {
            return;
        };
        let task = &mut self.model.tasks[at];
        let poll = task.poller.poll(|cx| Pin::new(&mut handle).poll(cx));
        let end = poll.map(|result| match result {
            Ok(number) => End::Value(number),
            Err(error) if error.is_cancelled() => End::Cancelled,
            Err(_) => End::Panicked,
        });
        assert_eq!(end, task.end.map_or(Poll::Pending, Poll::Ready));
        if end.is_pending() {
            self.world.borrow_mut().handles[at] = Some(handle);
        }
    }

    fn check(&self) {
        assert!(self.world.borrow().log.is_empty(), "ran outside of a tick");
        if self.driver.is_waiting() {
            // The driver is also woken by a tick that ended early, or seemed to.
            let is_woken = self.driver.is_woken();
            assert!(is_woken || self.model.is_idle(), "the set sleeps");
            assert!(!is_woken || !self.model.is_idle() || self.model.may_be_cut);
        }
        for (task, handle) in self.model.tasks.iter().zip(&self.world.borrow().handles) {
            let Some(handle) = handle else { continue };
            assert_eq!(handle.is_finished(), task.end.is_some());
            if task.poller.is_waiting() {
                assert_eq!(task.poller.is_woken(), task.end.is_some());
            }
        }
    }

    /// Drops the set; its tasks must be dropped with it, the oldest first.
    fn end(mut self) {
        drop(self.set.take());
        let tasks = self.model.tasks.iter_mut().enumerate();
        let left: Vec<_> = tasks
            .filter(|(_, task)| task.end.is_none())
            .map(|(number, task)| {
                task.end = Some(End::Cancelled);
                Event::Dropped(number)
            })
            .collect();
        assert_eq!(std::mem::take(&mut self.world.borrow_mut().log), left);
        for at in 0..self.model.tasks.len() {
            self.join(at);
        }
        self.driver.assert_forgotten();
        let world = Rc::into_inner(self.world)
            .expect("a task is left")
            .into_inner();
        drop(world);
        for task in &mut self.model.tasks {
            task.poller.assert_forgotten();
        }
    }
}

#[test]
fn a_set_runs_its_tasks_as_two_queues_would() {
    silence();
    with_steps(step(), |steps| {
        let mut run = Run {
            set: Some(LocalSet::new()),
            world: Shared::default(),
            driver: Poller::default(),
            model: Model::default(),
        };
        for step in steps {
            run.step(step);
            run.check();
        }
        run.end();
    });
}
