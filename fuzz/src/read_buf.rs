//! Fuzz target `read_buf`: the filled and the initialised part of a `ReadBuf`, compared with a model.

use crate::{Input, begin, finish};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::io::ReadBuf;

/// The model: initialised bytes with known values; the bytes after them are uninitialised.
struct Model {
    known: Vec<u8>,
    filled: usize,
    capacity: usize,
}

impl Model {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.known.len() < end {
            self.known.resize(end, 0);
        }
        self.known[at..end].copy_from_slice(bytes);
    }

    fn check(&self, buf: &ReadBuf<'_>) {
        assert_eq!(buf.capacity(), self.capacity);
        assert_eq!(buf.filled(), &self.known[..self.filled]);
        assert_eq!(buf.initialized(), &self.known[..]);
        assert_eq!(buf.remaining(), self.capacity - self.filled);
    }
}

thread_local! {
    static MAY_PANIC: Cell<bool> = const { Cell::new(false) };
}

/// One operation that may panic; true if it did.
fn panics(operation: impl FnOnce()) -> bool {
    MAY_PANIC.set(true);
    let has_panicked = catch_unwind(AssertUnwindSafe(operation)).is_err();
    MAY_PANIC.set(false);
    has_panicked
}

pub fn run(bytes: &[u8]) {
    begin();
    std::panic::set_hook(Box::new(|info| {
        // Prints only panics of the comparison, not of operations that may panic.
        if !MAY_PANIC.get() {
            eprintln!("{info}");
        }
    }));
    let mut input = Input::new(bytes);
    let capacity = input.below(20);
    let mut memory = [MaybeUninit::uninit(); 20];
    let mut plain = [7; 20];
    let is_plain = input.flag();
    let mut buf = match is_plain {
        true => ReadBuf::new(&mut plain[..capacity]),
        false => ReadBuf::uninit(&mut memory[..capacity]),
    };
    let mut model = Model {
        known: if is_plain {
            vec![7; capacity]
        } else {
            Vec::new()
        },
        filled: 0,
        capacity,
    };
    let mut value = 0_u8;
    while let Some(operation) = input.next(10) {
        let n = input.below(8);
        let remaining = model.capacity - model.filled;
        value = value.wrapping_add(1);
        match operation {
            0 | 1 => {
                let data = vec![value; n];
                assert_eq!(panics(|| buf.put_slice(&data)), n > remaining);
                if n <= remaining {
                    model.write(model.filled, &data);
                    model.filled += n;
                }
            }
            2 => {
                let is_bad = model.filled + n > model.known.len();
                assert_eq!(panics(|| buf.advance(n)), is_bad);
                model.filled += if is_bad { 0 } else { n };
            }
            3 => {
                let n = n * 3;
                let is_bad = n > model.known.len();
                assert_eq!(panics(|| buf.set_filled(n)), is_bad);
                model.filled = if is_bad { model.filled } else { n };
            }
            4 => {
                buf.clear();
                model.filled = 0;
            }
            5 => {
                assert_eq!(buf.initialize_unfilled().len(), remaining);
                model.known.resize(model.capacity, 0);
            }
            6 => {
                let is_bad = panics(|| buf.initialize_unfilled_to(n).fill(value));
                assert_eq!(is_bad, n > remaining);
                if !is_bad {
                    model.write(model.filled, &vec![value; n]);
                }
            }
            7 => {
                let n = n.min(remaining);
                // SAFETY: what is written is initialised, and as much is said to be.
                unsafe {
                    for byte in &mut buf.unfilled_mut()[..n] {
                        byte.write(value);
                    }
                    buf.assume_init(n);
                }
                model.write(model.filled, &vec![value; n]);
            }
            8 => {
                // As in `Take`: bytes are read into a part, and then the whole is updated to match.
                let mut part = buf.take(n);
                let len = part.capacity();
                assert_eq!(len, n.min(remaining));
                let written = input.below(len + 1);
                part.put_slice(&vec![value; written]);
                let initialized = part.initialized().len();
                // SAFETY: the part lies at the whole's first unfilled byte, and has that many initialised.
                unsafe { buf.assume_init(initialized) };
                buf.advance(written);
                model.write(model.filled, &vec![value; written]);
                model.filled += written;
            }
            _ => {
                for byte in buf.filled_mut() {
                    *byte = byte.wrapping_add(1);
                }
                for byte in &mut model.known[..model.filled] {
                    *byte = byte.wrapping_add(1);
                }
            }
        }
        model.check(&buf);
    }
    finish();
}
