//! Readiness: what the reactor knows of a socket whose events are delivered once.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};

const READABLE: usize = 1;
/// The tick counts the events delivered.
const TICK: usize = 2;

/// A socket, as the kernel and the reactor see it.
pub struct Socket {
    /// The kernel's buffer. Its lock stands for the system call.
    buffer: Mutex<usize>,
    word: AtomicUsize,
}

impl Socket {
    /// A socket that is marked readable and is empty: another task has just read everything.
    pub fn new() -> Self {
        Socket {
            buffer: Mutex::new(0),
            word: AtomicUsize::new(READABLE),
        }
    }

    /// Bytes arrive, and the driver delivers one event.
    pub fn arrive(&self) {
        *self.buffer.lock().unwrap() += 1;
        // Ordering: Release; pairs with the Acquire in `look`.
        let _ = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
                Some((word | READABLE) + TICK)
            });
    }

    pub fn look(&self) -> usize {
        // Ordering: Acquire; pairs with the Release in `arrive`.
        self.word.load(Ordering::Acquire)
    }

    /// `read(2)`: returns the number of bytes. 0 stands for "would block".
    pub fn read(&self) -> usize {
        std::mem::take(&mut *self.buffer.lock().unwrap())
    }

    /// After "would block": marks the socket as not readable.
    pub fn naive_clear(&self) {
        // Ordering: Relaxed; no ordering mends the fault.
        self.word.fetch_and(!READABLE, Ordering::Relaxed);
    }

    /// After "would block": marks the socket as not readable, unless an event came after the look.
    pub fn clear(&self, look: usize) {
        // Ordering: Relaxed; the word alone decides, and nothing is published.
        let _ = self.word.compare_exchange(
            look,
            look & !READABLE,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

impl Default for Socket {
    fn default() -> Self {
        Socket::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{READABLE, Socket};
    use loom::sync::Arc;
    use loom::thread;

    fn bytes_are_read_or_announced(clear: fn(&Socket, usize)) {
        crate::model(move || {
            let socket = Arc::new(Socket::new());
            let driver = thread::spawn({
                let socket = socket.clone();
                move || socket.arrive()
            });
            let look = socket.look();
            let read = socket.read();
            if read == 0 {
                clear(&socket, look);
            }
            driver.join().unwrap();
            let is_announced = socket.look() & READABLE != 0;
            assert!(read > 0 || is_announced, "bytes that nobody knows of");
        });
    }

    #[test]
    #[should_panic(expected = "bytes that nobody knows of")]
    fn a_late_clear_erases_the_event() {
        bytes_are_read_or_announced(|socket, _| socket.naive_clear());
    }

    #[test]
    fn a_clear_that_carries_its_look_does_not() {
        bytes_are_read_or_announced(Socket::clear);
    }
}
