//! The pool with real threads: what it runs outside of its lock, and which thread waits for which.

use super::*;
use crate::blocking::state::Job;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc as StdArc, OnceLock};

type Body = Box<dyn FnOnce(&Pool<Work>) + Send>;

/// A job with its pool.
struct Work {
    pool: StdArc<Pool<Work>>,
    is_mandatory: bool,
    run: Body,
    cancel: Body,
}

impl Job for Work {
    fn is_mandatory(&self) -> bool {
        self.is_mandatory
    }
    fn run(self) {
        (self.run)(&self.pool);
    }
    fn cancel(self) {
        (self.cancel)(&self.pool);
    }
}

fn config() -> ThreadConfig {
    ThreadConfig {
        name: StdArc::new(|| "pool".to_owned()),
        stack_size: None,
        cap: 1,
        keep_alive: Duration::from_secs(1000),
        looks_out: true,
        after_start: None,
        before_stop: None,
    }
}

fn pool(config: ThreadConfig) -> StdArc<Pool<Work>> {
    StdArc::new(Pool::new(config))
}

type Started = io::Result<JoinHandle<()>>;

fn start(pool: &StdArc<Pool<Work>>) -> impl FnOnce(Builder, Start) -> Started + use<> {
    let pool = pool.clone();
    move |builder, start| builder.spawn(move || pool.run_thread(start))
}

fn refuse(_: Builder, _: Start) -> Started {
    Err(io::ErrorKind::WouldBlock.into())
}

fn work(pool: &StdArc<Pool<Work>>, run: impl FnOnce(&Pool<Work>) + Send + 'static) -> Work {
    Work {
        pool: pool.clone(),
        is_mandatory: false,
        run: Box::new(run),
        cancel: Box::new(|_| panic!("nobody shuts down")),
    }
}

fn spawn(pool: &StdArc<Pool<Work>>, run: impl FnOnce(&Pool<Work>) + Send + 'static) {
    let spawned = pool.spawn(work(pool, run), start(pool));
    assert!(spawned.is_ok());
}

/// Runs its body when it is dropped, then sends its word. In a thread-local, this is when the thread ends.
struct Last(
    Sender<&'static str>,
    &'static str,
    Option<Body>,
    StdArc<Pool<Work>>,
);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(then) = self.2.take() {
            then(&self.3);
        }
        let _ = self.0.send(self.1);
    }
}

std::thread_local! {
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

#[test]
fn a_thread_begins_and_ends_with_its_hooks_which_may_panic() {
    static POOL_OF_HOOKS: OnceLock<StdArc<Pool<Work>>> = OnceLock::new();
    let (tell, told) = channel();
    let hook = |word: &'static str| -> Option<Callback> {
        let tell = tell.clone();
        Some(StdArc::new(move || {
            let is_own = POOL_OF_HOOKS.get().is_some_and(|pool| pool.is_own_thread());
            tell.send((word, is_own)).unwrap();
            panic!("the hook's");
        }))
    };
    let pool = pool(ThreadConfig {
        after_start: hook("starts"),
        before_stop: hook("stops"),
        ..config()
    });
    let _ = POOL_OF_HOOKS.set(pool.clone());
    let ran = tell.clone();
    spawn(&pool, move |pool| {
        ran.send(("runs", pool.is_own_thread())).unwrap();
    });
    assert_eq!(told.recv().unwrap(), ("starts", true));
    assert_eq!(told.recv().unwrap(), ("runs", true));
    assert!(!pool.is_own_thread());
    pool.begin_shutdown();
    assert!(pool.join(None));
    assert_eq!(told.recv().unwrap(), ("stops", true));
    assert!(told.try_recv().is_err());
}

/// What runs at a thread's very end, after the pool has let go of it, is over when the next thread ends.
#[test]
fn a_thread_that_ended_is_joined_by_the_next_that_ends() {
    let (stops, stopped) = channel();
    let pool = pool(ThreadConfig {
        keep_alive: Duration::ZERO,
        looks_out: true,
        before_stop: Some(StdArc::new(move || stops.send(()).unwrap())),
        ..config()
    });
    let (tell, told) = channel();
    let (tell_first, (first_ends, has_first_ended)) = (tell.clone(), channel());
    let (second_ends, has_second_ended) = channel::<()>();
    let this = pool.clone();
    spawn(&pool, move |_| {
        let end: Body = Box::new(move |_| {
            first_ends.send(()).unwrap();
            // The second thread comes to its hook, and no further.
            stopped.recv().unwrap();
            stopped.recv().unwrap();
            let _ = has_second_ended.recv_timeout(Duration::from_millis(100));
        });
        LAST.set(Some(Last(tell_first, "first", Some(end), this)));
    });
    has_first_ended.recv().unwrap();
    let this = pool.clone();
    spawn(&pool, move |_| {
        let tell_second = tell.clone();
        let end: Body = Box::new(move |_| {
            tell_second.send("second").unwrap();
            let _ = second_ends.send(());
        });
        LAST.set(Some(Last(tell, "ended", Some(end), this)));
    });
    assert_eq!(told.recv(), Ok("first"));
    assert_eq!(told.recv(), Ok("second"));
    assert_eq!(told.recv(), Ok("ended"));
    pool.begin_shutdown();
    assert!(pool.join(None));
}

/// Also for the thread-locals, whose destructors may use the pool.
#[test]
fn the_end_of_a_pool_waits_for_the_last_that_a_thread_does() {
    let pool = pool(config());
    let (tell, told) = channel();
    let this = pool.clone();
    spawn(&pool, move |_| {
        let end: Body = Box::new(|pool| {
            // The test's thread joins this one meanwhile.
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(pool.num_threads(), 0);
        });
        LAST.set(Some(Last(tell, "ended", Some(end), this)));
    });
    pool.begin_shutdown();
    assert!(pool.join(None));
    assert_eq!(told.try_recv(), Ok("ended"));
}

#[test]
fn who_waits_for_the_end_waits_no_longer_than_told_and_never_for_itself() {
    let pool = pool(config());
    let (tell, told) = channel();
    let (go, goes) = channel::<()>();
    spawn(&pool, move |pool| {
        tell.send(pool.join(None)).unwrap();
        goes.recv().unwrap();
        // Lets the test's thread wait: if it held the pool's lock meanwhile, this thread could not end.
        std::thread::sleep(Duration::from_millis(20));
    });
    assert_eq!(told.recv(), Ok(false));
    pool.begin_shutdown();
    assert!(!pool.join(Some(Duration::ZERO)));
    assert!(!pool.join(Some(Duration::from_millis(20))));
    go.send(()).unwrap();
    assert!(pool.join(Some(Duration::from_secs(1000))));
}

/// The thread has ended before its maker has stored its handle.
#[test]
fn who_waits_for_the_end_is_told_when_the_last_handle_comes() {
    let pool = pool(config());
    let (tell, told) = channel();
    let start = start(&pool);
    let meanwhile = |builder: Builder, this: Start| {
        let thread = start(builder, this);
        pool.begin_shutdown();
        let waits = pool.clone();
        std::thread::spawn(move || tell.send(waits.join(None)));
        while !pool.inner.lock().state.is_empty() {
            std::thread::yield_now();
        }
        // Lets that thread wait.
        std::thread::sleep(Duration::from_millis(20));
        thread
    };
    let spawned = pool.spawn(work(&pool, |_| ()), meanwhile);
    assert!(spawned.is_ok());
    assert_eq!(told.recv(), Ok(true));
}

/// Jobs come in while the system refuses the thread that they rely on.
#[test]
fn orphans_of_a_refused_thread_are_run_or_cancelled_in_order_while_the_lock_is_free() {
    let pool = pool(config());
    let (tell, told) = channel();
    let orphan = |number: usize, is_mandatory: bool| {
        let (runs, cancels) = (tell.clone(), tell.clone());
        Work {
            pool: pool.clone(),
            is_mandatory,
            run: Box::new(move |pool| {
                runs.send((number, "run", pool.queue_depth())).unwrap();
            }),
            cancel: Box::new(move |pool| {
                cancels
                    .send((number, "cancelled", pool.queue_depth()))
                    .unwrap();
            }),
        }
    };
    let meanwhile = |_: Builder, _: Start| {
        for number in 0..4 {
            let spawned = pool.spawn(orphan(number, number % 2 == 0), refuse);
            assert!(spawned.is_ok());
        }
        Err(io::ErrorKind::WouldBlock.into())
    };
    let Err(Refused::NoThread(own, error)) = pool.spawn(orphan(100, true), meanwhile) else {
        panic!("the job has no thread")
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    own.run();
    let all: Vec<_> = told.try_iter().collect();
    assert_eq!(
        all,
        [
            (0, "run", 0),
            (1, "cancelled", 0),
            (2, "run", 0),
            (3, "cancelled", 0),
            (100, "run", 0)
        ]
    );
}

#[test]
fn a_worker_without_a_thread_is_dropped_while_the_lock_is_free() {
    let pool = pool(config());
    let (tell, told) = channel();
    let held = Last(
        tell,
        "dropped",
        Some(Box::new(|pool| assert_eq!(pool.num_threads(), 0))),
        pool.clone(),
    );
    let error = pool.spawn_worker(Box::new(move || drop(held)), refuse);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(told.try_recv(), Ok("dropped"));
}

#[test]
fn a_thread_may_end_before_its_handle_is_there() {
    let thread = || std::thread::spawn(|| ());
    let mut handles = Handles::default();
    let early = handles.begin_start();
    assert!(handles.end(early).is_empty());
    handles.end_start(early, Some(thread()));
    let late = handles.begin_start();
    handles.end_start(late, Some(thread()));
    let refused = handles.begin_start();
    handles.end_start(refused, None);
    assert_eq!(handles.starting, 0);
    assert_eq!(handles.end(late).len(), 1, "the early one");
    assert!(handles.ended_early.is_empty() && handles.running.is_empty());
    assert_eq!(handles.take_all().len(), 1, "the late one");
}
