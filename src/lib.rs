//! selvedge.

#[doc(hidden)]
pub mod macros;

#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use runtime_macros::{main, test};
#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use runtime_macros::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use runtime_macros::{main_rt as main, test_rt as test};
