//! The memory of a model's request: its owner's, and the kernel's while the kernel works.
//!
//! Its content is a cell that loom watches: no other thread uses it while the kernel writes, the kernel never writes
//! after it is freed, and it is freed once.

use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use std::sync::Arc;

/// A request's memory, as the kernel sees it.
pub(super) struct Cell {
    content: UnsafeCell<Content>,
    is_gone: Mutex<bool>,
    gone: Condvar,
}

#[derive(Default)]
struct Content {
    writes: usize,
    is_freed: bool,
}

// SAFETY: loom watches that nobody uses the content while another writes it.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

/// A request's memory, as its owner has it.
pub(crate) struct Memory {
    pub(super) cell: Arc<Cell>,
    pub(super) may_cancel: bool,
}

/// For a model to ask what became of a request's memory.
pub(super) struct Witness(Arc<Cell>);

impl Memory {
    pub(super) fn new(may_cancel: bool) -> (Memory, Witness) {
        let cell = Arc::new(Cell {
            content: UnsafeCell::default(),
            is_gone: Mutex::new(false),
            gone: Condvar::new(),
        });
        let memory = Memory {
            cell: cell.clone(),
            may_cancel,
        };
        (memory, Witness(cell))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.cell.change(|content| content.is_freed = true);
        *self.cell.is_gone.lock().unwrap() = true;
        self.cell.gone.notify_all();
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Cell {
    /// The kernel's work on it.
    pub(super) fn write(&self) {
        self.change(|content| content.writes += 1);
    }

    fn change(&self, change: impl FnOnce(&mut Content)) {
        self.content.with_mut(|content| {
            // SAFETY: loom has just made sure that nobody else uses it.
            let content = unsafe { &mut *content };
            assert!(!content.is_freed, "memory is used after it was freed");
            change(content);
        });
    }
}

impl Witness {
    pub(super) fn is_freed(&self) -> bool {
        // SAFETY: loom has just made sure that nobody writes it.
        self.0
            .content
            .with(|content| unsafe { (*content).is_freed })
    }

    pub(super) fn wait_until_freed(&self) {
        let mut is_gone = self.0.is_gone.lock().unwrap();
        while !*is_gone {
            is_gone = self.0.gone.wait(is_gone).unwrap();
        }
    }

    pub(super) fn writes(&self) -> usize {
        // SAFETY: as above.
        self.0.content.with(|content| unsafe { (*content).writes })
    }
}
