//! Which futures and closures are moved to the heap before anything else is done with them.

/// Is a future or closure of this type moved to the heap at once? Otherwise each function that it passes through might
/// copy it on the stack; in a debug build, each does. So every function that takes one from the user asks first:
/// `if const { is_large::<F>() }`. The branch that is not taken then needs no stack.
#[doc(hidden)]
pub const fn is_large<F>() -> bool {
    const LIMIT: usize = if cfg!(debug_assertions) {
        2048
    } else {
        16 * 1024
    };
    size_of::<F>() > LIMIT
}
