//! The registrations of a reactor, by the tokens that the OS's events carry.
//!
//! A token is a key of the slab. The token of a registration that is gone names nothing, even if its place was filled again.
//!
//! I1: after shutdown no place is filled any more.

use super::ScheduledIo;
use runtime_core::base::slab::{Key, Slab};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Slots {
    ios: Slab<Arc<ScheduledIo>>,
    is_shutdown: bool,
}

impl Slots {
    /// `None` after shutdown.
    pub(super) fn insert(&mut self, io: Arc<ScheduledIo>) -> Option<Key> {
        (!self.is_shutdown).then(|| self.ios.insert(io))
    }

    pub(super) fn get(&self, key: Key) -> Option<&Arc<ScheduledIo>> {
        self.ios.get(key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Arc<ScheduledIo>> {
        self.ios.remove(key)
    }

    /// All registrations; there will be no more.
    pub(super) fn shut_down(&mut self) -> Vec<Arc<ScheduledIo>> {
        self.is_shutdown = true;
        self.ios.take_all()
    }

    #[cfg(feature = "process")]
    pub(super) fn is_shutdown(&self) -> bool {
        self.is_shutdown
    }

    /// Bytes of memory held, registrations aside.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.ios.memory()
    }
}
