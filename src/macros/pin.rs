//! `pin!`: pins values to the stack under their own names.

/// Pins values in place, on the stack of the current function or async block.
///
/// Given names of local variables, each is moved and its name bound to a `Pin<&mut _>` of it. Given
/// `let` statements, each initializer is pinned and bound. Futures have to be pinned before they can
/// be polled through a reference, as with `select!` in a loop.
///
/// ```
/// # fn poll_twice(_: std::pin::Pin<&mut impl Future>) {}
/// let work = async { 1 };
/// selvedge::pin!(work);
/// poll_twice(work.as_mut());
///
/// selvedge::pin! {
///     let a = async { 1 };
///     let b = async { 2 };
/// }
/// poll_twice(a.as_mut());
/// poll_twice(b.as_mut());
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => { $(
        // Pinned where it lies: the block's temporary is extended to the end of the scope.
        #[allow(unused_mut)]
        let mut $name = ::core::pin::pin!($name);
    )* };
    ($( let $name:ident = $value:expr; )*) => { $(
        #[allow(unused_mut)]
        let mut $name = ::core::pin::pin!($value);
    )* };
}
