//! `broadcast`: each receiver gets all values that it has not missed, in order.

use std::sync::Arc;
use std::task::Poll;

use tokio::sync::broadcast;

use super::{SEEDS, STEPS, remove_at};
use crate::support::Numbers;
use crate::support::waits::Wait;

#[test]
fn a_broadcast_gives_each_receiver_what_the_model_gives() {
    for seed in 0..SEEDS {
        broadcast_one(Numbers::new(seed));
    }
}

/// A value that is counted, clones included.
#[derive(Clone, Debug)]
struct Shared(usize, #[allow(dead_code)] Arc<()>);

struct Receiver {
    rx: broadcast::Receiver<Shared>,
    /// Number of the next value.
    next: usize,
}

fn broadcast_one(mut numbers: Numbers) {
    let capacity = 1 + numbers.below(4);
    let kept = capacity.next_power_of_two();
    let token = Arc::new(());
    let (tx, rx) = broadcast::channel(capacity);
    let mut sent = 0;
    let mut receivers = vec![Receiver { rx, next: 0 }];
    for _ in 0..STEPS {
        match numbers.below(8) {
            0..3 => match tx.send(Shared(sent, token.clone())) {
                Ok(count) => {
                    assert_eq!(count, receivers.len());
                    sent += 1;
                }
                Err(_) => assert!(receivers.is_empty()),
            },
            3 if receivers.len() < 4 => receivers.push(Receiver {
                rx: tx.subscribe(),
                next: sent,
            }),
            4 if numbers.below(3) == 0 => drop(remove_at(&mut receivers, &mut numbers)),
            5..8 if !receivers.is_empty() => {
                let at = numbers.below(receivers.len());
                let one = &mut receivers[at];
                let oldest = sent.saturating_sub(kept);
                match one.rx.try_recv() {
                    Ok(value) => {
                        assert!(one.next >= oldest && one.next < sent);
                        assert_eq!(value.0, one.next);
                        one.next += 1;
                    }
                    Err(broadcast::error::TryRecvError::Lagged(n)) => {
                        assert_eq!(n as usize, oldest - one.next);
                        one.next = oldest;
                    }
                    Err(error) => {
                        assert_eq!(error, broadcast::error::TryRecvError::Empty);
                        assert_eq!(one.next, sent);
                        // Waits for one poll, and is dropped.
                        let mut wait = Wait::new(one.rx.recv());
                        assert!(wait.poll().is_pending());
                        if numbers.below(2) == 0 {
                            tx.send(Shared(sent, token.clone())).unwrap();
                            sent += 1;
                            assert!(wait.is_woken());
                            assert!(matches!(wait.poll(), Poll::Ready(Ok(_))));
                            one.next += 1;
                        }
                    }
                }
            }
            _ => {}
        }
        let oldest = sent.saturating_sub(kept);
        // A value is kept until the last receiver has it, or until it is overwritten.
        let unread = receivers.iter().map(|one| one.next.max(oldest)).min();
        let live = sent - unread.unwrap_or(sent);
        assert_eq!(Arc::strong_count(&token), 1 + live);
        assert_eq!((tx.len(), tx.receiver_count()), (live, receivers.len()));
        for one in &receivers {
            assert_eq!(one.rx.len(), sent - one.next);
        }
    }
    drop((tx, receivers));
    assert_eq!(Arc::strong_count(&token), 1);
}
