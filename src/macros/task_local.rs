//! `task_local!`: declares keys of task-local values.

/// Declares task-local keys, as `thread_local!` declares thread-local ones, but without initial values: a
/// value is set by a scope.
///
/// ```
/// # #[cfg(feature = "rt")] {
/// selvedge::task_local! {
///     static USER: u32;
/// }
/// assert_eq!(USER.sync_scope(7, || USER.get()), 7);
/// # }
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$meta:meta])* $vis:vis static $key:ident: $value:ty);* $(;)?) => { $(
        $(#[$meta])*
        $vis static $key: $crate::task::LocalKey<$value> = {
            ::std::thread_local! {
                static SLOT: ::std::cell::RefCell<::std::option::Option<$value>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey { slot: &SLOT }
        };
    )* };
}
