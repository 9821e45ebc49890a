//! Models of the channels and of `Notify`: each checks that no wake-up and no value is lost.

use crate::sync::{Notify, broadcast, mpsc, oneshot, watch};
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;

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
fn mpsc_two_senders_one_receiver() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other = tx.clone();
        let a = thread::spawn(move || tx.send(1).unwrap());
        let b = thread::spawn(move || other.send(2).unwrap());
        let sum = block_on(async { rx.recv().await.unwrap() + rx.recv().await.unwrap() });
        assert_eq!(sum, 3);
        assert_eq!(block_on(rx.recv()), None);
        a.join().unwrap();
        b.join().unwrap();
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
fn notify_one_is_not_lost() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let other = notify.clone();
        let thread = thread::spawn(move || other.notify_one());
        block_on(notify.notified());
        thread.join().unwrap();
    });
}

#[test]
fn notify_waiters_reaches_all() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let waiting = notify.clone().notified_owned();
        let other = notify.clone();
        let thread = thread::spawn(move || other.notify_waiters());
        block_on(waiting);
        thread.join().unwrap();
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
