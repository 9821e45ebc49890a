//! Re-exports selvedge under the name and module paths of tokio 1.54.1.
#![doc(html_root_url = "https://docs.rs/tokio/1.54.1")]
pub use selvedge::*;
