//! How workers get their threads: at the runtime's start, and when `block_in_place` passes a worker on.

use super::multi_thread;
use crate::base::deferred;
use crate::base::shim::deque::Worker;
use crate::base::shim::sync::Mutex;
use crate::driver::IoDriver;
use crate::handle::Handle;
use crate::handle::context::{ThreadContext, with_context};
use crate::handle::spawn::start_thread_of;
use crate::scheduler::multi_thread::WorkerCore;
use crate::task::Runnable;
use std::io;
use std::sync::Arc;

/// The core of worker `index`.
pub(super) fn new_core(handle: &Handle, index: usize, queue: Worker<Runnable>) -> Box<WorkerCore> {
    let shared = &handle.shared;
    let seed = shared.seeds.next_seed();
    Box::new(WorkerCore::new(&shared.config, &seed, index, queue))
}

/// Starts the workers on threads of the pool.
pub(crate) fn launch(
    handle: &Handle,
    queues: Vec<Worker<Runnable>>,
    driver: Box<dyn IoDriver>,
) -> io::Result<()> {
    let policy = handle.shared.policy.multi_thread();
    policy.seat.give_back(driver);
    let mut cores: Vec<_> = queues
        .into_iter()
        .enumerate()
        .map(|(index, queue)| new_core(handle, index, queue))
        .collect();
    while let Some(core) = cores.pop() {
        if let Err((error, core)) = start_worker(handle, core) {
            // The caller drops the runtime: the workers that run come to an end, and the cores
            // that never ran count as stopped.
            policy.cores.lock().extend(cores.into_iter().chain([core]));
            return Err(error);
        }
    }
    Ok(())
}

/// Gives the core back if there is no thread for it.
fn start_worker(
    handle: &Handle,
    core: Box<WorkerCore>,
) -> Result<(), (io::Error, Box<WorkerCore>)> {
    let place = Arc::new(Mutex::new(Some(core)));
    let (for_worker, with) = (place.clone(), handle.clone());
    let worker = Box::new(move || {
        let core = for_worker.lock().take();
        if let Some(core) = core {
            multi_thread::run(with, core);
        }
    });
    let start = start_thread_of(handle);
    let Err(error) = handle.shared.pool.spawn_worker(worker, start) else {
        return Ok(());
    };
    match place.lock().take() {
        Some(core) => Err((error, core)),
        // Another thread has taken the job on.
        None => Ok(()),
    }
}

/// Gives this worker's core to another thread, for `block_in_place`. Nothing is regained afterwards: the new thread keeps
/// the core.
///
/// # Panics
/// On a current-thread runtime, and where the system gives no thread.
#[track_caller]
pub(crate) fn hand_off_core() {
    with_context(|cx| {
        let cx = match cx {
            Some(ThreadContext::Worker(cx)) => cx,
            Some(ThreadContext::CurrentThread(_)) => {
                panic!(
                    "can call blocking only when running on the multi-threaded runtime; on a current-thread one, and in a `LocalSet`, use `spawn_blocking`"
                )
            }
            None => return,
        };
        let Some(mut core) = cx.core.borrow_mut().take() else {
            return;
        };
        // The worker leaves this poll: to the watch it is not stuck.
        cx.next_tick(&mut core);
        if core.end_delivery() {
            // A waker blocks: tasks that were delivered before it must not wait for the delivery's end.
            cx.policy().notify(&*cx.shared().unpark);
        }
        if let Err((error, core)) = start_worker(&cx.handle, core) {
            *cx.core.borrow_mut() = Some(core);
            panic!("OS can't spawn worker thread: {error}");
        }
        deferred::close();
    });
}
