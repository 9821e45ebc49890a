//! Findings that are reported to a hook, and findings about the runtime and its process.

use crate::support::{in_own_process, is_inner, once_more, this_test};
use selvedge::runtime::tasks::{Finding, FindingKind};
use selvedge::runtime::{Builder, Runtime};
use selvedge::sync::Mutex;
use selvedge::task::{Id, JoinHandle};
use selvedge::time::sleep;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

/// A limit against hangs.
const LONG: Duration = Duration::from_secs(60);

fn multi() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder
}

fn current() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

/// The runtime, and its findings.
fn told(mut builder: Builder) -> (Runtime, Receiver<Finding>) {
    let (send, found) = channel();
    let send = StdMutex::new(send);
    builder.on_finding(move |finding| drop(send.lock().unwrap().send(finding.clone())));
    (builder.build().unwrap(), found)
}

#[track_caller]
fn next(found: &Receiver<Finding>, kind: FindingKind) -> Finding {
    loop {
        let finding = found.recv_timeout(LONG).unwrap();
        if finding.kind() == kind {
            return finding;
        }
    }
}

/// Blocks threads until it is opened or dropped, so that the runtime of a failed test can end.
#[derive(Default)]
struct Gate(Blocked);

#[derive(Clone, Default)]
struct Blocked(Arc<AtomicBool>);

impl Gate {
    fn blocked(&self) -> Blocked {
        self.0.clone()
    }

    fn open(&self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Blocked {
    fn block(&self) {
        while !self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Spawns a task that blocks its thread, which may be that of the caller of `run`, until the gate is open.
fn blocks(runtime: &Runtime, gate: &Gate) -> JoinHandle<()> {
    let blocked = gate.blocked();
    runtime.spawn(async move { blocked.block() })
}

#[test]
fn a_poll_that_keeps_its_worker_is_a_stall() {
    let (runtime, found) = told(multi());
    let gate = Gate::default();
    let id = blocks(&runtime, &gate).id();
    // On a loaded machine, another worker may stall as well.
    let finding = loop {
        let finding = next(&found, FindingKind::Stall);
        if finding.tasks() == [id] {
            break finding;
        }
    };
    let text = finding.to_string();
    for words in [
        "tests/waits/told.rs",
        "stood still",
        "cure: ",
        "spawn_blocking",
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("outside"), "{text}");
    #[cfg(target_os = "linux")]
    assert!(text.contains("its thread"), "{text}");
    // `Handle::findings` reports the same.
    let asked = runtime.handle().findings();
    let is_same = |f: &Finding| f.kind() == FindingKind::Stall && f.tasks() == [id];
    assert!(asked.iter().any(is_same), "{asked:?}");
    gate.open();
    // No stall is left over, not even one without a task.
    let is_any = |f: &Finding| f.kind() == FindingKind::Stall;
    while runtime.handle().findings().iter().any(is_any) {
        std::thread::yield_now();
    }
}

/// The finding of that kind while a task blocks the thread of a current-thread runtime.
fn while_blocked(kind: FindingKind) -> (Id, Finding) {
    let (runtime, found) = told(current());
    let gate = Gate::default();
    runtime.spawn(async { sleep(Duration::from_millis(10)).await });
    // The timer is armed before the thread is blocked.
    runtime.block_on(selvedge::task::yield_now());
    let task = blocks(&runtime, &gate);
    let id = task.id();
    let opener = std::thread::spawn(move || {
        let finding = next(&found, kind);
        gate.open();
        finding
    });
    // No time by which the task will have begun is long enough on a busy machine.
    runtime.block_on(task).unwrap();
    (id, opener.join().unwrap())
}

#[test]
fn a_poll_that_keeps_the_only_thread_is_a_stall() {
    let (id, stall) = while_blocked(FindingKind::Stall);
    assert_eq!(stall.tasks(), [id]);
    assert!(stall.evidence().contains("in one poll"), "{stall}");
}

#[test]
fn timers_that_nobody_fires_are_late() {
    let (_, late) = while_blocked(FindingKind::LateTimers);
    assert!(late.evidence().contains("has not been fired"), "{late}");
}

#[test]
fn a_pool_without_a_free_thread_is_told_while_it_lasts() {
    let mut builder = multi();
    builder.max_blocking_threads(1);
    let (runtime, found) = told(builder);
    let gate = Gate::default();
    let closure = |gate: &Gate| {
        let blocked = gate.blocked();
        runtime.spawn_blocking(move || blocked.block())
    };
    let (one, other) = (closure(&gate), closure(&gate));
    let finding = next(&found, FindingKind::FullPool);
    assert!(finding.evidence().contains("all 1 threads"), "{finding}");
    assert!(finding.evidence().contains("1 closures wait"), "{finding}");
    gate.open();
    runtime.block_on(async {
        one.await.unwrap();
        other.await.unwrap();
    });
    let asked = runtime.handle().findings();
    assert!(asked.iter().all(|f| f.kind() != FindingKind::FullPool));
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_with_nearly_no_descriptor_left_is_told() {
    if !in_own_process!() {
        return;
    }
    let (runtime, found) = told(multi());
    let asked = runtime.handle().findings();
    assert!(asked.is_empty(), "{asked:?}");
    let limit = 200;
    crate::system::limit(libc::RLIMIT_NOFILE, Some(limit));
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    // With no descriptor left, and with a few.
    let none = next(&found, FindingKind::Descriptors);
    assert!(none.evidence().starts_with("200 of the 200"), "{none}");
    files.truncate(files.len() - 10);
    let asked = runtime.handle().findings();
    let few: Vec<_> = asked
        .iter()
        .filter(|f| f.kind() == FindingKind::Descriptors)
        .collect();
    // `open_fds` also counts the descriptor that it reads the list with.
    let open = crate::support::open_fds() - 1;
    let told = format!("{open} of the 200 descriptors");
    assert!(few[0].evidence().starts_with(&told), "{few:?}");
    files.truncate(100);
    assert!(runtime.handle().findings().is_empty());
}

#[test]
fn a_deadlock_is_told_once() {
    let (runtime, found) = told(multi());
    let lock = Arc::new(Mutex::new(()));
    let task = runtime.spawn(async move {
        let _first = lock.lock().await;
        drop(lock.lock().await);
    });
    let finding = found.recv_timeout(LONG).unwrap();
    assert_eq!(finding.kind(), FindingKind::Deadlock);
    assert_eq!(finding.tasks(), [task.id()]);
    // The next finding comes after a check that has seen the first again.
    let lost = runtime.spawn(pending::<()>());
    let finding = found.recv_timeout(LONG).unwrap();
    assert_eq!(finding.tasks(), [lost.id()]);
    drop(runtime);
    assert_eq!(
        found.recv_timeout(LONG).err(),
        Some(RecvTimeoutError::Disconnected)
    );
}

#[test]
fn a_hook_may_panic_and_may_end_the_runtime() {
    let (send, found) = channel();
    let send = StdMutex::new(send);
    let mut builder = multi();
    builder.on_finding(move |finding| {
        send.lock().unwrap().send(finding.tasks()[0]).unwrap();
        panic!("of the hook");
    });
    let runtime = builder.build().unwrap();
    for _ in 0..2 {
        let task = runtime.spawn(pending::<()>());
        assert_eq!(found.recv_timeout(LONG).unwrap(), task.id());
    }
    drop(runtime);

    let (send, ended) = channel();
    let kept: Arc<StdMutex<Option<Runtime>>> = Arc::default();
    let send = StdMutex::new(send);
    let mut builder = multi();
    let own = kept.clone();
    builder.on_finding(move |_| {
        drop(own.lock().unwrap().take());
        let _ = send.lock().unwrap().send(());
    });
    let runtime = builder.build().unwrap();
    runtime.spawn(pending::<()>());
    *kept.lock().unwrap() = Some(runtime);
    ended.recv_timeout(LONG).unwrap();
}

#[test]
fn the_environment_has_findings_printed() {
    let test = this_test!();
    if is_inner(test) {
        let (runtime, found) = told(multi());
        runtime.spawn(pending::<()>());
        // The finding is printed before the hook is called.
        found.recv_timeout(LONG).unwrap();
        return;
    }
    for (value, is_printed) in [("1", true), ("0", false)] {
        let output = once_more(test)
            .env("SELVEDGE_FINDINGS", value)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert_eq!(text.contains("selvedge: lost task:"), is_printed, "{text}");
    }
}

/// A program that asks for findings gets an error; if only the environment asks, the program goes on without findings.
#[cfg(target_os = "linux")]
#[test]
fn the_system_gives_no_thread_that_would_tell() {
    let test = this_test!();
    if is_inner(test) {
        let _none = crate::system::NoThreads::new();
        let mut builder = current();
        let error = builder.on_finding(|_| ()).build().err().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(current().build().unwrap().block_on(async { 5 }), 5);
        return;
    }
    for (value, is_printed) in [("1", true), ("0", false)] {
        let output = once_more(test)
            .env("SELVEDGE_FINDINGS", value)
            .env("RUST_MIN_STACK", crate::system::STACK.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        let told = text.matches("no thread for SELVEDGE_FINDINGS").count();
        assert_eq!(told, usize::from(is_printed), "{text}");
    }
}

/// All workers stall before one of them can start the watch.
#[test]
fn a_stall_of_all_workers_at_once_is_told() {
    let (runtime, found) = told(multi());
    let gate = Gate::default();
    for _ in 0..2 {
        blocks(&runtime, &gate);
    }
    let first = next(&found, FindingKind::Stall);
    let second = next(&found, FindingKind::Stall);
    assert_ne!(first.tasks(), second.tasks());
    gate.open();
}
