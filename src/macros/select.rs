//! `select!`: several futures in one task, the first that fits wins.
//!
//! This file splits the user's branches into groups, one at a time; each step of `__select_split!`
//! moves one branch from the rest into the list of split ones. `runtime_macros::branches` writes
//! the body, and states its invariants.

/// Waits for several futures at once and runs the handler of the first whose output fits.
///
/// Up to 64 branches `pattern = future, if condition => handler`, the condition optional, and at the
/// end perhaps `else => handler`. In order:
///
/// 1. All conditions are evaluated; a branch whose condition is false is disabled.
/// 2. All futures are built, also those of disabled branches, which are not polled.
/// 3. The enabled ones are polled, beginning with a random branch, in the current task.
/// 4. An output that does not fit its pattern disables its branch; the rest go on.
/// 5. The first that fits wins: all futures are dropped, then its handler runs, with the pattern's
///    bindings, and gives the value of the expression.
/// 6. If every branch is disabled, `else` runs.
///
/// With `biased;` first, branches are polled in the order written. Then an always ready branch starves
/// those below it: put rare and urgent ones, such as a shutdown signal, at the top.
///
/// To keep a future across several `select!`s, as in a loop, pin it and pass `&mut future`.
///
/// # Panics
/// If every branch is disabled and there is no `else`.
///
/// # Cancel safety
/// The futures that lose are dropped. Their progress so far is lost unless they are cancel safe;
/// each future in this crate says whether it is.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let got = selvedge::select! {
///     n = async { 1 } => n,
///     () = std::future::pending() => unreachable!(),
/// };
/// assert_eq!(1, got);
/// # }
/// ```
#[macro_export]
macro_rules! select {
    () => {
        ::core::compile_error!("select! requires at least one branch.")
    };
    (biased;) => {
        ::core::compile_error!("select! requires at least one branch.")
    };
    (biased; $($branches:tt)+) => {
        $crate::__select_split! { [$crate] [ordered] [] $($branches)+ }
    };
    ($($branches:tt)+) => {
        $crate::__select_split! { [$crate] [random] [] $($branches)+ }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select_split {
    ($crate_path:tt $order:tt [$($done:tt)*]) => {
        $crate::macros::support::select_body! { $crate_path $order [] $($done)* }
    };
    ($crate_path:tt $order:tt [$($done:tt)*] else => $otherwise:expr $(,)?) => {
        $crate::macros::support::select_body! { $crate_path $order [$otherwise] $($done)* }
    };
    // A block as handler needs no comma, but may have one.
    ($crate_path:tt $order:tt [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::__select_split! { $crate_path $order
            [$($done)* { [$pattern] [$future] [$($condition)?] [$handler] }] $($rest)* }
    };
    ($crate_path:tt $order:tt [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select_split! { $crate_path $order
            [$($done)* { [$pattern] [$future] [$($condition)?] [$handler] }] $($rest)* }
    };
    ($crate_path:tt $order:tt [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select_split! { $crate_path $order
            [$($done)* { [$pattern] [$future] [$($condition)?] [$handler] }] $($($rest)*)? }
    };
}
