//! `Notify`: one permit at most, and the waits that each notification reaches.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{SEEDS, STEPS, remove_at};
use crate::support::Numbers;
use crate::support::waits::Wait;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Told {
    No,
    ByOne,
    ByLast,
    ByAll,
}

struct Listener {
    number: usize,
    wait: Wait<'static, ()>,
    told: Told,
}

#[test]
fn a_notify_tells_whom_the_model_tells() {
    for seed in 0..SEEDS {
        notify(Numbers::new(seed));
    }
}

fn notify(mut numbers: Numbers) {
    let notify = Arc::new(Notify::new());
    let (mut permit, mut queue) = (false, VecDeque::<usize>::new());
    let mut listeners = Vec::<Listener>::new();
    fn tell(
        last: bool,
        permit: &mut bool,
        queue: &mut VecDeque<usize>,
        listeners: &mut [Listener],
    ) {
        let next = match last {
            true => queue.pop_back(),
            false => queue.pop_front(),
        };
        match next {
            Some(number) => {
                let told = if last { Told::ByLast } else { Told::ByOne };
                let listener = listeners.iter_mut().find(|l| l.number == number);
                listener.unwrap().told = told;
            }
            None => *permit = true,
        }
    }
    for number in 0..STEPS {
        match numbers.below(8) {
            0 | 1 => listeners.push(Listener {
                number,
                wait: Wait::new(notify.clone().notified_owned()),
                told: Told::No,
            }),
            2 | 3 if !listeners.is_empty() => {
                let at = numbers.below(listeners.len());
                let listener = &mut listeners[at];
                let is_first = !listener.wait.was_polled();
                let mut ready = listener.told != Told::No;
                if is_first && !ready {
                    ready = std::mem::take(&mut permit);
                    if !ready {
                        queue.push_back(listener.number);
                    }
                }
                assert_eq!(listener.wait.poll().is_ready(), ready);
                if ready {
                    listeners.remove(at);
                }
            }
            4 => {
                if let Some(listener) = remove_at(&mut listeners, &mut numbers) {
                    drop(listener.wait);
                    queue.retain(|number| *number != listener.number);
                    // Its notification goes to the next wait.
                    match listener.told {
                        Told::ByOne => tell(false, &mut permit, &mut queue, &mut listeners),
                        Told::ByLast => tell(true, &mut permit, &mut queue, &mut listeners),
                        Told::ByAll | Told::No => {}
                    }
                }
            }
            5 => {
                notify.notify_waiters();
                queue.clear();
                for listener in listeners.iter_mut().filter(|l| l.told == Told::No) {
                    listener.told = Told::ByAll;
                }
            }
            6 => {
                notify.notify_one();
                tell(false, &mut permit, &mut queue, &mut listeners);
            }
            _ => {
                notify.notify_last();
                tell(true, &mut permit, &mut queue, &mut listeners);
            }
        }
        for listener in listeners.iter().filter(|l| l.wait.was_polled()) {
            assert_eq!(listener.wait.is_woken(), listener.told != Told::No);
        }
    }
    drop(listeners);
    assert_eq!(Arc::strong_count(&notify), 1);
}
