//! The holder of a lock, whichever task takes it and in whatever way.

use crate::support::each_blocks_on;
use crate::waiting;
use selvedge::runtime::Handle;
use selvedge::runtime::tasks::TaskKind;
use selvedge::sync::{Mutex, RwLock, Semaphore};
use selvedge::task::Id;
use std::future::pending;
use std::sync::Arc;

/// The mutex's holder, as the wait of a new task for the mutex reports it.
async fn holder_of(mutex: &Arc<Mutex<u8>>) -> Option<Id> {
    let (task, handle) = waiting(drop_of(mutex.clone().lock_owned())).await;
    handle.abort();
    let _ = handle.await;
    task.waits()[0].holder()
}

async fn drop_of<T>(future: impl Future<Output = T>) {
    drop(future.await);
}

fn main_future() -> Option<Id> {
    let tasks = Handle::current().tasks();
    let mains = tasks.iter().filter(|task| task.kind() == TaskKind::BlockOn);
    mains.map(|task| task.id()).last()
}

#[test]
fn a_mutex_in_every_way() {
    each_blocks_on(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let here = main_future();
        assert!(here.is_some());

        let guard = mutex.lock().await;
        assert_eq!(holder_of(&mutex).await, here);
        drop(guard);
        let guard = mutex.try_lock().unwrap();
        assert_eq!(holder_of(&mutex).await, here);
        drop(guard);
        let guard = mutex.clone().try_lock_owned().unwrap();
        assert_eq!(holder_of(&mutex).await, here);
        drop(guard);

        let other = mutex.clone();
        let (task, handle) = waiting(async move {
            let _guard = other.lock().await;
            pending().await
        })
        .await;
        assert_eq!(holder_of(&mutex).await, Some(task.id()));
        handle.abort();
        let _ = handle.await;

        // A holder outside of tasks has no id.
        let other = mutex.clone();
        let (locked, is_locked) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let guard = other.blocking_lock();
            locked.send(()).unwrap();
            let _ = ends.recv();
            drop(guard);
        });
        is_locked.recv().unwrap();
        assert_eq!(holder_of(&mutex).await, None);
        drop(end);
        thread.join().unwrap();
    });
}

#[test]
fn who_is_next_holds_it_before_it_is_polled() {
    each_blocks_on(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().await;
        let other = mutex.clone();
        let (next, handle) = waiting(async move {
            let _guard = other.lock().await;
            pending().await
        })
        .await;
        assert!(!next.waits()[0].is_handed_over());
        let (third, _third) = waiting(drop_of(mutex.clone().lock_owned())).await;
        drop(guard);
        let tasks = Handle::current().tasks();
        let wait = tasks.get(third.id()).unwrap().waits()[0];
        assert_eq!(wait.holder(), Some(next.id()));
        assert_eq!(
            crate::settled(third.id()).await.waits()[0].holder(),
            Some(next.id())
        );
        handle.abort();
    });
}

#[test]
fn a_read_write_lock_and_a_semaphore() {
    each_blocks_on(|| async {
        let here = main_future();
        let lock = Arc::new(RwLock::new(0));
        for write in [false, true] {
            let read = async || match write {
                true => drop(lock.write().await),
                false => drop(lock.read().await),
            };
            read().await;
            let held = lock.write().await;
            let (task, handle) = waiting(drop_of(lock.clone().read_owned())).await;
            assert_eq!(task.waits()[0].holder(), here);
            handle.abort();
            let _ = handle.await;
            drop(held);
            let held = lock.try_read().unwrap();
            let (task, handle) = waiting(drop_of(lock.clone().write_owned())).await;
            assert_eq!(task.waits()[0].holder(), here);
            handle.abort();
            let _ = handle.await;
            drop(held);
        }
        let semaphore = Arc::new(Semaphore::new(1));
        let other = semaphore.clone();
        let (holder, handle) = waiting(async move {
            let _permit = other.acquire().await.unwrap();
            pending().await
        })
        .await;
        let (task, _handle) = waiting(drop_of(semaphore.acquire_owned())).await;
        assert_eq!(task.waits()[0].holder(), Some(holder.id()));
        handle.abort();
    });
}

/// The lock that a task has waited for may be dropped: then the wait has no holder.
#[test]
fn a_lock_that_is_gone_has_no_holder() {
    each_blocks_on(|| async {
        let task = selvedge::spawn(async {
            let mutex = Mutex::new(0);
            let guard = mutex.try_lock().unwrap();
            let mut second = Box::pin(mutex.lock());
            std::future::poll_fn(|cx| {
                assert!(second.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            drop((second, guard));
            drop(mutex);
            pending::<()>().await;
        });
        let info = crate::settled(task.id()).await;
        assert!(
            info.waits().iter().all(|wait| wait.holder().is_none()),
            "{info}"
        );
        task.abort();
    });
}
