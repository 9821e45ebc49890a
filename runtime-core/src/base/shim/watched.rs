//! `Watched`: a field of what might leak unseen, such as memory that is freed by hand, or what holds itself in a circle. Loom
//! fails a model that leaves one behind; otherwise it is nothing.

use std::fmt;

/// See the module's page.
pub struct Watched {
    #[cfg(all(runtime_loom, not(runtime_shuttle)))]
    _track: ::loom::alloc::Track<()>,
}

impl Watched {
    /// To be put where it is watched.
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
