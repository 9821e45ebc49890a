//! Fuzz target `process_signal`: children and signals in any order. Every child's end is reported, and every signal is seen.

use crate::{Input, begin, finish};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A wait that takes longer than this was never woken.
const LONG: Duration = Duration::from_secs(10);

fn raise(kind: SignalKind) {
    unsafe extern "C" {
        fn raise(signal: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: takes a number; the signal is one that is listened for.
    unsafe { raise(kind.as_raw_value()) };
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(&bytes[..bytes.len().min(24)]);
    let runtime = match input.flag() {
        true => Builder::new_current_thread().enable_all().build().unwrap(),
        false => Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap(),
    };
    runtime.block_on(async {
        let kinds = [SignalKind::user_defined1(), SignalKind::child()];
        let mut children: Vec<(Child, Option<i32>)> = Vec::new();
        let mut listeners: Vec<(Signal, usize, bool)> = Vec::new();
        // From here on the signal has a handler: raising it does not end the process.
        let _always = signal(kinds[0]).unwrap();
        while let Some(operation) = input.next(9) {
            match operation {
                0 | 1 => {
                    let code = input.below(3) as i32;
                    let child = match code {
                        0 => Command::new("/bin/true").kill_on_drop(true).spawn(),
                        1 => Command::new("/bin/false").kill_on_drop(true).spawn(),
                        _ => Command::new("/bin/sleep")
                            .arg("100")
                            .kill_on_drop(true)
                            .spawn(),
                    };
                    children.push((child.unwrap(), (code < 2).then_some(code)));
                }
                2 | 3 => {
                    if let Some(at) = input.place(children.len()) {
                        let (mut child, code) = children.remove(at);
                        if code.is_none() {
                            child.start_kill().unwrap();
                        }
                        let status = tokio::time::timeout(LONG, child.wait()).await;
                        let status = status.expect("a child's end was not told").unwrap();
                        assert_eq!(status.code(), code);
                        assert_eq!(child.wait().await.unwrap(), status);
                    }
                }
                4 => {
                    if let Some(at) = input.place(children.len()) {
                        if let Some(status) = children[at].0.try_wait().unwrap() {
                            assert_eq!(status.code(), children[at].1);
                        }
                    }
                }
                5 => {
                    if let Some(at) = input.place(children.len()) {
                        drop(children.remove(at));
                    }
                }
                6 => {
                    let kind = input.below(2);
                    listeners.push((signal(kinds[kind]).unwrap(), kind, false));
                }
                7 => {
                    raise(kinds[0]);
                    for listener in &mut listeners {
                        listener.2 |= listener.1 == 0;
                    }
                }
                _ => {
                    if let Some(at) = input.place(listeners.len()) {
                        let (mut listener, _, has_arrived) = listeners.remove(at);
                        if has_arrived {
                            let told = tokio::time::timeout(LONG, listener.recv()).await;
                            assert_eq!(told.expect("a signal was not told"), Some(()));
                        }
                    }
                }
            }
        }
    });
    drop(runtime);
    finish();
}
