//! Each future of the crate that waits reports what it waits for.

use crate::support::{each_blocks_on, soon};
use crate::{settled, settled_after, waiting};
use selvedge::io::{AsyncReadExt, AsyncWriteExt, Interest, duplex};
use selvedge::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use selvedge::runtime::Handle;
use selvedge::runtime::tasks::{TaskKind, WaitKind};
use selvedge::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use selvedge::task::{JoinSet, LocalSet};
use selvedge::time::{Duration, interval, sleep, timeout};
use std::future::pending;
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Asserts that the future has exactly one wait, of that kind.
macro_rules! assert_waits {
    ($future:expr, $kind:ident) => {{
        let future = $future;
        let future = async move {
            let _ = future.await;
        };
        let (task, handle) = soon(stringify!($future), waiting(future)).await;
        let kinds: Vec<WaitKind> = task.waits().iter().map(|wait| wait.kind()).collect();
        assert_eq!(kinds, [WaitKind::$kind], "{}", stringify!($future));
        handle.abort();
        let _ = handle.await;
        task
    }};
}

#[test]
fn locks() {
    each_blocks_on(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let _held = mutex.clone().lock_owned().await;
        let other = mutex.clone();
        assert_waits!(async move { drop(other.lock().await) }, Mutex);
        assert_waits!(mutex.lock_owned(), Mutex);

        for readers in [1, 2, 100] {
            let lock = Arc::new(RwLock::with_max_readers(0, readers));
            let held = lock.clone().write_owned().await;
            assert_waits!(lock.clone().read_owned(), Read);
            assert_waits!(lock.clone().write_owned(), Write);
            drop(held);
            let _held = lock.clone().read_owned().await;
            let other = lock.clone();
            assert_waits!(async move { drop(other.write().await) }, Write);
        }

        let semaphore = Arc::new(Semaphore::new(1));
        assert_waits!(semaphore.clone().acquire_many_owned(2), Semaphore);
        let _held = semaphore.clone().acquire_owned().await.unwrap();
        assert_waits!(async move { drop(semaphore.acquire().await) }, Semaphore);
    });
}

#[test]
fn channels() {
    each_blocks_on(|| async {
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        assert_waits!(async move { rx.recv().await }, Receive);
        let (full, mut rx) = mpsc::channel::<u8>(1);
        full.send(1).await.unwrap();
        let other = full.clone();
        assert_waits!(async move { other.send(2).await }, Send);
        let other = full.clone();
        assert_waits!(async move { drop(other.reserve().await) }, Send);
        assert_waits!(full.clone().reserve_owned(), Send);
        let other = full.clone();
        assert_waits!(async move { other.closed().await }, Closed);
        rx.recv().await.unwrap();
        assert_waits!(async move { rx.recv_many(&mut vec![], 5).await }, Receive);
        drop((tx, full));
        let (_tx, mut rx) = mpsc::unbounded_channel::<u8>();
        assert_waits!(async move { rx.recv().await }, Receive);
        let (tx, _rx) = mpsc::unbounded_channel::<u8>();
        assert_waits!(async move { tx.closed().await }, Closed);

        let (_tx, rx) = oneshot::channel::<u8>();
        assert_waits!(rx, Oneshot);
        let (mut tx, _rx) = oneshot::channel::<u8>();
        assert_waits!(async move { tx.closed().await }, OneshotClosed);

        let (tx, mut rx) = broadcast::channel::<u8>(2);
        assert_waits!(async move { rx.recv().await }, Broadcast);
        let _rx = tx.subscribe();
        assert_waits!(async move { tx.closed().await }, Closed);

        let (tx, mut rx) = watch::channel(1);
        let mut other = rx.clone();
        assert_waits!(async move { other.changed().await }, Watch);
        assert_waits!(
            async move { rx.wait_for(|n| *n == 9).await.map(drop) },
            Watch
        );
        let _rx = tx.subscribe();
        assert_waits!(async move { tx.closed().await }, Closed);
    });
}

#[test]
fn meetings() {
    each_blocks_on(|| async {
        let notify = Arc::new(Notify::new());
        let other = notify.clone();
        let one = assert_waits!(async move { other.notified().await }, Notify);
        let two = assert_waits!(notify.notified_owned(), Notify);
        assert_eq!(one.waits()[0].object(), two.waits()[0].object());

        let barrier = Arc::new(Barrier::new(2));
        assert_waits!(async move { barrier.wait().await }, Barrier);
        let cell = Arc::new(SetOnce::<u8>::new());
        assert_waits!(async move { cell.wait().await.to_owned() }, SetOnce);

        let cell = Arc::new(OnceCell::<u8>::new());
        let other = cell.clone();
        let (first, _first) = waiting(async move {
            other.get_or_init(pending).await;
        })
        .await;
        assert!(first.waits().is_empty(), "nobody knows what `pending` is");
        let second = assert_waits!(
            async move {
                cell.get_or_init(pending).await;
            },
            OnceCell
        );
        assert_eq!(second.waits()[0].holder(), Some(first.id()));
    });
}

#[test]
fn tasks() {
    each_blocks_on(|| async {
        let never = selvedge::spawn(pending::<()>());
        let id = never.id();
        let task = assert_waits!(never, Join);
        assert_eq!(task.waits()[0].task(), Some(id));
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        assert_waits!(async move { set.join_next().await }, JoinSet);
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let closure = selvedge::task::spawn_blocking(move || receive.recv());
        assert_waits!(closure, Join);
        drop(send);
    });
}

#[test]
fn a_local_set_and_its_tasks() {
    let runtime = crate::support::current();
    let set = LocalSet::new();
    let inner = set.spawn_local(async { sleep(Duration::from_secs(99)).await });
    set.block_on(&runtime, async move {
        let task = settled(inner.id()).await;
        assert_eq!(task.waits()[0].kind(), WaitKind::Sleep);
        assert_eq!(task.kind().to_string(), "local");
    });
    // The set is polled as a future, beside others: a task lists the waits of `block_on`'s future.
    set.spawn_local(async { Notify::new().notified().await });
    runtime.block_on(async move {
        let (found, finds) = oneshot::channel();
        selvedge::spawn(async move {
            let tasks = Handle::current().tasks();
            let main = tasks.iter().find(|task| task.kind() == TaskKind::BlockOn);
            let kinds: Vec<WaitKind> = main.unwrap().waits().iter().map(|w| w.kind()).collect();
            found.send(kinds).unwrap();
        });
        let mut set = set;
        let mut first = std::pin::pin!(sleep(Duration::from_secs(99)));
        let mut finds = std::pin::pin!(finds);
        let kinds = std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            assert!(std::pin::Pin::new(&mut set).poll(cx).is_pending());
            finds.as_mut().poll(cx)
        })
        .await
        .unwrap();
        let expected = [WaitKind::Sleep, WaitKind::LocalSet, WaitKind::Oneshot];
        assert_eq!(kinds, expected);
    });
}

#[test]
fn time() {
    each_blocks_on(|| async {
        let task = assert_waits!(sleep(Duration::from_secs(100)), Sleep);
        let left = task.waits()[0].remaining().unwrap();
        assert!(
            left <= Duration::from_secs(101) && left > Duration::from_secs(50),
            "{left:?}"
        );
        assert_waits!(
            async {
                let mut interval = interval(Duration::from_secs(100));
                interval.tick().await;
                interval.tick().await;
            },
            Sleep
        );
        let (task, handle) = waiting(async {
            let _ = timeout(Duration::from_secs(100), Notify::new().notified()).await;
        })
        .await;
        let kinds: Vec<WaitKind> = task.waits().iter().map(|wait| wait.kind()).collect();
        assert_eq!(kinds, [WaitKind::Notify, WaitKind::Sleep]);
        handle.abort();
        // A time-out that is over no longer waits for its inner future.
        let handle = selvedge::spawn(async {
            let semaphore = Semaphore::new(0);
            let over = timeout(Duration::from_millis(2), semaphore.acquire()).await;
            assert!(over.is_err());
            Notify::new().notified().await;
        });
        let task = settled_after(2, handle.id()).await;
        let kinds: Vec<WaitKind> = task.waits().iter().map(|wait| wait.kind()).collect();
        assert_eq!(kinds, [WaitKind::Notify]);
        handle.abort();
    });
}

#[test]
fn several_at_once_and_then_one() {
    each_blocks_on(|| async {
        let notify = Arc::new(Notify::new());
        let other = notify.clone();
        let (task, handle) = waiting(async move {
            let never = pending::<()>();
            selvedge::select! {
                () = sleep(Duration::from_secs(100)) => (),
                () = other.notified() => (),
                () = never => (),
            }
            Notify::new().notified().await;
        })
        .await;
        let mut kinds: Vec<u8> = task.waits().iter().map(|wait| wait.kind() as u8).collect();
        kinds.sort();
        assert_eq!(kinds, [WaitKind::Notify as u8, WaitKind::Sleep as u8]);
        let polls = task.polls();
        notify.notify_one();
        loop {
            let task = settled(task.id()).await;
            if task.polls() > polls {
                assert_eq!(task.waits().len(), 1, "{task}");
                break;
            }
            selvedge::task::yield_now().await;
        }
        handle.abort();
    });
}

#[test]
fn the_peer_of_a_socket_is_told() {
    each_blocks_on(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (_kept, client) = listener.accept().await.unwrap();
        let fd = stream.as_raw_fd();
        let reads = async move { drop(stream.read_u8().await) };
        let (task, handle) = soon("a read", waiting(reads)).await;
        assert_eq!(task.waits()[0].peer(), Some(address));
        let told = format!("readable descriptor {fd} of {address}");
        assert!(task.to_string().ends_with(&told), "{task}");
        assert_ne!(client, address);
        handle.abort();

        let accepts = async move { drop(listener.accept().await) };
        let (task, handle) = soon("an accept", waiting(accepts)).await;
        assert_eq!(task.waits()[0].peer(), None);
        handle.abort();
    });
}

#[test]
fn sockets_and_pipes() {
    each_blocks_on(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fd = listener.as_raw_fd();
        let task = assert_waits!(async move { listener.accept().await.map(drop) }, Readable);
        assert_eq!(task.waits()[0].descriptor(), Some(fd));

        // On another port: a child of another test may hold the first listener open for a moment.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let fd = stream.as_raw_fd();
        let task = assert_waits!(async move { stream.read_u8().await }, Readable);
        assert_eq!(task.waits()[0].descriptor(), Some(fd));
        drop(peer.shutdown().await);

        let stream = TcpStream::connect(address).await.unwrap();
        let (_kept, _) = listener.accept().await.unwrap();
        let mut stream = stream;
        let bytes = vec![0; 100 << 20];
        assert_waits!(async move { stream.write_all(&bytes).await }, Writable);

        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_waits!(async move { socket.recv(&mut [0; 8]).await }, Readable);
        let (stream, _peer) = UnixStream::pair().unwrap();
        assert_waits!(async move { stream.readable().await }, Readable);
        for (interest, kind) in [
            (Interest::WRITABLE, WaitKind::Writable),
            (Interest::READABLE | Interest::WRITABLE, WaitKind::Ready),
            (Interest::READABLE, WaitKind::Readable),
        ] {
            let (stream, _peer) = UnixStream::pair().unwrap();
            stream.writable().await.unwrap();
            while stream.try_write(&[0; 4096]).is_ok() {}
            let wait = async move { drop(stream.ready(interest).await) };
            let (task, handle) = soon("a wait for readiness", waiting(wait)).await;
            assert_eq!((task.waits().len(), task.waits()[0].kind()), (1, kind));
            handle.abort();
        }

        let (mut left, _right) = duplex(8);
        assert_waits!(async move { left.read_u8().await }, Pipe);
        let (mut left, _right) = duplex(8);
        assert_waits!(async move { left.write_all(&[0; 9]).await }, Pipe);
    });
}

#[test]
fn children_and_signals() {
    each_blocks_on(|| async {
        let mut child = selvedge::process::Command::new("sleep")
            .arg("100")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = child.id().unwrap() as i32;
        let task = assert_waits!(async move { child.wait().await }, Child);
        assert_eq!(task.waits()[0].number(), Some(pid));
        let kind = selvedge::signal::unix::SignalKind::user_defined2();
        let mut signals = selvedge::signal::unix::signal(kind).unwrap();
        let task = assert_waits!(async move { signals.recv().await }, Signal);
        assert_eq!(task.waits()[0].number(), Some(kind.as_raw_value()));
    });
}

/// A wait that a task begins before it blocks on something else in the same poll is still reported.
#[test]
fn polls_within_a_poll() {
    let runtime = crate::support::multi(1);
    let task = runtime.spawn(async {
        let mut first = std::pin::pin!(sleep(Duration::from_secs(99)));
        let mut second = std::pin::pin!(std::future::pending::<()>());
        std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            selvedge::task::block_in_place(|| {
                let inner = crate::support::current();
                inner.block_on(async {
                    let task = selvedge::spawn(async {
                        selvedge::task::yield_now().await;
                        Notify::new().notified().await;
                    });
                    let task = settled(task.id()).await;
                    let kinds: Vec<WaitKind> = task.waits().iter().map(|w| w.kind()).collect();
                    assert!(
                        kinds == [WaitKind::Turn] || kinds == [WaitKind::Notify],
                        "{task}"
                    );
                    let set = LocalSet::new();
                    let yields = set.run_until(async {
                        selvedge::task::spawn_local(selvedge::task::yield_now()).await
                    });
                    yields.await.unwrap();
                });
            });
            second.as_mut().poll(cx)
        })
        .await;
    });
    let info = runtime.block_on(settled(task.id()));
    let kinds: Vec<WaitKind> = info.waits().iter().map(|wait| wait.kind()).collect();
    assert_eq!(kinds, [WaitKind::Sleep], "{info}");
}

/// The runtime's own polls, of the signal pipe and of orphaned children, are no waits of a task.
#[test]
fn what_the_runtime_waits_for_itself_is_told_of_no_task() {
    let runtime = crate::support::current();
    runtime.block_on(async {
        use selvedge::signal::unix::{SignalKind, signal};
        let mut signals = signal(SignalKind::user_defined1()).unwrap();
        for _ in 0..20 {
            let mut child = std::process::Command::new("kill")
                .args(["-USR1", &std::process::id().to_string()])
                .spawn()
                .unwrap();
            signals.recv().await; // the runtime polls the pipe, then a task is polled on the same thread
            let task = selvedge::spawn(async { Notify::new().notified().await });
            selvedge::task::yield_now().await;
            let info = settled(task.id()).await;
            let kinds: Vec<WaitKind> = info.waits().iter().map(|wait| wait.kind()).collect();
            assert_eq!(kinds, [WaitKind::Notify]);
            task.abort();
            child.wait().unwrap();
        }
    });
}
