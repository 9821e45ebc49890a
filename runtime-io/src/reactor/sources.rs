//! The list of a reactor's sources, and how a driver learns that one was added.
//!
//! ```text
//! add    [lock: list ← source; changes += 1], then unpark the driver if its wait is to end for it
//! turn   changes as noted? ask the sources of the driver's own copy
//!        else: note changes, [lock: copy the list]
//! ```
//! Lists only grow, hardly ever, and drivers have a turn all the time: so a turn costs one look at a word. All lists of
//! the process share the word, as a driver asks the sources of its reactor and those of all reactors.
//!
//! I1: the word tells of a source while its list is locked, and a driver notes the word before it locks the list: so a
//!     copy has whatever the driver has noted.
//! I2: a turn that begins after an unpark knows of what was added before it: the unpark orders both. A wait under way
//!     knows nothing of it.
//! I3: nothing is added to a list that was shut down, and what was added before is told of the shutdown.

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
    /// What `find` finds in a source, or in the `new` one that is added if there is none; none after the shutdown.
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

    /// The place of a source: it keeps it.
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

    /// The copy; if there are changes, a new one of what `lists` gives.
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
