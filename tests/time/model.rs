//! Random operations on sleeps and intervals, with a paused clock, compared with a list of deadlines: when each is over, and
//! the order in which the wakers are called.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use super::paused_runtime;
use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::waker_that;
use proptest::prelude::*;
use tokio::time::{
    Instant, Interval, MissedTickBehavior, Sleep, advance, interval_at, sleep_until,
};

/// Times are in milliseconds, from the start or from now.
#[derive(Clone, Debug)]
enum Step {
    Sleep(u64),
    Interval(u64, u64, MissedTickBehavior),
    Poll(usize),
    /// To a time from now, or to an absolute time, which may have passed.
    Reset(usize, u64, bool),
    /// To an interval's own period from now.
    ResetPeriod(usize),
    Drop(usize),
    Advance(u64),
}

/// Times on all levels of the wheel, near ones more often; the values are so few that some deadlines are equal.
fn distance() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..6_u64,
        3 => (0..12_u64).prop_map(|n| 60 + n),
        2 => (1..9_u64).prop_map(|n| n * 1_000),
        1 => (12..34_u32, 0..2_u64).prop_map(|(n, more)| (1 << n) + more),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let behavior = prop_oneof![
        Just(MissedTickBehavior::Burst),
        Just(MissedTickBehavior::Delay),
        Just(MissedTickBehavior::Skip),
    ];
    let interval = (distance(), 1..100_u64, behavior);
    prop_oneof![
        6 => distance().prop_map(Step::Sleep),
        2 => interval.prop_map(|(start, period, b)| Step::Interval(start, period, b)),
        10 => which().prop_map(Step::Poll),
        3 => (which(), distance(), any::<bool>()).prop_map(|(at, ms, now)| Step::Reset(at, ms, now)),
        1 => which().prop_map(Step::ResetPeriod),
        1 => which().prop_map(Step::Drop),
        4 => distance().prop_map(Step::Advance),
    ]
}

enum Kind {
    Sleep(Pin<Box<Sleep>>),
    Interval(Interval),
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    /// With its place in the order of all armings.
    Armed(usize),
    Fired,
}

struct Timer {
    number: usize,
    kind: Kind,
    deadline: u64,
    phase: Phase,
}

struct Model {
    start: Instant,
    now: u64,
    timers: Vec<Timer>,
    armings: usize,
    made: usize,
    /// The numbers of timers in the order in which they were woken.
    log: Arc<Mutex<Vec<usize>>>,
}

const TOLERANCE: u64 = 5;

fn next_tick(interval: &Interval, due: u64, now: u64) -> u64 {
    let period = interval.period().as_millis() as u64;
    match interval.missed_tick_behavior() {
        _ if now <= due + TOLERANCE => due + period,
        MissedTickBehavior::Burst => due + period,
        MissedTickBehavior::Delay => now + period,
        MissedTickBehavior::Skip => due + ((now - due) / period + 1) * period,
    }
}

impl Model {
    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn take_log(&self) -> Vec<usize> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn add(&mut self, kind: Kind, deadline: u64) {
        self.made += 1;
        self.timers.push(Timer {
            number: self.made,
            kind,
            deadline,
            phase: Phase::Idle,
        });
    }

    fn poll(&mut self, at: usize) {
        let (start, now) = (self.start, self.now);
        let timer = &mut self.timers[at];
        let (log, number) = (self.log.clone(), timer.number);
        let waker = waker_that(move || log.lock().unwrap().push(number));
        let cx = &mut Context::from_waker(&waker);
        let is_due = timer.deadline <= now;
        let due = start + Duration::from_millis(timer.deadline);
        match &mut timer.kind {
            Kind::Sleep(sleep) => {
                let poll = sleep.as_mut().poll(cx);
                assert_eq!(poll.is_ready(), is_due);
                timer.phase = match timer.phase {
                    _ if is_due => Phase::Fired,
                    Phase::Armed(since) => Phase::Armed(since),
                    _ => Phase::Armed(self.armings),
                };
            }
            Kind::Interval(interval) => match interval.poll_tick(cx) {
                Poll::Ready(tick) => {
                    assert!(is_due && tick == due);
                    timer.deadline = next_tick(interval, timer.deadline, now);
                    timer.phase = Phase::Idle;
                }
                Poll::Pending => {
                    assert!(!is_due);
                    if !matches!(timer.phase, Phase::Armed(_)) {
                        timer.phase = Phase::Armed(self.armings);
                    }
                }
            },
        }
        self.armings += 1;
    }

    fn reset(&mut self, at: usize, deadline: Option<u64>) {
        let (start, now) = (self.start, self.now);
        let timer = &mut self.timers[at];
        let to = |ms| start + Duration::from_millis(ms);
        timer.deadline = match (&mut timer.kind, deadline) {
            (Kind::Sleep(sleep), Some(ms)) => {
                sleep.as_mut().reset(to(ms));
                ms
            }
            (Kind::Sleep(_), None) => return,
            (Kind::Interval(interval), Some(ms)) => {
                interval.reset_at(to(ms));
                ms
            }
            (Kind::Interval(interval), None) => {
                interval.reset();
                now + interval.period().as_millis() as u64
            }
        };
        match timer.phase {
            Phase::Armed(_) if timer.deadline <= now => {
                timer.phase = Phase::Fired;
                assert_eq!(self.take_log(), [self.timers[at].number]);
            }
            Phase::Armed(_) => timer.phase = Phase::Armed(self.armings),
            _ => timer.phase = Phase::Idle,
        }
        self.armings += 1;
    }

    async fn advance(&mut self, ms: u64) {
        advance(Duration::from_millis(ms)).await;
        self.now += ms;
        let mut due = Vec::new();
        for timer in &mut self.timers {
            if let Phase::Armed(since) = timer.phase {
                if timer.deadline <= self.now {
                    timer.phase = Phase::Fired;
                    due.push((timer.deadline, since, timer.number));
                }
            }
        }
        due.sort_unstable();
        let expected: Vec<_> = due.iter().map(|(_, _, number)| *number).collect();
        assert_eq!(self.take_log(), expected);
    }

    async fn run(&mut self, step: &Step) {
        match *step {
            Step::Sleep(ms) => {
                let deadline = self.now + ms;
                let sleep = Box::pin(sleep_until(self.at(deadline)));
                self.add(Kind::Sleep(sleep), deadline);
            }
            Step::Interval(ms, period, behavior) => {
                let deadline = self.now + ms;
                let period = Duration::from_millis(period);
                let mut interval = interval_at(self.at(deadline), period);
                interval.set_missed_tick_behavior(behavior);
                self.add(Kind::Interval(interval), deadline);
            }
            Step::Poll(which) => {
                if let Some(at) = place(&self.timers, which) {
                    self.poll(at);
                }
            }
            Step::Reset(which, ms, from_now) => {
                if let Some(at) = place(&self.timers, which) {
                    let from = if from_now { self.now } else { 0 };
                    self.reset(at, Some(from + ms));
                }
            }
            Step::ResetPeriod(which) => {
                if let Some(at) = place(&self.timers, which) {
                    self.reset(at, None);
                }
            }
            Step::Drop(which) => drop(remove(&mut self.timers, which)),
            Step::Advance(ms) => self.advance(ms).await,
        }
        // Each step has a full budget.
        tokio::task::yield_now().await;
    }

    fn check(&self) {
        assert!(self.take_log().is_empty(), "woken too early or twice");
        assert_eq!(Instant::now(), self.at(self.now));
        for timer in &self.timers {
            if let Kind::Sleep(sleep) = &timer.kind {
                assert_eq!(sleep.is_elapsed(), timer.phase == Phase::Fired);
                assert_eq!(sleep.deadline(), self.at(timer.deadline));
            }
        }
        let armed = |timer: &&Timer| matches!(timer.phase, Phase::Armed(_));
        let armed = self.timers.iter().filter(armed).count();
        assert_eq!(Arc::strong_count(&self.log), 1 + armed);
    }
}

#[test]
fn timers_fire_as_a_list_of_deadlines_would() {
    with_steps(step(), |steps| {
        let log = Arc::default();
        paused_runtime().block_on(async {
            let mut model = Model {
                start: Instant::now(),
                now: 0,
                timers: Vec::new(),
                armings: 0,
                made: 0,
                log,
            };
            for step in steps {
                model.run(step).await;
                model.check();
            }
            model.timers.clear();
            model.check();
        });
    });
}
