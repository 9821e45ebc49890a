//! The procedural macros of selvedge.
//!
//! `entry` owns `#[main]` and `#[test]`. They exist in two sets, which differ only in the crate that
//! the generated code names when the attribute has no `crate = ".."`: `selvedge` here, `tokio` in
//! the `tokio_*` set that the drop-in re-exports. `branches` writes out the bodies of `select!`,
//! `join!` and `try_join!`; the facade's `macro_rules` parse the user's text and hand over one
//! group per branch, so nothing here guesses where an expression ends.
//!
//! Invariants. I1: names that generated code binds carry `mixed_site` spans, so a user's variable
//! never meets one of ours. I2: user tokens are passed on with their own spans, so rustc points at
//! what the user wrote. A macro never panics: what it cannot accept becomes a `compile_error!`.

mod branches;
mod entry;

use entry::{Attribute, Kind};
use proc_macro::TokenStream;

/// Runs an async function to its end on a new runtime.
///
/// The function becomes an ordinary one that builds a runtime, by default a multi-threaded one, and
/// blocks on its body. Arguments of the attribute:
///
/// | argument | meaning |
/// |---|---|
/// | `flavor = "multi_thread"`, `"current_thread"` or `"local"` | which runtime |
/// | `worker_threads = N` | number of workers of a multi-threaded runtime |
/// | `start_paused = true` | starts with the clock paused (`current_thread`, feature `test-util`) |
/// | `unhandled_panic = "ignore"` or `"shutdown_runtime"` | what a task's panic does (`current_thread`) |
/// | `name = "text"` | name of the runtime |
/// | `crate = "path"` | where the generated code finds the runtime crate |
///
/// ```
/// #[selvedge::main(worker_threads = 2)]
/// async fn main() {
///     selvedge::spawn(async { println!("on a worker") }).await.unwrap();
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Main, "selvedge", true)
}

/// `#[main]` for builds without `rt-multi-thread`: the flavor has to be given.
#[proc_macro_attribute]
pub fn main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Main, "selvedge", false)
}

/// Makes an async function a unit test that runs on its own runtime.
///
/// Takes the arguments of `#[main]`; the default flavor is `current_thread`. And one of its own:
///
/// | argument | meaning |
/// |---|---|
/// | `timeout = 30`, `"500ms"`, `"2m"` | the test fails when it takes longer, and lists its tasks and what they wait for; `0`: no limit |
///
/// Without it `SELVEDGE_TEST_TIMEOUT` in the environment, if set, is the limit of each test. Time is the system's, even if the test's clock is
/// paused. If the test's thread is blocked, the process ends 5 seconds later.
///
/// ```
/// #[selvedge::test]
/// async fn adds() {
///     assert_eq!(2, async { 1 + 1 }.await);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Test, "selvedge", true)
}

/// `#[test]` for builds without `rt-multi-thread`.
#[proc_macro_attribute]
pub fn test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Test, "selvedge", false)
}

/// `#[main]` as the drop-in exports it: the generated code names `tokio`.
#[proc_macro_attribute]
pub fn tokio_main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Main, "tokio", true)
}

/// `#[main]` of the drop-in, without `rt-multi-thread`.
#[proc_macro_attribute]
pub fn tokio_main_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Main, "tokio", false)
}

/// `#[test]` as the drop-in exports it: the generated code names `tokio`.
#[proc_macro_attribute]
pub fn tokio_test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Test, "tokio", true)
}

/// `#[test]` of the drop-in, without `rt-multi-thread`.
#[proc_macro_attribute]
pub fn tokio_test_rt(args: TokenStream, item: TokenStream) -> TokenStream {
    expand(args, item, Kind::Test, "tokio", false)
}

/// `#[main]` where no runtime is compiled in: says which feature is missing.
#[proc_macro_attribute]
pub fn main_fail(_args: TokenStream, _item: TokenStream) -> TokenStream {
    missing_runtime("main")
}

/// `#[test]` where no runtime is compiled in: says which feature is missing.
#[proc_macro_attribute]
pub fn test_fail(_args: TokenStream, _item: TokenStream) -> TokenStream {
    missing_runtime("test")
}

/// Writes out `select!`. Internal: its input is the user's text as the facade's `select!` has split it.
#[doc(hidden)]
#[proc_macro]
pub fn select_body(input: TokenStream) -> TokenStream {
    branches::select(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Writes out `join!` and `try_join!`. Internal, as [`select_body!`].
#[doc(hidden)]
#[proc_macro]
pub fn join_body(input: TokenStream) -> TokenStream {
    branches::join(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(
    args: TokenStream,
    item: TokenStream,
    kind: Kind,
    default_crate: &'static str,
    multi_thread: bool,
) -> TokenStream {
    Attribute {
        kind,
        default_crate,
        multi_thread,
    }
    .expand(args.into(), item.into())
    .into()
}

fn missing_runtime(name: &str) -> TokenStream {
    let message = format!("The #[tokio::{name}] macro requires rt or rt-multi-thread.");
    syn::Error::new(proc_macro2::Span::call_site(), message)
        .into_compile_error()
        .into()
}
