//! Messages that are too large for many copies on the stack, through every channel and cell, on a thread of 2 MiB. A debug
//! build is the harder test: there each move is a copy.

use std::hint::black_box;
use std::time::Duration;

use crate::support::current;
use tokio::sync::{Mutex, OnceCell, RwLock, SetOnce, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

type Large<const N: usize> = [u8; N];

fn large<const N: usize>() -> Large<N> {
    black_box([7; N])
}

fn on_two_mebibytes(f: fn()) {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(f).unwrap().join().unwrap();
}

fn seven<const N: usize>(value: &Large<N>) {
    assert_eq!((value[0], value[N - 1]), (7, 7));
}

/// Cases that each run on a thread of their own: in a debug build, a function's stack holds every value that it names.
type Cases = Vec<fn()>;

fn bounded<const N: usize>() -> Cases {
    fn channel<const N: usize>(
        values: usize,
    ) -> (mpsc::Sender<Large<N>>, mpsc::Receiver<Large<N>>) {
        let (tx, rx) = mpsc::channel(200);
        (0..values).for_each(|_| tx.try_send(large()).unwrap());
        (tx, rx)
    }
    vec![
        || channel::<N>(1).0.try_reserve().unwrap().send(large()),
        || drop(channel::<N>(1).0.try_reserve_owned().unwrap().send(large())),
        || {
            let (tx, _rx) = channel::<N>(1);
            tx.blocking_send(large()).unwrap();
        },
        || seven(&channel::<N>(1).1.try_recv().unwrap()),
        || seven(&channel::<N>(1).1.blocking_recv().unwrap()),
        || {
            let (tx, _rx) = channel::<N>(1);
            current().block_on(async { tx.send(large()).await.unwrap() });
        },
        || {
            let (tx, _rx) = channel::<N>(1);
            let minute = Duration::from_secs(60);
            current().block_on(async { tx.send_timeout(large(), minute).await.unwrap() });
        },
        || {
            let (_tx, mut rx) = channel::<N>(1);
            current().block_on(async { seven(&rx.recv().await.unwrap()) });
        },
        || {
            let (_tx, mut rx) = channel::<N>(5);
            let mut buffer = Vec::new();
            assert_eq!(rx.blocking_recv_many(&mut buffer, 10), 5);
            buffer.iter().for_each(seven);
        },
        || {
            // Blocks are linked, reused and freed.
            let (tx, mut rx) = channel::<N>(0);
            for _ in 0..3 {
                (0..70).for_each(|_| tx.try_send(large()).unwrap());
                (0..40).for_each(|_| seven(&rx.try_recv().unwrap()));
            }
            drop(rx);
            assert!(tx.try_send(large()).is_err());
        },
    ]
}

fn unbounded<const N: usize>() -> Cases {
    vec![|| {
        let (tx, mut rx) = mpsc::unbounded_channel::<Large<N>>();
        (0..70).for_each(|_| tx.send(large()).unwrap());
        (0..40).for_each(|_| seven(&rx.try_recv().unwrap()));
        rx.close();
        assert!(tx.send(large()).is_err());
        current().block_on(async { seven(&rx.recv().await.unwrap()) });
    }]
}

fn once<const N: usize>() -> Cases {
    fn sent<const N: usize>() -> oneshot::Receiver<Large<N>> {
        let (tx, rx) = oneshot::channel::<Large<N>>();
        tx.send(large()).unwrap();
        rx
    }
    vec![
        || seven(&sent::<N>().blocking_recv().unwrap()),
        || seven(&sent::<N>().try_recv().unwrap()),
        || current().block_on(async { seven(&sent::<N>().await.unwrap()) }),
        || drop(sent::<N>()),
        || {
            let (tx, rx) = oneshot::channel::<Large<N>>();
            drop(rx);
            assert!(tx.send(large()).is_err());
        },
    ]
}

fn to_many<const N: usize>() -> Cases {
    vec![
        || {
            let (tx, mut rx) = broadcast::channel::<Large<N>>(4);
            let mut other = tx.subscribe();
            (0..9).for_each(|_| drop(tx.send(large())));
            assert!(rx.try_recv().is_err());
            seven(&rx.try_recv().unwrap());
            assert!(other.try_recv().is_err());
            seven(&other.blocking_recv().unwrap());
        },
        || {
            let (tx, mut rx) = broadcast::channel::<Large<N>>(4);
            drop(tx.send(large()));
            current().block_on(async { seven(&rx.recv().await.unwrap()) });
        },
        || {
            let (tx, mut rx) = watch::channel::<Large<N>>(large());
            tx.send(large()).unwrap();
            seven(&rx.borrow_and_update());
        },
        || seven(&watch::channel::<Large<N>>(large()).0.send_replace(large())),
    ]
}

fn cells<const N: usize>() -> Cases {
    vec![
        || {
            let cell = Box::new(OnceCell::<Large<N>>::new());
            assert!(cell.set(large()).is_ok());
            seven(cell.get().unwrap());
        },
        || {
            let cell = Box::new(OnceCell::<Large<N>>::new());
            current().block_on(async { seven(cell.get_or_init(|| async { large() }).await) });
        },
        || {
            let cell = Box::new(SetOnce::<Large<N>>::new());
            assert!(cell.set(large()).is_ok());
            seven(cell.get().unwrap());
        },
        || seven(&Mutex::new(large::<N>()).into_inner()),
        || seven(&RwLock::new(large::<N>()).into_inner()),
    ]
}

/// The same for outputs of tasks.
fn outputs<const N: usize>() -> Cases {
    vec![
        || seven(&current().block_on(async { large::<N>() })),
        || {
            let runtime = current();
            let task = runtime.spawn(async { large::<N>() });
            seven(&runtime.block_on(task).unwrap());
        },
        || {
            let runtime = current();
            let task = runtime.spawn_blocking(large::<N>);
            seven(&runtime.block_on(task).unwrap());
        },
        || {
            current().block_on(async {
                let mut set = JoinSet::new();
                set.spawn(async { large::<N>() });
                seven(&set.join_next().await.unwrap().unwrap());
            });
        },
    ]
}

fn all<const N: usize>() {
    let rooms = [
        bounded::<N>,
        unbounded::<N>,
        once::<N>,
        to_many::<N>,
        cells::<N>,
        outputs::<N>,
    ];
    for case in rooms.into_iter().flat_map(|room| room()) {
        on_two_mebibytes(case);
    }
}

#[test]
fn sixteen_kibibytes_go_through() {
    all::<{ 16 << 10 }>();
}

#[test]
fn fifty_kibibytes_go_through() {
    all::<{ 50 << 10 }>();
}
