//! selvedge under the name, feature names and module paths of tokio 1.54.1.
//!
//! Nothing but re-exports. The attribute macros are the ones whose generated code names `tokio`; being
//! named here they shadow those of the glob.
#![doc(html_root_url = "https://docs.rs/tokio/1.54.1")]

pub use selvedge::*;

#[cfg(all(feature = "macros", not(feature = "rt")))]
pub use runtime_macros::{main_fail as main, test_fail as test};
#[cfg(all(feature = "macros", feature = "rt-multi-thread"))]
pub use runtime_macros::{tokio_main as main, tokio_test as test};
#[cfg(all(feature = "macros", feature = "rt", not(feature = "rt-multi-thread")))]
pub use runtime_macros::{tokio_main_rt as main, tokio_test_rt as test};
