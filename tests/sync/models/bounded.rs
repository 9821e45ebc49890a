//! `mpsc::channel`: the model is a queue, and a semaphore for its free places.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;

use super::{Counted, Permits, SEEDS, STEPS, remove_at};
use crate::support::Numbers;
use crate::support::waits::{Poller, Wait};

struct Sending {
    number: usize,
    value: usize,
    wait: Wait<'static, Result<(), mpsc::error::SendError<Counted>>>,
}

#[test]
fn a_bounded_channel_carries_what_the_model_carries() {
    for seed in 0..SEEDS {
        bounded(Numbers::new(seed));
    }
}

/// Polls for one value, or for at most `limit` of them.
fn receive(
    rx: &mut mpsc::Receiver<Counted>,
    limit: usize,
    cx: &mut Context<'_>,
) -> Poll<Vec<usize>> {
    if limit == 0 {
        return rx
            .poll_recv(cx)
            .map(|value| value.iter().map(|v| v.value).collect());
    }
    let mut buffer = Vec::new();
    let poll = rx.poll_recv_many(cx, &mut buffer, limit);
    poll.map(|count| {
        assert_eq!(count, buffer.len());
        buffer.iter().map(|v| v.value).collect()
    })
}

fn bounded(mut numbers: Numbers) {
    let capacity = 1 + numbers.below(4);
    let token = Arc::new(());
    let counted = |value| Counted::new(value, &token);
    let (tx, mut rx) = mpsc::channel(capacity);
    let mut room = Permits::new(capacity);
    let mut queue = VecDeque::new();
    let (mut sending, mut permits) = (Vec::<Sending>::new(), Vec::new());
    let mut at_receiver = Poller::default();
    for number in 0..STEPS {
        match numbers.below(10) {
            0 | 1 => {
                let (tx, value) = (tx.clone(), counted(number));
                sending.push(Sending {
                    number,
                    value: number,
                    wait: Wait::new(async move { tx.send(value).await }),
                });
            }
            2 | 3 if !sending.is_empty() => {
                let at = numbers.below(sending.len());
                let one = &mut sending[at];
                let granted = match one.wait.was_polled() {
                    false => room.request(one.number, 1),
                    true => room.take_grant(one.number).is_some(),
                };
                match one.wait.poll() {
                    Poll::Ready(result) => {
                        assert!(granted && result.is_ok());
                        queue.push_back(one.value);
                        sending.remove(at);
                    }
                    Poll::Pending => assert!(!granted),
                }
            }
            4 => {
                if let Some(one) = remove_at(&mut sending, &mut numbers) {
                    drop(one.wait);
                    room.cancel(one.number);
                }
            }
            5 => match tx.try_send(counted(number)) {
                Ok(()) => {
                    assert!(room.request(number, 1));
                    queue.push_back(number);
                }
                Err(mpsc::error::TrySendError::Full(value)) => {
                    assert_eq!(value.value, number);
                    assert!(!room.has(1));
                }
                Err(mpsc::error::TrySendError::Closed(_)) => panic!("it is open"),
            },
            6 => match tx.clone().try_reserve_owned() {
                Ok(permit) => {
                    assert!(room.request(number, 1));
                    permits.push(permit);
                }
                Err(_) => assert!(!room.has(1)),
            },
            7 => {
                if let Some(permit) = remove_at(&mut permits, &mut numbers) {
                    if numbers.below(2) == 0 {
                        permit.send(counted(number));
                        queue.push_back(number);
                    } else {
                        drop(permit);
                        room.add(1);
                    }
                }
            }
            8 => match rx.try_recv() {
                Ok(value) => {
                    assert_eq!(Some(value.value), queue.pop_front());
                    room.add(1);
                }
                Err(error) => {
                    assert_eq!(error, mpsc::error::TryRecvError::Empty);
                    assert!(queue.is_empty());
                }
            },
            _ => {
                let limit = numbers.below(4);
                match at_receiver.poll(|cx| receive(&mut rx, limit, cx)) {
                    Poll::Ready(values) => {
                        let n = limit.max(1).min(queue.len());
                        assert_eq!(values, queue.drain(..n).collect::<Vec<_>>());
                        assert!(n > 0);
                        room.add(n);
                    }
                    Poll::Pending => assert!(queue.is_empty()),
                }
            }
        }
        if at_receiver.is_waiting() && !queue.is_empty() {
            assert!(at_receiver.is_woken(), "the receiver sleeps");
        }
        assert_eq!((tx.capacity(), rx.len()), (room.available(), queue.len()));
        for one in sending.iter().filter(|one| one.wait.was_polled()) {
            assert_eq!(one.wait.is_woken(), room.is_granted(one.number));
        }
        // Each value is held by its sender or in the queue.
        assert_eq!(Arc::strong_count(&token), 1 + sending.len() + queue.len());
    }
    // After the close, sends that had a permit before still arrive.
    rx.close();
    let mut carried = 0;
    for mut one in sending {
        assert!(!one.wait.was_polled() || one.wait.is_woken());
        match one.wait.poll() {
            Poll::Ready(Ok(())) => panic!("a send ends after the closing"),
            Poll::Ready(Err(error)) => assert_eq!(error.0.value, one.value),
            Poll::Pending => panic!("a send waits after the closing"),
        }
    }
    for permit in permits {
        if numbers.below(2) == 0 {
            permit.send(counted(0));
            carried += 1;
        }
    }
    let mut rest = 0;
    while let Poll::Ready(values) = receive(&mut rx, 0, &mut Context::from_waker(Waker::noop())) {
        if values.is_empty() {
            break;
        }
        rest += 1;
    }
    assert_eq!(rest, queue.len() + carried);
    assert_eq!(
        rx.try_recv().unwrap_err(),
        mpsc::error::TryRecvError::Disconnected
    );
    assert_eq!(tx.capacity(), capacity);
    drop((tx, rx));
    assert_eq!(Arc::strong_count(&token), 1);
}
