//! Models of the mpsc channels' ends, by `try_recv` and `recv_many`.

use crate::sync::mpsc::error::TryRecvError;
use crate::sync::mpsc::{channel, unbounded_channel};
use ::loom::future::block_on;
use ::loom::sync::Arc;
use ::loom::thread;

/// Receives until the channel ends; returns how many values.
fn receive(mut try_recv: impl FnMut() -> Result<Arc<()>, TryRecvError>) -> usize {
    let mut count = 0;
    loop {
        match try_recv() {
            Ok(_) => count += 1,
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(TryRecvError::Disconnected) => return count,
        }
    }
}

#[test]
fn try_recv_tells_of_the_end_after_the_last_value() {
    ::loom::model(|| {
        let (tx, mut rx) = unbounded_channel();
        let receiver = thread::spawn(move || receive(|| rx.try_recv()));
        tx.send(Arc::new(())).unwrap();
        drop(tx);
        assert_eq!(receiver.join().unwrap(), 1);
    });
}

#[test]
fn try_recv_of_a_bounded_channel_tells_of_the_end_after_the_last_value() {
    ::loom::model(|| {
        let (tx, mut rx) = channel(1);
        let receiver = thread::spawn(move || receive(|| rx.try_recv()));
        tx.try_send(Arc::new(())).unwrap();
        drop(tx);
        assert_eq!(receiver.join().unwrap(), 1);
    });
}

#[test]
fn the_last_permit_of_a_closed_channel_is_waited_for() {
    ::loom::model(|| {
        let (tx, mut rx) = channel(2);
        let permit = tx.clone().try_reserve_owned().unwrap();
        rx.close();
        let receiver = thread::spawn(move || receive(|| rx.try_recv()));
        drop(permit.send(Arc::new(())));
        assert_eq!(receiver.join().unwrap(), 1);
        drop(tx);
    });
}

#[test]
fn recv_many_takes_all_and_lets_the_next_in() {
    ::loom::model(|| {
        let (tx, mut rx) = channel(1);
        let receiver = thread::spawn(move || {
            let (mut taken, mut count) = (Vec::new(), 0);
            loop {
                match block_on(rx.recv_many(&mut taken, 3)) {
                    0 => return count,
                    got => count += got,
                }
            }
        });
        for _ in 0..2 {
            block_on(tx.send(Arc::new(()))).unwrap();
        }
        drop(tx);
        assert_eq!(receiver.join().unwrap(), 2);
    });
}
