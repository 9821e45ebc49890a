//! Where a task was spawned, and its name.

use crate::record;
use std::panic::Location;

/// See the module's page.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) struct SpawnSite<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) spawned_at: &'static Location<'static>,
    /// Size of the future before it was boxed; 0 if it was not.
    pub(crate) size: usize,
}

impl SpawnSite<'_> {
    /// The same site, for a future of type `F` that is boxed.
    pub(crate) fn boxed<F>(self) -> Self {
        SpawnSite {
            size: size_of::<F>(),
            ..self
        }
    }

    /// Records that task `id` was spawned here by `parent` (0: by none).
    #[inline]
    pub(crate) fn record(&self, id: u64, parent: u64) {
        record::spawned(id, parent, self.spawned_at, self.name);
    }

    /// The caller, without a name.
    #[track_caller]
    pub(crate) fn caller() -> Self {
        SpawnSite {
            name: None,
            spawned_at: Location::caller(),
            size: 0,
        }
    }
}
