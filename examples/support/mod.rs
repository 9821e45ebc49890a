//! What the examples share: output that ends quietly when its reader has gone, and the terminal's width.
//!
//! `println!` panics when its pipe is closed, as by `| head -1`. The default action of SIGPIPE would end a server
//! at the first client that hangs up, so SIGPIPE stays ignored, and the examples print with `say!`.
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

/// Writes a line. The program exits with success if the reader has closed the pipe.
pub fn line<'a, O>(mut output: &'a O, text: fmt::Arguments<'_>)
where
    &'a O: Write,
{
    // One write for the whole line, so that lines of several threads do not mix.
    let result = output.write_all(format!("{text}\n").as_bytes());
    match result.and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        // A full disk, for example: the error cannot be printed anywhere.
        Err(_) => std::process::exit(1),
    }
}

/// Columns of the terminal if the standard output is one, else the value of `COLUMNS`, else 80.
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
