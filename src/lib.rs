//! selvedge.
