//! Models of the channels: no value is lost, none is leaked or dropped twice, no wait goes on for ever.
//!
//! Values are loom's `Arc`s where they may be left behind: loom reports a value that is never dropped.
//! Waiters are real ones (`block_on`), so a lost wake-up is a deadlock that loom reports.

use crate::sync::{broadcast, mpsc, oneshot, watch};
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn oneshot_send_races_receive() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let thread = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx), Ok(1));
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_close_races_send() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let thread = thread::spawn(move || tx.send(1).is_ok());
        rx.close();
        let got = rx.try_recv().is_ok();
        assert_eq!(thread.join().unwrap(), got);
    });
}

#[test]
fn oneshot_change_of_waker_races_send() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let thread = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
        // Leaves one waker, then replaces it.
        let first = poll_once(pin!(&mut rx));
        if first.is_pending() {
            assert_eq!(block_on(rx).map(|v| *v), Ok(1));
        }
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_dropped_ends_wake_each_other() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel::<u8>();
        let (mut tx2, rx2) = oneshot::channel::<u8>();
        let thread = thread::spawn(move || {
            drop(tx);
            block_on(tx2.closed());
        });
        assert!(block_on(rx).is_err());
        drop(rx2);
        thread.join().unwrap();
    });
}

#[test]
fn oneshot_value_outlives_neither_end() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let thread = thread::spawn(move || drop(tx.send(Arc::new(()))));
        drop(rx);
        thread.join().unwrap();
    });
}

#[test]
fn mpsc_two_senders_one_receiver() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other = tx.clone();
        let a = thread::spawn(move || tx.send(1).unwrap());
        let b = thread::spawn(move || other.send(2).unwrap());
        let sum = block_on(async { rx.recv().await.unwrap() + rx.recv().await.unwrap() });
        assert_eq!(sum, 3);
        a.join().unwrap();
        b.join().unwrap();
    });
}

#[test]
fn mpsc_last_sender_ends_the_wait() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other = tx.clone();
        let a = thread::spawn(move || drop(tx));
        let b = thread::spawn(move || other.send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        a.join().unwrap();
        b.join().unwrap();
    });
}

/// A block holds three values here: the fourth goes to the next block, and the first block is used again.
#[test]
fn mpsc_one_sender_crosses_blocks() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..2).for_each(|i| tx.send(i).unwrap());
        let thread = thread::spawn(move || (2..5).for_each(|i| tx.send(i).unwrap()));
        for i in 0..5 {
            assert_eq!(block_on(rx.recv()), Some(i));
        }
        thread.join().unwrap();
    });
}

/// One sender claims the block's last slot, the other needs the next block.
#[test]
fn mpsc_two_senders_at_the_end_of_a_block() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..2).for_each(|i| tx.send(i).unwrap());
        let other = tx.clone();
        let a = thread::spawn(move || tx.send(2).unwrap());
        other.send(3).unwrap();
        a.join().unwrap();
        let got: Vec<_> = (0..4).map(|_| rx.try_recv().unwrap()).collect();
        assert!(got == [0, 1, 2, 3] || got == [0, 1, 3, 2]);
    });
}

/// A `try_recv` that finds the last sender gone comes after what that sender sent.
#[test]
fn mpsc_try_recv_races_the_last_send() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
        let mut got = 0;
        for _ in 0..2 {
            match rx.try_recv() {
                Ok(_) => got += 1,
                Err(mpsc::error::TryRecvError::Disconnected) => assert_eq!(got, 1),
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        thread.join().unwrap();
        got += usize::from(rx.try_recv().is_ok());
        assert_eq!(got, 1);
        assert!(matches!(
            rx.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        ));
    });
}

/// The same for a channel that was closed while a permit was out.
#[test]
fn mpsc_try_recv_races_the_last_permit() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let permit = tx.try_reserve_owned().unwrap();
        rx.close();
        let thread = thread::spawn(move || permit.send(1));
        let early = rx.try_recv();
        assert_ne!(early, Err(mpsc::error::TryRecvError::Disconnected));
        let _sender = thread.join().unwrap();
        let late = rx.try_recv();
        assert_eq!(early.or(late), Ok(1));
        assert_eq!(rx.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    });
}

/// Values that are received at once make room for as many values, and no more.
#[test]
fn mpsc_receiving_many_makes_room_for_as_many() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(2);
        (0..2).for_each(|i| tx.try_send(i).unwrap());
        let sender = tx.clone();
        let thread = thread::spawn(move || block_on(sender.send(2)).unwrap());
        let mut all = Vec::new();
        while all.len() < 3 {
            assert!(block_on(rx.recv_many(&mut all, 3)) > 0);
        }
        thread.join().unwrap();
        assert_eq!(all, [0, 1, 2]);
        assert_eq!(tx.capacity(), 2);
    });
}

#[test]
fn mpsc_bounded_sender_waits_for_room() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let thread = thread::spawn(move || {
            block_on(async {
                tx.send(1).await.unwrap();
                tx.send(2).await.unwrap();
            });
        });
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        assert_eq!(block_on(rx.recv()), None);
        thread.join().unwrap();
    });
}

#[test]
fn mpsc_returned_permit_ends_a_closed_channel() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        let thread = thread::spawn(move || {
            if let Ok(permit) = tx.try_reserve() {
                drop(permit);
            }
            tx
        });
        rx.close();
        assert_eq!(block_on(rx.recv()), None);
        drop(thread.join().unwrap());
    });
}

#[test]
fn mpsc_closing_refuses_a_waiting_sender() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(1).unwrap();
        let thread = thread::spawn(move || block_on(tx.send(2)).is_ok());
        rx.close();
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), None);
        assert!(!thread.join().unwrap());
    });
}

#[test]
fn mpsc_values_do_not_outlive_a_dropped_receiver() {
    loom::model(|| {
        let (tx, rx) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || drop(tx.send(Arc::new(()))));
        drop(rx);
        thread.join().unwrap();
    });
}

#[test]
fn mpsc_upgrade_races_the_last_sender() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let thread = thread::spawn(move || match weak.upgrade() {
            Some(tx) => tx.send(1).is_ok(),
            None => false,
        });
        drop(tx);
        let got = block_on(rx.recv());
        assert_eq!(thread.join().unwrap(), got.is_some());
    });
}

#[test]
fn watch_change_is_not_lost() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let thread = thread::spawn(move || tx.send(1).unwrap());
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow(), 1);
        thread.join().unwrap();
    });
}

#[test]
fn watch_reports_the_last_value_before_the_end() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let thread = thread::spawn(move || {
            tx.send(1).unwrap();
            tx.send(2).unwrap();
        });
        let mut last = 0;
        while block_on(rx.changed()).is_ok() {
            let now = *rx.borrow_and_update();
            assert!(now > last, "told twice of the same value");
            last = now;
        }
        assert_eq!(last, 2);
        thread.join().unwrap();
    });
}

#[test]
fn watch_wakes_every_receiver() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let mut other = rx.clone();
        let thread = thread::spawn(move || block_on(other.changed()).unwrap());
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx
        });
        block_on(rx.changed()).unwrap();
        thread.join().unwrap();
        drop(sender.join().unwrap());
    });
}

#[test]
fn watch_sender_learns_of_the_last_receiver() {
    loom::model(|| {
        let (tx, rx) = watch::channel(0);
        let thread = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.send(1).is_err());
        thread.join().unwrap();
    });
}

#[test]
fn broadcast_value_is_not_lost() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let thread = thread::spawn(move || tx.send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Ok(1));
        assert_eq!(
            block_on(rx.recv()),
            Err(broadcast::error::RecvError::Closed)
        );
        thread.join().unwrap();
    });
}

#[test]
fn broadcast_reaches_every_receiver() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let mut other = tx.subscribe();
        let thread = thread::spawn(move || block_on(other.recv()).map(|v: Arc<u8>| *v));
        let sender = thread::spawn(move || tx.send(Arc::new(1)).unwrap());
        assert_eq!(block_on(rx.recv()).map(|v| *v), Ok(1));
        assert_eq!(thread.join().unwrap(), Ok(1));
        assert_eq!(sender.join().unwrap(), 2);
    });
}

#[test]
fn broadcast_overwriting_races_a_slow_receiver() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let thread = thread::spawn(move || {
            tx.send(Arc::new(1)).unwrap();
            tx.send(Arc::new(2)).unwrap();
        });
        let mut last = 0;
        let mut lost = 0;
        loop {
            match block_on(rx.recv()) {
                Ok(value) => {
                    assert_eq!(*value as u64, last + lost + 1);
                    (last, lost) = (*value as u64, 0);
                }
                Err(broadcast::error::RecvError::Lagged(n)) => lost = n,
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
        assert_eq!(last, 2);
        thread.join().unwrap();
    });
}

#[test]
fn broadcast_values_do_not_outlive_dropped_receivers() {
    loom::model(|| {
        let (tx, rx) = broadcast::channel(2);
        let rx2 = tx.subscribe();
        let thread = thread::spawn(move || drop(tx.send(Arc::new(()))));
        drop(rx);
        drop(rx2);
        thread.join().unwrap();
    });
}

#[test]
fn broadcast_wait_given_up_races_send() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        {
            let mut wait = pin!(rx.recv());
            assert!(poll_once(wait.as_mut()).is_pending());
            let sender = tx.clone();
            thread::spawn(move || sender.send(1).unwrap());
            drop(tx);
            // The wait is dropped here, while it may be signalled.
        }
        assert_eq!(block_on(rx.recv()), Ok(1));
    });
}

/// A thread that sees the value, or sees the channel closed, sees what came before.
#[test]
fn oneshot_looks_are_ordered() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel::<Arc<i32>>();
        let thread = thread::spawn(move || {
            if !rx.is_empty() {
                assert_eq!(rx.try_recv().map(|v| *v), Ok(1));
            }
        });
        let _ = tx.send(Arc::new(1));
        thread.join().unwrap();
    });
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel::<Arc<i32>>();
        let thread = thread::spawn(move || rx.try_recv().map(|v| *v));
        let _ = tx.send(Arc::new(1));
        let _ = thread.join().unwrap();
    });
    for waits in [false, true] {
        loom::model(move || {
            let (mut tx, mut rx) = oneshot::channel::<u8>();
            let flag = Arc::new(loom::cell::UnsafeCell::new(0));
            let other = flag.clone();
            let thread = thread::spawn(move || {
                // SAFETY: loom fails the model if this access races.
                other.with_mut(|v| unsafe { *v = 1 });
                rx.close();
            });
            let is_closed = match waits {
                true => poll_once(pin!(tx.closed())).is_ready(),
                false => tx.is_closed(),
            };
            if is_closed {
                // SAFETY: as above.
                flag.with(|v| assert_eq!(1, unsafe { *v }));
            }
            thread.join().unwrap();
        });
    }
}

/// The receiver empties a block and leaves it as the spare block, while a sender takes it as the next block.
#[test]
fn mpsc_a_block_is_used_again() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..3).for_each(|i| tx.send(i).unwrap());
        let thread = thread::spawn(move || (3..7).for_each(|i| tx.send(i).unwrap()));
        // Read while the sender may be writing to the same slots again: only `spare` orders the two.
        (0..3).for_each(|i| assert_eq!(rx.try_recv(), Ok(i)));
        thread.join().unwrap();
        (3..7).for_each(|i| assert_eq!(rx.try_recv(), Ok(i)));
    });
}

/// Blocks come back one after another: one is kept, the others are freed. Loom reports a block that is not freed.
#[test]
fn mpsc_blocks_are_kept_or_freed() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..7).for_each(|i| tx.send(i).unwrap());
        (0..7).for_each(|i| assert_eq!(rx.try_recv(), Ok(i)));
    });
}

/// A sender that has already taken the next block finds the channel closed.
#[test]
fn mpsc_closing_at_the_end_of_a_block_leaks_none() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        (0..2).for_each(|i| tx.send(i).unwrap());
        let thread = thread::spawn(move || tx.send(2).is_ok());
        rx.close();
        let mut got = 0;
        while block_on(rx.recv()).is_some() {
            got += 1;
        }
        assert_eq!(got, 2 + usize::from(thread.join().unwrap()));
    });
}

/// A sender is made by an upgrade while another is made by a clone.
#[test]
fn mpsc_upgrade_races_a_clone() {
    loom::model(|| {
        let (tx, rx) = mpsc::unbounded_channel::<u8>();
        let weak = tx.downgrade();
        let thread = thread::spawn(move || weak.upgrade().unwrap());
        let other = tx.clone();
        let third = thread.join().unwrap();
        assert_eq!(rx.sender_strong_count(), 3);
        drop((tx, other, third));
        assert!(rx.sender_strong_count() == 0);
    });
}

#[test]
fn broadcast_upgrade_races_a_clone() {
    loom::model(|| {
        let (tx, rx) = broadcast::channel::<u8>(1);
        let weak = tx.downgrade();
        let thread = thread::spawn(move || weak.upgrade().unwrap());
        let other = tx.clone();
        let third = thread.join().unwrap();
        assert_eq!(rx.sender_strong_count(), 3);
        drop((tx, other, third));
        assert!(rx.is_closed());
    });
}
