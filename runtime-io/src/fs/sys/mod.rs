//! What differs from system to system: lookups in the kernel's memory, and telling files apart.
//!
//! The contract: nothing here waits for a disk, a server or another thread, or makes an event that a listener could
//! hold up. A function that does not know returns `None`, `false` or `Unknown`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod lookup;
#[cfg(target_os = "linux")]
mod mount;
mod nature;
#[cfg(target_os = "linux")]
pub(crate) use {
    linux::{has_name, nature},
    lookup::{exists_cached, metadata_cached, metadata_of_local},
};

#[cfg(all(
    feature = "io-uring",
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
))]
pub(crate) mod kind;

#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{exists_cached, has_name, metadata_cached, metadata_of_local, nature};

pub(crate) use nature::Nature;
