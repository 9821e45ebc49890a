//! What the examples share: output that ends quietly when nobody reads it any more, and the terminal's width.
//!
//! `println!` panics when its pipe is closed, as by `| head -1`. The system's own answer, SIGPIPE, would end a server
//! at the first client that hangs up, so it stays off, and the examples print by `say!`.
#![allow(dead_code, unused_macros)]

use std::fmt;
use std::io::{self, Write};

/// Prints a line to the standard output.
macro_rules! say {
    ($($part:tt)*) => { crate::support::line(&std::io::stdout(), format_args!($($part)*)) };
}

/// Prints a line to the standard error.
macro_rules! complain {
    ($($part:tt)*) => { crate::support::line(&std::io::stderr(), format_args!($($part)*)) };
}

/// Writes a line; the program ends, without an error, if nobody reads it.
pub fn line<'a, O>(mut output: &'a O, text: fmt::Arguments<'_>)
where
    &'a O: Write,
{
    // Whole, so that lines of several threads do not mix.
    let result = output.write_all(format!("{text}\n").as_bytes());
    match result.and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        // A full disk, say: there is nowhere to tell of it.
        Err(_) => std::process::exit(1),
    }
}

/// Columns of the terminal that the standard output is, else of `COLUMNS`, else 80.
pub fn width() -> usize {
    // SAFETY: all of its fields may be zero; the call writes to it.
    let asked = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) == 0)
            .then_some(usize::from(size.ws_col))
    };
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = asked.filter(|columns| *columns > 0).or_else(told);
    width.unwrap_or(80).clamp(40, 200)
}
