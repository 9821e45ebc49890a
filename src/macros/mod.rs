//! `select!`, `join!`, `try_join!`, `pin!` and `task_local!`. The first three take two steps:
//!
//! ```text
//! user's text ──▶ macro_rules here: splits it ──▶ runtime_macros::branches: writes the body
//!                                                          │ names only
//!                                                          ▼
//!                                                 $crate::macros::support
//! ```
//!
//! `macro_rules` split because only the compiler knows where an expression ends; a procedural macro
//! writes because numbering branches with `macro_rules` needs tables. Expansions refer to nothing of
//! the facade but `support`, which is public for their sake and not part of the API. `$crate` travels
//! with the input, so the macros work through the drop-in and in crates that rename selvedge.

#[cfg(feature = "macros")]
mod join;
mod pin;
#[cfg(feature = "macros")]
mod select;
pub mod support;
#[cfg(feature = "rt")]
mod task_local;
