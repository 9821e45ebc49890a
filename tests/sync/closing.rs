//! What a closed channel still gives, and the `Debug` form of a lock.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::support::waits::{Count, poll_once, poll_with};
use crate::support::within;
use tokio::sync::{mpsc, watch};

#[test]
fn a_closed_channel_waits_for_the_permits_that_are_out() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel(2);
        let kept = tx.try_reserve().unwrap();
        let lost = tx.try_reserve().unwrap();
        rx.close();
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        assert!(poll_with(pin!(rx.recv()), &waker).is_pending());
        assert!(rx.is_closed() && rx.is_empty());
        kept.send(1);
        assert_eq!(poll_with(pin!(rx.recv()), &waker), Poll::Ready(Some(1)));
        assert!(poll_with(pin!(rx.recv()), &waker).is_pending());
        let before = count.get();
        drop(lost);
        assert_eq!(count.get(), before + 1);
        assert_eq!(poll_once(pin!(rx.recv())), Poll::Ready(None));
        let mut buffer = Vec::new();
        assert_eq!(
            poll_once(pin!(rx.recv_many(&mut buffer, 0))),
            Poll::Ready(0)
        );
        assert_eq!(
            poll_once(pin!(rx.recv_many(&mut buffer, 9))),
            Poll::Ready(0)
        );
    });
}

#[test]
fn a_change_not_yet_seen_and_the_closing_of_a_watch() {
    within(20, || {
        let (tx, mut rx) = watch::channel(1);
        tx.send(2).unwrap();
        drop(tx);
        assert!(rx.has_changed().is_err());
        assert!(rx.borrow().has_changed());
        assert!(matches!(poll_once(pin!(rx.changed())), Poll::Ready(Ok(()))));
        assert!(matches!(poll_once(pin!(rx.changed())), Poll::Ready(Err(_))));
        rx.mark_changed();
        assert!(matches!(poll_once(pin!(rx.changed())), Poll::Ready(Ok(()))));
        assert!(matches!(
            poll_once(pin!(rx.wait_for(|v| *v == 2))),
            Poll::Ready(Ok(_))
        ));
        assert!(matches!(
            poll_once(pin!(rx.wait_for(|v| *v == 3))),
            Poll::Ready(Err(_))
        ));
    });
}
