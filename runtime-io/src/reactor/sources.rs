//! The list of a reactor's sources, and how a driver learns that one was added.
//!
//! ```text
//! add    [lock: list ← source; changes += 1], then unpark the driver if its wait is to end for it
//! turn   changes as noted? ask the sources of the driver's own copy
//!        else: note changes, [lock: copy the list]
//! ```
//! Lists only grow, and rarely, while turns are frequent: so a turn costs one load of a word. All lists of the process
//! share the word, as a driver asks the sources of its own reactor and those of all reactors.
//!
//! I1: the word is incremented while the list is locked, and a driver notes the word before it locks the list: so the
//!     copy has every source that the noted count includes.
//! I2: a turn that begins after an unpark knows every source that was added before the unpark, which orders the two.
//!     A wait under way does not know of a source that is added meanwhile.
//! I3: no source is added to a list that was shut down, and every source added before is shut down.

use runtime_core::base::shim::sync::Mutex;
use runtime_core::base::shim::sync::atomic::{AtomicUsize, Ordering};

/// How often a source was added to any list.
pub(super) struct Changes(AtomicUsize);

impl Changes {
    #[cfg(not(runtime_loom))]
    pub(super) const fn new() -> Changes {
        Changes(AtomicUsize::new(0))
    }

    #[cfg(runtime_loom)]
    pub(super) fn new() -> Changes {
        Changes(AtomicUsize::new(0))
    }

    #[inline]
    fn count(&self) -> usize {
        // Ordering: Relaxed; the list's lock orders what it counts (I1), or the unpark does (I2).
        self.0.load(Ordering::Relaxed)
    }
}

/// The shared end.
pub(super) struct Sources<S>(Mutex<State<S>>);

struct State<S> {
    list: Vec<S>,
    is_shutdown: bool,
}

impl<S> Default for Sources<S> {
    fn default() -> Self {
        Sources(Mutex::new(State {
            list: Vec::new(),
            is_shutdown: false,
        }))
    }
}

impl<S: Clone> Sources<S> {
    /// The first result of `find` in the list. Without one, adds `new` and gives its result; after the shutdown, `None`.
    pub(super) fn find_or_add<R>(
        &self,
        find: impl Fn(&S) -> Option<R>,
        new: impl FnOnce() -> S,
        changes: &Changes,
    ) -> Option<R> {
        let mut state = self.0.lock();
        if let Some(found) = state.list.iter().find_map(&find) {
            return Some(found);
        }
        if state.is_shutdown {
            return None;
        }
        let new = new();
        let found = find(&new);
        state.list.push(new);
        // Ordering: Relaxed; under the lock (I1).
        changes.0.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// The place of a source in the list; it never changes.
    pub(super) fn position(&self, is_it: impl Fn(&S) -> bool) -> Option<usize> {
        self.0.lock().list.iter().position(is_it)
    }

    pub(super) fn at(&self, position: usize) -> Option<S> {
        self.0.lock().list.get(position).cloned()
    }

    /// All there are.
    pub(super) fn all(&self) -> Vec<S> {
        self.0.lock().list.clone()
    }

    /// All there will ever be (I3).
    pub(super) fn shut_down(&self) -> Vec<S> {
        let mut state = self.0.lock();
        state.is_shutdown = true;
        state.list.clone()
    }
}

/// A driver's copy of some lists.
pub(super) struct Known<S> {
    sources: Vec<S>,
    noted: usize,
}

impl<S> Known<S> {
    pub(super) fn new() -> Known<S> {
        Known {
            sources: Vec::new(),
            noted: 0,
        }
    }

    /// The copy, made anew from `lists` if there were changes.
    #[inline]
    pub(super) fn renewed(&mut self, changes: &Changes, lists: impl FnOnce() -> Vec<S>) -> &[S] {
        let count = changes.count();
        if count != self.noted {
            self.renew(count, lists);
        }
        &self.sources
    }

    #[cold]
    fn renew(&mut self, count: usize, lists: impl FnOnce() -> Vec<S>) {
        self.noted = count;
        self.sources = lists();
    }
}
