//! `join!` and `try_join!`: several futures in one task, all outputs together.
//!
//! Futures stay in the caller's frame. Each poll of the whole polls every unfinished future once,
//! beginning with the next one in turn, so that one which uses up the task's budget cannot starve
//! the others; with `biased;` always in the order written.

/// Waits for all of the futures, concurrently in the current task.
///
/// Evaluates to a tuple of the outputs, in the order written. For parallelism across threads, spawn
/// the futures and join their handles. The future polled first changes from poll to poll; write
/// `biased;` first to poll in the order written each time, which saves a counter and leaves fairness
/// to you.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let (a, b) = selvedge::join!(async { 1 }, async { "two" });
/// assert_eq!((1, "two"), (a, b));
/// # }
/// ```
///
/// # Cancel safety
/// Dropping the enclosing future drops all of the futures and the outputs there already are.
#[macro_export]
macro_rules! join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::macros::support::join_body! { [$crate] [ordered] [all] $( [$future] )* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::macros::support::join_body! { [$crate] [rotating] [all] $( [$future] )* }
    };
}

/// Waits for all of the futures to succeed, or for the first to fail.
///
/// Each future gives a `Result` with the same error type. Evaluates to `Ok` of a tuple of the values,
/// or to the first `Err` seen; the other futures are then dropped. Polls as `join!` does, and takes
/// `biased;` too.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let both = selvedge::try_join!(async { Ok::<_, &str>(1) }, async { Err::<u8, _>("no") });
/// assert_eq!(Err("no"), both);
/// # }
/// ```
///
/// # Cancel safety
/// As `join!`.
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::macros::support::join_body! { [$crate] [ordered] [until_error] $( [$future] )* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::macros::support::join_body! { [$crate] [rotating] [until_error] $( [$future] )* }
    };
}
