//! A storm of signals: every thread of the process is interrupted about once a millisecond, in whatever call it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub struct Storm {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

extern "C" fn nothing(_signal: libc::c_int) {}

impl Storm {
    pub fn start() -> Storm {
        // SAFETY: the handler does nothing; without SA_RESTART the calls it interrupts answer EINTR.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            assert_eq!(
                libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()),
                0
            );
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let thread = std::thread::spawn(move || {
            // SAFETY: neither has preconditions.
            let (own, process) = unsafe { (libc::gettid(), libc::getpid()) };
            // Ordering: Acquire and Release; a flag that guards nothing, these are simply enough.
            while !over.load(Ordering::Acquire) {
                let threads = std::fs::read_dir("/proc/self/task");
                for entry in threads.into_iter().flatten().flatten() {
                    let id = entry.file_name().to_string_lossy().parse().unwrap_or(own);
                    if id != own {
                        // SAFETY: takes numbers; a thread that has ended is refused, not mistaken: its process is named.
                        unsafe { libc::syscall(libc::SYS_tgkill, process, id, libc::SIGUSR2) };
                    }
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Storm {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // Ordering: as for the load.
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
