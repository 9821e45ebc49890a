//! Small programs whose system calls are made to fail: `selvedge-faults SCENARIO current|multi ATTEMPTS [MODE]`.
//!
//! The scenario runs on a thread of its own, a number of times, on one runtime. MODE is
//! - `now` (the default): at once;
//! - `traced`: once a tracer holds that thread, so that the tracer counts calls from the first attempt on;
//! - `storm`: at once, while every thread gets signals all the time, whose handler does nothing but interrupt.
//!
//! Printed is a line for each attempt (`attempt 1: ok`, `attempt 1: error 24 text`, `attempt 1: panic text`), then what
//! is left of descriptors and threads once the runtime is gone, and the CPU time used. The exit status is 0 whatever
//! the attempts answered: the judge is the command.

mod files;
mod net;
mod storm;
mod system;
mod tasks;

use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Which scheduler a scenario runs on.
#[derive(Clone, Copy)]
pub enum Flavor {
    Current,
    Multi,
}

impl Flavor {
    pub fn build(self) -> io::Result<Runtime> {
        let mut builder = match self {
            Flavor::Current => Builder::new_current_thread(),
            Flavor::Multi => Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all().build()
    }
}

/// One attempt; the number is the attempt's.
type Scenario = fn(&Runtime, u32) -> io::Result<()>;

fn scenario(name: &str) -> Option<Scenario> {
    Some(match name {
        "accept" => net::accept,
        "udp" => net::udp,
        "tcp" => net::tcp,
        "stream" => net::stream,
        "unix" => net::unix,
        "lookup" => net::lookup,
        "pipe" => net::pipe,
        "spawn" => tasks::spawn,
        "timers" => tasks::timers,
        "blocking" => tasks::blocking,
        "in_place" => tasks::in_place,
        "file" => files::file,
        "folder" => files::folder,
        "process" => system::process,
        "status" => system::status,
        "signal" => system::signal,
        "stdio" => system::stdio,
        _ => return None,
    })
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let usage = "selvedge-faults SCENARIO current|multi ATTEMPTS [now|traced|storm]";
    let [_, name, flavor, attempts, mode @ ..] = args.as_slice() else {
        panic!("{usage}");
    };
    let flavor = match flavor.as_str() {
        "current" => Flavor::Current,
        "multi" => Flavor::Multi,
        _ => panic!("{usage}"),
    };
    let attempts: u32 = attempts.parse().expect(usage);
    let mode = mode.first().map_or("now", String::as_str);
    std::panic::set_hook(Box::new(|_| {}));

    let before = figures();
    let (name, is_traced) = (name.clone(), mode == "traced");
    let (tell, told) = mpsc::channel();
    static GO: AtomicBool = AtomicBool::new(false);
    let thread = std::thread::spawn(move || {
        // Nothing that is counted may come before the go: the runtime is made here, the waiting is all sleep.
        let runtime = (name != "build").then(|| flavor.build().expect("no runtime to begin with"));
        // SAFETY: has no preconditions.
        let _ = tell.send(unsafe { libc::gettid() });
        // Ordering: Acquire and Release; a flag that guards nothing, these are simply enough.
        while !GO.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
        match runtime {
            None => repeat(attempts, |_| tasks::build(flavor)),
            Some(runtime) => {
                let scenario = scenario(&name).expect("no such scenario");
                repeat(attempts, |n| scenario(&runtime, n));
                drop(runtime);
            }
        }
    });
    let thread_id = told.recv().unwrap();
    println!("ready");
    while is_traced && !has_tracer(thread_id) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let storm = (mode == "storm").then(storm::Storm::start);
    // Ordering: as for the load.
    GO.store(true, Ordering::Release);
    let is_over = thread.join().is_ok();
    drop(storm);
    net::forget();
    let after = settled(before);
    println!("over {is_over}");
    println!("fds {}", after.0 - before.0);
    println!("threads {}", after.1 - before.1);
    println!("cpu_ms {}", cpu_ms());
    println!("zombies {}", zombies());
    for target in targets() {
        println!("open {target}");
    }
}

/// What the process's descriptors lead to, the first three left out.
fn targets() -> Vec<String> {
    let Ok(fds) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    fds.flatten()
        .filter(|fd| !matches!(fd.file_name().to_str(), Some("0" | "1" | "2")))
        .filter_map(|fd| Some(std::fs::read_link(fd.path()).ok()?.display().to_string()))
        .collect()
}

fn repeat(attempts: u32, mut attempt: impl FnMut(u32) -> io::Result<()>) {
    for n in 1..=attempts {
        match catch_unwind(AssertUnwindSafe(|| attempt(n))) {
            Ok(Ok(())) => println!("attempt {n}: ok"),
            Ok(Err(error)) => match code_of(&error) {
                Some(code) => println!("attempt {n}: error {code} {error}"),
                None => println!("attempt {n}: error {:?} {error}", error.kind()),
            },
            Err(payload) => println!("attempt {n}: panic {}", panic_text(&*payload)),
        }
    }
}

/// The system's number: the error's own, or the one in the words of an error that says more than the system did.
fn code_of(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let text = error.to_string();
        let (_, after) = text.split_once("(os error ")?;
        after.split_once(')')?.0.parse().ok()
    })
}

/// What a panic says, on one line.
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = match (
        payload.downcast_ref::<&str>(),
        payload.downcast_ref::<String>(),
    ) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "?",
    };
    text.replace('\n', " ")
}

/// Runs `future` as a task and waits for it: on a worker where there are any.
pub fn run(
    runtime: &Runtime,
    future: impl Future<Output = io::Result<()>> + Send + 'static,
) -> io::Result<()> {
    let task = runtime.spawn(future);
    match runtime.block_on(task) {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}

/// Fails an attempt whose data are not what they should be.
pub fn check(holds: bool, what: &str) -> io::Result<()> {
    match holds {
        true => Ok(()),
        false => Err(io::Error::other(format!("LOST: {what}"))),
    }
}

/// Bytes that tell their place.
pub fn pattern(len: usize, seed: u32) -> Vec<u8> {
    (0..len as u32)
        .map(|i| ((i ^ seed).wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}

/// Where files may be made.
pub fn place() -> std::path::PathBuf {
    std::env::var_os("FAULTS_DIR").map_or_else(std::env::temp_dir, Into::into)
}

fn figures() -> (i64, i64) {
    let count = |path| std::fs::read_dir(path).map_or(0, |d| d.count() as i64);
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// The figures once threads that were joined are gone: the kernel lists one for a moment after its join. At most a second
/// passes.
fn settled(before: (i64, i64)) -> (i64, i64) {
    for _ in 0..100 {
        if figures().1 <= before.1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    figures()
}

/// Children that have ended, and were left to this process's end.
fn zombies() -> usize {
    // What was killed last may be ending yet.
    std::thread::sleep(Duration::from_millis(10));
    // SAFETY: no status is asked for.
    std::iter::from_fn(|| {
        let id = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        (id > 0).then_some(id)
    })
    .count()
}

fn has_tracer(thread: i32) -> bool {
    let path = format!("/proc/self/task/{thread}/status");
    // One call, which may be among those that fail: then the next look tells.
    let mut status = [0; 4096];
    let read = File::open(path).and_then(|mut file| file.read(&mut status));
    let status = String::from_utf8_lossy(&status[..read.unwrap_or(0)]);
    let tracer = status.lines().find_map(|l| l.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

fn cpu_ms() -> i64 {
    // SAFETY: `rusage` is plain numbers, and valid for the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let ms = |time: libc::timeval| time.tv_sec * 1000 + time.tv_usec / 1000;
    ms(usage.ru_utime) + ms(usage.ru_stime)
}
