//! `Watched`: a field of a type that might leak unseen, such as memory that is freed by hand or a value in a reference cycle.
//! Loom fails a model that leaks one; in other builds it is empty.

use std::fmt;

/// See the module's page.
pub struct Watched {
    #[cfg(all(runtime_loom, not(runtime_shuttle)))]
    _track: ::loom::alloc::Track<()>,
}

impl Watched {
    /// A new one, as a field of the value to be watched.
    #[inline]
    pub fn new() -> Watched {
        Watched {
            #[cfg(all(runtime_loom, not(runtime_shuttle)))]
            _track: ::loom::alloc::Track::new(()),
        }
    }
}

impl Default for Watched {
    fn default() -> Self {
        Watched::new()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}
