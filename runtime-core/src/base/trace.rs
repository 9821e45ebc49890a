//! Traces: where a future waits, found by one poll in which no leaf future does its work.
//!
//! While a thread traces, every leaf of this runtime calls the callback instead of doing its work, has its
//! waker woken later, and is pending. The callback sees the stack from the root to that leaf. So a traced
//! poll changes nothing in the leaves, and the future is polled again soon after.
//!
//! I1: `LEAF` holds a callback only during `trace_with` on the same thread, and none while the callback runs.

use super::deferred;
use std::cell::Cell;
use std::ffi::c_void;
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

type Callback = NonNull<dyn FnMut(&TraceMeta)>;

thread_local! {
    static LEAF: Cell<Option<Callback>> = const { Cell::new(None) };
    static ROOT: Cell<Option<*const c_void>> = const { Cell::new(None) };
}

/// What the callback of [`trace_with`] is given.
#[derive(Debug)]
#[non_exhaustive]
pub struct TraceMeta {
    /// Address of the function at which a walk up the stack ends, if a [`Root`] is being polled.
    pub root_addr: Option<*const c_void>,
    /// Address of the function that called the callback: frames up to it are the runtime's.
    pub trace_leaf_addr: *const c_void,
}

/// Puts a thread-local back to what it was, also in a panic.
struct Restore<T: Copy + 'static>(&'static std::thread::LocalKey<Cell<T>>, T);

impl<T: Copy> Drop for Restore<T> {
    fn drop(&mut self) {
        let _ = self.0.try_with(|cell| cell.set(self.1));
    }
}

fn replace<T: Copy>(key: &'static std::thread::LocalKey<Cell<T>>, value: T) -> Restore<T> {
    Restore(key, key.replace(value))
}

/// Runs `f`, calling `trace_leaf` at each leaf future that is polled in it.
pub fn trace_with<FN, FT, R>(f: FN, mut trace_leaf: FT) -> R
where
    FN: FnOnce() -> R,
    FT: FnMut(&TraceMeta),
{
    let callback: *mut (dyn FnMut(&TraceMeta) + '_) = &mut trace_leaf;
    // SAFETY: only the lifetime changes; by I1 nobody calls it after `f`, as the guard takes it away then.
    let callback: *mut (dyn FnMut(&TraceMeta) + 'static) = unsafe { std::mem::transmute(callback) };
    let _restore = replace(&LEAF, NonNull::new(callback));
    f()
}

/// Is this thread tracing?
pub fn is_tracing() -> bool {
    LEAF.try_with(|leaf| leaf.get().is_some()).unwrap_or(false)
}

/// Until the guard is dropped this thread does not trace: code that blocks it waits for leaves that do their work.
pub(crate) fn untraced() -> impl Drop {
    replace(&LEAF, None)
}

/// Called by each leaf before it does anything: pending while this thread traces.
#[inline(always)] // else it would be a frame of every trace
pub(crate) fn poll_leaf(cx: &mut Context<'_>) -> Poll<()> {
    match LEAF.try_with(Cell::get) {
        Ok(Some(callback)) => {
            leaf(callback);
            deferred::defer(cx.waker());
            Poll::Pending
        }
        _ => Poll::Ready(()),
    }
}

#[inline(never)]
fn leaf(mut callback: Callback) {
    let _restore = replace(&LEAF, None);
    let meta = TraceMeta {
        root_addr: ROOT.get(),
        trace_leaf_addr: leaf as *const c_void,
    };
    // SAFETY: by I1 `trace_with` is below us on the stack, and the callback is not running.
    let callback = unsafe { callback.as_mut() };
    callback(&meta);
}

pin_project_lite::pin_project! {
    /// A future at which traces taken inside of it end; made by [`Trace::root`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Root<T> {
        #[pin]
        future: T,
    }
}

impl<T: Future> Future for Root<T> {
    type Output = T::Output;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let _restore = replace(&ROOT, Some(Self::poll as *const c_void));
        let output = self.project().future.poll(cx);
        // Keeps the call above from being a tail call, whose frame would be gone.
        std::hint::black_box(output)
    }
}

/// Runs `f` as the root of what it polls.
#[inline(never)]
pub(crate) fn within_root(f: &mut dyn FnMut()) {
    let _restore = replace(&ROOT, Some(within_root as *const c_void));
    f();
    // Keeps the call above from being a tail call, whose frame would be gone.
    std::hint::black_box(());
}

/// The stacks of the leaves at which a future waits.
#[derive(Clone)]
pub struct Trace {
    stacks: Vec<Vec<backtrace::BacktraceFrame>>,
}

impl Trace {
    /// Runs `f`; returns its result, and the stacks of the leaf futures that were polled in it, each from the
    /// leaf to the innermost [`Root`].
    pub fn capture<F, R>(f: F) -> (R, Trace)
    where
        F: FnOnce() -> R,
    {
        let mut stacks = Vec::new();
        let result = trace_with(f, |meta| stacks.push(walk(meta)));
        (result, Trace { stacks })
    }

    /// Makes a future the root of traces taken inside of it.
    pub fn root<F: Future>(f: F) -> Root<F> {
        Root { future: f }
    }

    /// The stacks with their symbols, from the leaf to the root.
    pub fn resolve_backtraces(&self) -> Vec<Backtrace> {
        let resolve = |frames: &Vec<backtrace::BacktraceFrame>| {
            let mut stack = backtrace::Backtrace::from(frames.clone());
            stack.resolve();
            Backtrace {
                frames: stack.frames().iter().map(BacktraceFrame::new).collect(),
            }
        };
        self.stacks.iter().map(resolve).collect()
    }
}

/// The frames between the leaf and the root.
fn walk(meta: &TraceMeta) -> Vec<backtrace::BacktraceFrame> {
    let mut frames = Vec::new();
    let mut is_above_leaf = false;
    backtrace::trace(|frame| {
        let at = frame.symbol_address().cast_const();
        let is_root = meta.root_addr == Some(at);
        if is_above_leaf && !is_root {
            frames.push(frame.clone().into());
        }
        is_above_leaf |= at == meta.trace_leaf_addr;
        !is_root
    });
    frames
}

/// One stack, from the leaf to the root.
#[derive(Clone, Debug)]
pub struct Backtrace {
    frames: Vec<BacktraceFrame>,
}

impl Backtrace {
    /// Its frames.
    pub fn frames(&self) -> impl Iterator<Item = &BacktraceFrame> {
        self.frames.iter()
    }
}

/// A frame of a stack.
#[derive(Clone, Debug)]
pub struct BacktraceFrame {
    ip: usize,
    symbol_address: usize,
    symbols: Vec<BacktraceSymbol>,
}

impl BacktraceFrame {
    fn new(frame: &backtrace::BacktraceFrame) -> Self {
        BacktraceFrame {
            ip: frame.ip() as usize,
            symbol_address: frame.symbol_address() as usize,
            symbols: frame.symbols().iter().map(BacktraceSymbol::new).collect(),
        }
    }

    /// The instruction it is at.
    pub fn ip(&self) -> *mut c_void {
        self.ip as *mut c_void
    }

    /// Where its function begins.
    pub fn symbol_address(&self) -> *mut c_void {
        self.symbol_address as *mut c_void
    }

    /// Its symbols: more than one where functions were inlined, the innermost first.
    pub fn symbols(&self) -> impl Iterator<Item = &BacktraceSymbol> {
        self.symbols.iter()
    }
}

/// A function in a frame.
#[derive(Clone, Debug)]
pub struct BacktraceSymbol {
    name: Option<Box<[u8]>>,
    demangled: Option<Box<str>>,
    addr: Option<usize>,
    filename: Option<std::path::PathBuf>,
    lineno: Option<u32>,
    colno: Option<u32>,
}

impl BacktraceSymbol {
    fn new(symbol: &backtrace::BacktraceSymbol) -> Self {
        let name = symbol.name();
        BacktraceSymbol {
            name: name.as_ref().map(|name| name.as_bytes().into()),
            demangled: name.map(|name| format!("{name:#}").into()),
            addr: symbol.addr().map(|addr| addr as usize),
            filename: symbol.filename().map(Path::to_owned),
            lineno: symbol.lineno(),
            colno: symbol.colno(),
        }
    }

    /// Its name as the linker knows it.
    pub fn name_raw(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Its name as the source knows it.
    pub fn name_demangled(&self) -> Option<&str> {
        self.demangled.as_deref()
    }

    /// Where it begins.
    pub fn addr(&self) -> Option<*mut c_void> {
        self.addr.map(|addr| addr as *mut c_void)
    }

    /// The file it stands in.
    pub fn filename(&self) -> Option<&Path> {
        self.filename.as_deref()
    }

    /// The line it is at.
    pub fn lineno(&self) -> Option<u32> {
        self.lineno
    }

    /// The column it is at.
    pub fn colno(&self) -> Option<u32> {
        self.colno
    }

    /// One line; the runtime's own functions under the path users know them by.
    fn line(&self) -> String {
        let name = self.demangled.as_deref().unwrap_or("?");
        let name = name
            .replace("runtime_time::", "tokio::time::")
            .replace("runtime_core::", "tokio::")
            .replace("runtime_io::", "tokio::");
        match (&self.filename, self.lineno) {
            (Some(file), Some(line)) => {
                let column = self.colno.unwrap_or(0);
                format!("{name} at {}:{line}:{column}", file.display())
            }
            _ => name,
        }
    }
}

/// A tree with the root's frame on top: stacks that begin alike share their lines.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last: Vec<String> = Vec::new();
        for stack in self.resolve_backtraces() {
            let symbols = stack.frames.iter().flat_map(|frame| &frame.symbols);
            let mut lines: Vec<String> = symbols.map(BacktraceSymbol::line).collect();
            lines.reverse();
            let shared = lines.iter().zip(&last).take_while(|(a, b)| a == b).count();
            for (depth, line) in lines.iter().enumerate().skip(shared) {
                writeln!(f, "{:indent$}- {line}", "", indent = depth)?;
            }
            last = lines;
        }
        Ok(())
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("stacks", &self.stacks.len())
            .finish()
    }
}
