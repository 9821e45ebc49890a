//! The stack of a stuck thread, read by the thread itself in a signal handler.
//!
//! ```text
//! the asker                                   the thread
//! stores its id, sends it SIGURG ───────────▶ handler: is it me? walks the stack, stores addresses and their count
//! waits for the count, finds the names ◀──────┘
//! ```
//! It is off unless a program asks for it, as the signal may end system calls of the thread early: those that the system does not
//! restart (`nanosleep`, `epoll_wait`, waits with a time limit) return `EINTR`.
//!
//! S1: the handler calls only what a handler may: it walks the stack by the tables for unwinding, and stores numbers. It neither
//!     allocates nor takes a lock of this process.
//! S2: one thread asks at a time (`ASKING`). If it gets no answer in time, it takes its request back, or waits for the handler that has taken it.

use crate::base::clock;
use crate::base::process_mutex::{ProcessMutex, Rank};
use std::ffi::c_int;
use std::io;
use std::ptr;
use std::sync::OnceLock;
// Not part of a model: std's atomics under the model checker too.
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

/// Frames that are kept, from the top.
const MOST: usize = 96;
/// How long a thread has to answer.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(1);
/// The system ignores it unless a program handles it, so a late signal does no harm.
const SIGNAL: c_int = libc::SIGURG;

static ASKING: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());
/// The thread that is asked; 0: none, or it has begun to answer.
static WANTED: AtomicI32 = AtomicI32::new(0);
static FRAMES: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];
/// The number of frames in the answer, plus one; 0: no answer yet.
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// The handler that was there before ours; or the error that kept ours from being installed.
static INSTALLED: OnceLock<Result<libc::sigaction, i32>> = OnceLock::new();

/// Installs the handler, so that threads can be asked.
///
/// # Errors
/// If the system refuses the handler.
#[doc(hidden)]
pub fn begin() -> io::Result<()> {
    // Under the lock: a forked child finds the handler installed, or not begun.
    let _one = ASKING.lock();
    match INSTALLED.get_or_init(install) {
        Ok(_) => Ok(()),
        Err(code) => Err(io::Error::from_raw_os_error(*code)),
    }
}

fn install() -> Result<libc::sigaction, i32> {
    // SAFETY: all zero is a value of both.
    let (mut new, mut old): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    new.sa_sigaction = answer as *const () as usize;
    new.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: both are valid; the handler does what a handler may (S1).
    match unsafe { libc::sigaction(SIGNAL, &new, &mut old) } {
        0 => Ok(old),
        _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

extern "C" fn answer(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the thread's own; it is put back below.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: asks for a number.
    let me = unsafe { libc::gettid() };
    // Ordering: AcqRel; takes the request, so that the asker leaves the frames to this handler (S2). Acquire alone if it is not for this thread.
    let taken = WANTED.compare_exchange(me, 0, Ordering::AcqRel, Ordering::Acquire);
    match taken {
        Ok(_) => walk(),
        Err(_) => pass_on(signal, info, context),
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn walk() {
    let mut count = 0;
    // SAFETY: no other thread of this crate walks a stack meanwhile (S2); the lock of the safe function has no other purpose.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            // Ordering: Relaxed; published by the count.
            FRAMES[count].store(frame.ip() as usize, Ordering::Relaxed);
            count += 1;
            count < MOST
        });
    }
    // Ordering: Release; publishes the frames, pairs with the Acquire in `ask`.
    COUNT.store(count + 1, Ordering::Release);
}

/// Passes a signal that does not come from `ask` to the handler that was there before.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(Ok(before)) = INSTALLED.get() else {
        return;
    };
    match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => {} // it is ignored by default
        handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: it was installed with this signature.
            let handler = unsafe { std::mem::transmute::<usize, Handler>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: it was installed with this signature.
            let handler = unsafe { std::mem::transmute::<usize, extern "C" fn(c_int)>(handler) };
            handler(signal);
        }
    }
}

/// The functions that the thread with that id is in, the innermost first; empty if it does not answer.
pub(super) fn of_thread(id: u64) -> Vec<String> {
    let is_on = INSTALLED.get().is_some_and(Result::is_ok);
    match c_int::try_from(id) {
        Ok(id @ 1..) if is_on => names(&ask(id)),
        _ => Vec::new(),
    }
}

fn ask(thread: c_int) -> Vec<usize> {
    let _one = ASKING.lock();
    // Ordering: Relaxed; published by the request.
    COUNT.store(0, Ordering::Relaxed);
    // Ordering: Release; pairs with the Acquire in `answer`.
    WANTED.store(thread, Ordering::Release);
    // SAFETY: no memory is involved. The id of a thread that has ended is refused, and so is that of another process's thread.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, SIGNAL) };
    let end = clock::now() + PATIENCE;
    while sent == 0 && clock::now() < end {
        if let Some(frames) = answered() {
            return frames;
        }
        clock::block_for(LOOK);
    }
    // Ordering: AcqRel; takes the request back, or sees that it was taken.
    let back = WANTED.compare_exchange(thread, 0, Ordering::AcqRel, Ordering::Acquire);
    if back.is_ok() {
        return Vec::new();
    }
    // The handler has begun: it ends soon.
    loop {
        if let Some(frames) = answered() {
            return frames;
        }
        clock::block_for(LOOK);
    }
}

fn answered() -> Option<Vec<usize>> {
    // Ordering: Acquire; pairs with the Release in `walk`.
    let count = COUNT.load(Ordering::Acquire).checked_sub(1)?;
    // Ordering: Relaxed; published by the count.
    let frames = FRAMES[..count].iter().map(|ip| ip.load(Ordering::Relaxed));
    Some(frames.collect())
}

/// The functions' names with their places, without the handler's and without the code that drives the task.
fn names(frames: &[usize]) -> Vec<String> {
    let mut names = Vec::new();
    for ip in frames {
        // The address is that of the instruction after the call.
        let address = ptr::without_provenance_mut(ip.saturating_sub(1));
        backtrace::resolve(address, |symbol| {
            let name = symbol
                .name()
                .map_or("?".to_owned(), |name| format!("{name:#}"));
            let place = symbol.filename().zip(symbol.lineno());
            names.push(match place {
                Some((file, line)) => format!("{name} at {}:{line}", file.display()),
                None => name,
            });
        });
    }
    let handler = |name: &String| name.starts_with(concat!(module_path!(), "::answer"));
    if let Some(at) = names.iter().rposition(handler) {
        names.drain(..=at);
        // The function to which a handler returns.
        if names
            .first()
            .is_some_and(|name| name.contains("restore_rt"))
        {
            names.remove(0);
        }
    }
    let polls = |name: &String| name.starts_with("runtime_core::task::");
    if let Some(at) = names.iter().position(polls) {
        names.truncate(at);
    }
    names
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/stacks.rs"]
mod tests;
