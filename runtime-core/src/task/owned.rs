//! The tasks that a scheduler owns, so that its shutdown reaches every one of them.
//!
//! Sharded by the worker that spawned: each shard is an intrusive list behind its own lock, which is
//! rarely contended. A list is in the order of binding. Only linking and unlinking happen under the lock, never a drop.
//!
//! I1: a task that is not complete and was bound is in its shard's list.
//! I2: `closed` is set under every shard's lock: a bind either precedes the shutdown's
//!     walk over that shard or fails.
//! I3: the position of a walk is a task in the list: a task that leaves the list moves the position to the next task.

use super::Runnable;
use super::cell::{Header, RawTask};
use super::state::OnWake;
use crate::base::list::{Linked, Links, List};
use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::shim::sync::Mutex;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

/// Lists of bound tasks.
pub(crate) struct OwnedTasks {
    shards: Box<[Mutex<Shard>]>,
    /// Held during a walk: one walk at a time.
    walk: Mutex<()>,
}

/// Tasks that a walk reads before it releases the lock: some microseconds.
const STRIDE: usize = 128;

#[derive(Default)]
struct Shard {
    /// Oldest first.
    tasks: List<Header>,
    len: usize,
    closed: bool,
    /// The position of a walk that has released the lock (I3).
    next: Option<NonNull<Header>>,
}

// SAFETY: the links, and so the nodes, are reached under the shard's lock alone; headers are made to be shared.
unsafe impl Send for Shard {}

// SAFETY: the links are a field of the header.
unsafe impl Linked for Header {
    fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the field's address is within the header.
        let links = unsafe { &raw mut (*node.as_ptr()).links };
        // `UnsafeCell` has its value at its own address.
        // SAFETY: a field's address is not null.
        unsafe { NonNull::new_unchecked(links.cast()) }
    }
}

impl OwnedTasks {
    pub(crate) fn new(shards: usize) -> Self {
        OwnedTasks {
            shards: (0..shards.max(1))
                .map(|_| Mutex::new(Shard::default()))
                .collect(),
            walk: Mutex::new(()),
        }
    }

    /// Links a new task that nobody else knows yet; false if the lists are closed.
    pub(crate) fn bind(&self, task: RawTask, shard: usize) -> bool {
        let shard = shard % self.shards.len();
        // SAFETY: nobody else knows the task.
        task.header()
            .shard
            .with_mut(|s| unsafe { *s = shard as u16 });
        let mut list = self.shards[shard].lock();
        if list.closed {
            return false;
        }
        // SAFETY: guarded by the shard's lock, which is held.
        task.header().linked.with_mut(|l| unsafe { *l = true });
        // SAFETY: a new task is in no list; it stays until it is complete (I1), and its end unlinks it.
        unsafe { list.tasks.push_back(task.as_ptr()) };
        list.len += 1;
        true
    }

    /// Unlinks a complete task, if it was ever linked.
    pub(crate) fn remove(&self, header: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let cell = unsafe { header.as_ref() };
        // SAFETY: `shard` is written before the task is shared, and never again.
        let shard = cell.shard.with(|s| unsafe { *s }) as usize;
        let mut list = self.shards[shard].lock();
        // SAFETY: guarded by the shard's lock, which is held.
        if !cell.linked.with_mut(|l| unsafe { std::mem::take(&mut *l) }) {
            return;
        }
        if list.next == Some(header) {
            // SAFETY: linked into the list, which is locked.
            list.next = unsafe { list.tasks.after(header) };
        }
        // SAFETY: it was linked, and always into its shard's list, which is locked.
        unsafe { list.tasks.remove(header) };
        list.len -= 1;
    }

    /// Number of tasks bound and not complete.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|s| s.lock().len == 0)
    }

    /// Refuses further tasks.
    pub(crate) fn close(&self) {
        for shard in &self.shards {
            shard.lock().closed = true;
        }
    }

    /// Cancels the tasks whose permit is free, shard by shard, the oldest first. The other permits' holders see the flag.
    pub(crate) fn shutdown_all(&self) {
        for shard in 0..self.shards.len() {
            for task in self.snapshot(shard) {
                task.shutdown();
                task.unref();
            }
        }
    }

    /// Marks all tasks cancelled and takes every permit that is free, so that the caller can cancel these tasks in any order.
    /// The other permits' holders see the mark.
    pub(crate) fn take_permits(&self) -> Vec<Runnable> {
        let mut permits = Vec::new();
        for shard in 0..self.shards.len() {
            for task in self.snapshot(shard) {
                task.state().cancel();
                if task.state().wake() == OnWake::Schedule {
                    permits.push(Runnable::from_raw(task));
                }
                task.unref();
            }
        }
        permits
    }

    /// The shard's tasks, oldest first, each with a reference of its own.
    fn snapshot(&self, shard: usize) -> Vec<RawTask> {
        let list = self.shards[shard].lock();
        let mut tasks = Vec::with_capacity(list.len);
        let mut next = list.tasks.front();
        while let Some(header) = next {
            let task = RawTask::from_header(header);
            task.reference();
            tasks.push(task);
            // SAFETY: linked into the list, which is locked.
            next = unsafe { list.tasks.after(header) };
        }
        tasks
    }

    /// The results of `f` for every task that is bound during the whole walk, shard by shard, the oldest first. `f` is
    /// called under the lock: it only reads, and runs no user code. No lock is held for more than `STRIDE` tasks.
    pub(crate) fn look<R>(&self, mut f: impl FnMut(&Header) -> R) -> Vec<R> {
        let _walk = self.walk.lock();
        let mut seen = Vec::new();
        for shard in &self.shards {
            let mut is_first = true;
            loop {
                // Before the lock is taken: a vector that grows copies all its items.
                seen.reserve(STRIDE);
                let mut list = shard.lock();
                let mut next = match is_first {
                    true => list.tasks.front(),
                    false => list.next.take(),
                };
                for _ in 0..STRIDE {
                    let Some(header) = next else { break };
                    // SAFETY: linked into the list, which is locked: the task is alive.
                    seen.push(f(unsafe { header.as_ref() }));
                    // SAFETY: as above.
                    next = unsafe { list.tasks.after(header) };
                }
                list.next = next;
                is_first = false;
                if next.is_none() {
                    break;
                }
            }
        }
        seen
    }

    /// Calls `f` on every bound task, which is kept alive during the call.
    pub(crate) fn for_each(&self, mut f: impl FnMut(RawTask)) {
        for shard in 0..self.shards.len() {
            for task in self.snapshot(shard) {
                f(task);
                task.unref();
            }
        }
    }
}

/// The tasks of a set that no runtime owns, in a list of the process for queries that list all tasks.
pub(crate) struct ListedTasks(Arc<OwnedTasks>);

static LISTED: ProcessMutex<Vec<Weak<OwnedTasks>>> = ProcessMutex::new(Rank::Leaf, Vec::new());

impl ListedTasks {
    pub(crate) fn new() -> ListedTasks {
        let tasks = Arc::new(OwnedTasks::new(1));
        // No model lists tasks.
        if !cfg!(runtime_loom) {
            LISTED.lock().push(Arc::downgrade(&tasks));
        }
        ListedTasks(tasks)
    }

    /// The results of `look` for the tasks of all sets.
    pub(crate) fn look<R>(mut look: impl FnMut(&Header) -> R) -> Vec<R> {
        let listed = LISTED.lock().clone();
        let listed = listed.iter().filter_map(Weak::upgrade);
        listed.flat_map(|tasks| tasks.look(&mut look)).collect()
    }
}

impl std::ops::Deref for ListedTasks {
    type Target = OwnedTasks;

    fn deref(&self) -> &OwnedTasks {
        &self.0
    }
}

impl Drop for ListedTasks {
    fn drop(&mut self) {
        LISTED
            .lock()
            .retain(|tasks| tasks.as_ptr() != Arc::as_ptr(&self.0));
    }
}

impl std::fmt::Debug for OwnedTasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnedTasks")
            .field("len", &self.len())
            .finish()
    }
}
