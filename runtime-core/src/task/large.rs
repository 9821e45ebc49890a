//! Which futures and closures are moved to the heap before anything else is done with them.

/// Is one of this type moved to the heap at once? Each function that it passes through might copy it on the stack
/// otherwise; in a debug build, each does. So whatever takes one from the user asks first:
/// `if const { is_large::<F>() }`, which costs the branch not taken no stack either.
#[doc(hidden)]
pub const fn is_large<F>() -> bool {
    const LIMIT: usize = if cfg!(debug_assertions) {
        2048
    } else {
        16 * 1024
    };
    size_of::<F>() > LIMIT
}
