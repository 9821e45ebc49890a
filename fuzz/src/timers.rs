//! Fuzz target `timers`: timers with a paused clock, compared with a list of deadlines. No timer fires early, every due timer was woken.

use crate::{Input, Wait, begin, finish};
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use tokio::runtime::Builder;
use tokio::time::{Duration, Instant, Sleep, advance, sleep_until, timeout};

type Slot = Rc<RefCell<Pin<Box<Sleep>>>>;

struct Timer {
    sleep: Slot,
    /// In milliseconds from the start.
    deadline: u64,
    wait: Wait<'static, ()>,
    /// Was it polled since it was made or reset?
    is_armed: bool,
}

fn wait_for(sleep: &Slot) -> Wait<'static, ()> {
    let sleep = sleep.clone();
    Wait::new(poll_fn(move |cx| sleep.borrow_mut().as_mut().poll(cx)))
}

/// A span in milliseconds, for any level of the wheel.
fn span(input: &mut Input<'_>) -> u64 {
    let n = input.below(256) as u64;
    match input.below(5) {
        0 => n % 8,
        1 => n,
        2 => n << 6,
        3 => n << 12,
        _ => n << 20,
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(tokio::task::unconstrained(operate(bytes)));
    drop(runtime);
    finish();
}

async fn operate(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut now = 0;
    let mut timers: Vec<Timer> = Vec::new();
    while let Some(operation) = input.next(10) {
        match operation {
            0..=2 => {
                let deadline = now + span(&mut input);
                let sleep = Rc::new(RefCell::new(Box::pin(sleep_until(at(deadline)))));
                timers.push(Timer {
                    wait: wait_for(&sleep),
                    sleep,
                    deadline,
                    is_armed: false,
                });
            }
            3 | 4 => {
                if let Some(place) = input.place(timers.len()) {
                    let timer = &mut timers[place];
                    let is_due = timer.deadline <= now;
                    match timer.is_armed {
                        true => drop(timer.wait.expect(is_due)),
                        // A reset into the past may wake it or not.
                        false => assert_eq!(timer.wait.poll().is_some(), is_due),
                    }
                    timer.is_armed = true;
                    if is_due {
                        drop(timers.remove(place));
                    }
                }
            }
            5 => {
                if let Some(place) = input.place(timers.len()) {
                    let timer = &mut timers[place];
                    timer.deadline = match input.flag() {
                        true => now + span(&mut input),
                        false => now.saturating_sub(input.below(50) as u64),
                    };
                    timer.sleep.borrow_mut().as_mut().reset(at(timer.deadline));
                    timer.is_armed = false;
                }
            }
            6 => {
                if let Some(place) = input.place(timers.len()) {
                    drop(timers.remove(place));
                }
            }
            7 | 8 => {
                let by = span(&mut input);
                advance(Duration::from_millis(by)).await;
                now += by;
            }
            _ => {
                // The clock moves by itself to the earliest deadline, as the runtime has nothing else to do.
                let limit = span(&mut input);
                let earliest = timers
                    .iter()
                    .filter(|t| t.is_armed)
                    .map(|t| t.deadline)
                    .min();
                let before = now;
                let _ = timeout(Duration::from_millis(limit), std::future::pending::<()>()).await;
                now = start.elapsed().as_millis() as u64;
                assert_eq!(now, before + limit, "earliest is {earliest:?}");
            }
        }
        assert_eq!(start.elapsed(), Duration::from_millis(now));
        for timer in timers.iter().filter(|timer| timer.is_armed) {
            let is_due = timer.deadline <= now;
            assert!(!is_due || timer.wait.is_woken(), "due, but not woken");
            assert_eq!(timer.sleep.borrow().is_elapsed(), is_due);
            assert_eq!(timer.sleep.borrow().deadline(), at(timer.deadline));
        }
    }
}
