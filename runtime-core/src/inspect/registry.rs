//! Which runtimes are shown, and when the server starts and ends.
//!
//! The first runtime that asks starts the server; the end of the last runtime that is shown ends it. While the server runs, every runtime
//! that is built is shown, whether it asks or not.
//!
//! I1: the server is there if and only if `users` is not 0. Both change under one lock, and so does the socket's file.
//! I2: the parent's registry is never touched in a forked child: [`leave_in_child`] takes it out of reach.

use super::InspectOptions;
use super::server::{self, NO_DESCRIPTOR, Server};
use super::socket::Socket;
use crate::base::fork::{self, Origin};
use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::shim::sync::Mutex;
use crate::base::thread::is_entered;
use crate::handle::Handle;
use crate::task::times;
use std::ffi::OsStr;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// Turns the inspector on without a change to the program.
const VARIABLE: &str = "SELVEDGE_INSPECT";

/// This process's registry; null until it is needed.
static REGISTRY: AtomicPtr<Registry> = AtomicPtr::new(std::ptr::null_mut());
/// The listening descriptor, for a forked child to close.
static LISTENER: AtomicI32 = AtomicI32::new(NO_DESCRIPTOR);

/// See the module's page.
#[derive(Debug)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Runtimes that are shown, and those that are about to be built.
    users: usize,
    handles: Vec<Handle>,
    server: Option<Server>,
}

/// A runtime's place in the inspector. To be kept until the runtime has shut down.
#[derive(Debug)]
pub struct Inspected {
    registry: &'static Registry,
    origin: Origin,
    handle: Option<Handle>,
}

/// A place for a runtime that is about to be built; `None` if the inspector is off.
///
/// # Errors
/// If the program asks for it by `options` and the socket or its thread cannot be made. If the environment asks, the error is printed,
/// and the program goes on without the inspector.
pub fn begin(options: Option<&InspectOptions>) -> io::Result<Option<Inspected>> {
    if let Some(options) = options {
        let inspected = Registry::here().enter(Some(options))?;
        times::keep();
        return Ok(Some(inspected));
    }
    let Some(asked) = from_environment() else {
        return match Registry::is_made() {
            true => Ok(Registry::here().enter(None).ok()),
            false => Ok(None),
        };
    };
    match Registry::here().enter(Some(asked)) {
        Ok(inspected) => {
            times::keep();
            Ok(Some(inspected))
        }
        Err(error) => {
            static IS_TOLD: AtomicBool = AtomicBool::new(false);
            // Ordering: Relaxed; nothing is published.
            if !IS_TOLD.swap(true, Ordering::Relaxed) {
                eprintln!("selvedge: no inspector: {VARIABLE}: {error}");
            }
            Ok(None)
        }
    }
}

/// The options from the environment, which is read at the first call.
fn from_environment() -> Option<&'static InspectOptions> {
    type Read = Option<&'static InspectOptions>;
    static READ: ProcessMutex<Option<Read>> = ProcessMutex::new(Rank::Leaf, None);
    let read = || {
        let options = std::env::var_os(VARIABLE).and_then(|value| options_of(&value));
        options.map(|options| &*Box::leak(Box::new(options)))
    };
    *READ.lock().get_or_insert_with(read)
}

fn options_of(value: &OsStr) -> Option<InspectOptions> {
    match value.to_str() {
        Some("" | "0") => None,
        Some("1") => Some(InspectOptions::new()),
        _ => Some(InspectOptions::new().path(value)),
    }
}

impl Registry {
    fn is_made() -> bool {
        // Ordering: Relaxed; `here` loads it again.
        !REGISTRY.load(Ordering::Relaxed).is_null()
    }

    /// This process's registry, which is made at the first call.
    fn here() -> &'static Registry {
        // Ordering: Acquire; pairs with the exchange below, sees the registry's fields.
        let mut there = REGISTRY.load(Ordering::Acquire);
        if there.is_null() {
            let made = Box::into_raw(Box::new(Registry {
                state: Mutex::new(State {
                    users: 0,
                    handles: Vec::new(),
                    server: None,
                }),
            }));
            let null = std::ptr::null_mut();
            // Ordering: Release publishes the fields to the loads; Acquire as above.
            there = match REGISTRY.compare_exchange(null, made, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => made,
                Err(other) => {
                    // SAFETY: made above, and nobody else has it.
                    drop(unsafe { Box::from_raw(made) });
                    other
                }
            };
        }
        // SAFETY: not null, made above by some thread, and never freed.
        unsafe { &*there }
    }

    /// Counts a user; the first one starts the server. Without options only if the server runs.
    fn enter(&'static self, options: Option<&InspectOptions>) -> io::Result<Inspected> {
        static FORKS: fork::Watch = fork::Watch::in_child(leave_in_child);
        FORKS.begin();
        let mut state = self.state.lock();
        if state.server.is_none() {
            let options = options.ok_or(io::ErrorKind::NotConnected)?;
            let socket = Socket::open(options.path.as_deref())?;
            let descriptor = socket.descriptor();
            state.server = Some(server::start(socket, self)?);
            // Ordering: Relaxed; a forked child reads it, which has one thread.
            LISTENER.store(descriptor, Ordering::Relaxed);
        }
        state.users += 1;
        Ok(Inspected {
            registry: self,
            origin: Origin::here(),
            handle: None,
        })
    }

    /// A registry that shows nothing.
    #[cfg(test)]
    pub(super) fn empty() -> &'static Registry {
        Box::leak(Box::new(Registry {
            state: Mutex::new(State {
                users: 0,
                handles: Vec::new(),
                server: None,
            }),
        }))
    }

    /// The runtimes that are shown now.
    pub(super) fn handles(&self) -> Vec<Handle> {
        self.state.lock().handles.clone()
    }
}

impl Inspected {
    /// Shows the runtime.
    pub fn show(&mut self, handle: &Handle) {
        self.registry.state.lock().handles.push(handle.clone());
        self.handle = Some(handle.clone());
    }
}

impl Drop for Inspected {
    fn drop(&mut self) {
        if self.origin.is_inherited() {
            // I2. The runtime is not freed by dropping the handle: the parent's registry has a handle as well.
            return;
        }
        let (handle, server) = {
            let mut state = self.registry.state.lock();
            state.users -= 1;
            let at = self.handle.as_ref().and_then(|own| {
                let mut handles = state.handles.iter();
                handles.position(|handle| handle.id() == own.id())
            });
            let handle = at.map(|at| state.handles.swap_remove(at));
            let server = match state.users {
                0 => state.server.take(),
                _ => None,
            };
            if let Some(server) = &server {
                // Before the descriptor is closed, so that no child closes another descriptor with that number.
                // Ordering: Relaxed; as where it is set.
                LISTENER.store(NO_DESCRIPTOR, Ordering::Relaxed);
                server.remove_socket();
            }
            (handle, server)
        };
        // Outside of the lock: the last handle drops the user's hooks.
        drop(handle);
        if let Some(server) = server {
            // A thread that drives tasks must not wait.
            server.end(!is_entered());
        }
    }
}

/// In a forked child: forgets the registry (I2), and closes the copy of the parent's socket, at which nobody would answer once
/// the parent is gone.
unsafe extern "C" fn leave_in_child() {
    // Ordering: Relaxed, all; the child has one thread.
    REGISTRY.store(std::ptr::null_mut(), Ordering::Relaxed);
    let listener = LISTENER.swap(NO_DESCRIPTOR, Ordering::Relaxed);
    if listener != NO_DESCRIPTOR {
        // SAFETY: the child's copy of a descriptor that nothing in the child uses: its owner is in the registry that is forgotten above.
        // The call may be made between fork and exec.
        unsafe { libc::close(listener) };
    }
}

#[cfg(test)]
mod tests {
    use super::{InspectOptions, options_of};
    use std::ffi::OsStr;

    #[test]
    fn the_variable_is_a_switch_or_a_path() {
        for off in ["", "0"] {
            assert_eq!(options_of(OsStr::new(off)), None);
        }
        assert_eq!(options_of(OsStr::new("1")), Some(InspectOptions::new()));
        let path = InspectOptions::new().path("/run/x");
        assert_eq!(options_of(OsStr::new("/run/x")), Some(path));
    }
}
