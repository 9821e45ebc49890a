//! Misuse of the runtime: the panic says what to write instead, and names the line of the program.
//!
//! `told!` runs a closure that must panic, and compares the message, the file and the line, which must contain `code`.
//! All messages are in [docs/panics.md](../../docs/panics.md).

#[path = "../support/mod.rs"]
mod support;

mod amounts;
mod blocking;
mod environment;
mod polled_again;
mod without_runtime;

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// A panic, as the panic hook sees it.
struct Panic {
    message: String,
    file: String,
    line: usize,
}

fn text(payload: &dyn Any) -> String {
    let fixed = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    let made = || payload.downcast_ref::<String>().cloned();
    fixed.or_else(made).unwrap_or_default()
}

/// Runs `f`, which must panic on this thread; returns the panic that the hook saw.
#[track_caller]
fn panic_of<T>(f: impl FnOnce() -> T) -> Panic {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info.location().unwrap();
            let panic = Panic {
                message: text(info.payload()),
                file: location.file().to_owned(),
                line: location.line() as usize,
            };
            LAST.with(|last| *last.borrow_mut() = Some(panic));
            before(info);
        }));
    });
    LAST.with(|last| *last.borrow_mut() = None);
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err(), "no panic");
    LAST.with(|last| last.borrow_mut().take()).unwrap()
}

/// `f` must panic. The message must contain each of `says`; the line that it names must be in `file` and contain `code`.
#[track_caller]
fn compare<T>((file, source): (&str, &str), code: &str, says: &[&str], f: impl FnOnce() -> T) {
    let panic = panic_of(f);
    for words in says {
        let message = &panic.message;
        assert!(
            message.contains(words),
            "{message:?} does not hold {words:?}"
        );
    }
    let (named, line) = (&panic.file, panic.line);
    assert!(
        named.ends_with(file),
        "{named}:{line} is not in {file}: {}",
        panic.message
    );
    let there = source.lines().nth(line - 1).unwrap();
    assert!(
        there.contains(code),
        "{named}:{line} is {there:?}, without {code:?}"
    );
}

/// [`compare`] with the file of the caller.
macro_rules! told {
    ($code:literal, $says:expr, $f:expr) => {
        crate::compare(
            (
                file!(),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", file!())),
            ),
            $code,
            &$says,
            $f,
        )
    };
}
use told;
