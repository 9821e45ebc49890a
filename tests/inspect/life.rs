//! When the inspector exists: by builder and environment, after a fork, at the end.

use crate::support::{
    assert_ended, in_own_process, is_inner, once_more, open_fds, this_test, threads_named, within,
};
use crate::{Client, alone, number, shown, socket_in};
use selvedge::runtime::{Builder, InspectOptions, Runtime};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

fn plain() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// The thread that serves the inspector, as the system names it.
const THREAD: &str = "selvedge-inspec";

#[cfg(target_os = "linux")]
#[test]
fn it_is_off_unless_asked_for_and_leaves_nothing() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    drop(plain());
    assert_eq!(threads_named(THREAD), 0);
    drop(shown(folder.path()));
    let before = open_fds();
    for _ in 0..20 {
        let runtime = shown(folder.path());
        let mut client = Client::new(&socket_in(folder.path()));
        client.hello();
        assert_eq!(threads_named(THREAD), 1);
        drop(runtime);
        assert_ended(THREAD);
    }
    assert_eq!(open_fds(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // A later runtime is not shown, as it does not ask for the inspector.
    drop(plain());
    assert_eq!(open_fds(), before);
}

#[test]
fn the_environment_turns_it_on() {
    let test = this_test!();
    if is_inner(test) {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").unwrap();
        let value = std::env::var("SELVEDGE_INSPECT").unwrap();
        let socket = match value.as_str() {
            "1" => socket_in(&Path::new(&folder).join("selvedge")),
            path if Path::new(path).is_dir() => socket_in(Path::new(path)),
            path => path.into(),
        };
        let runtime = plain();
        Client::new(&socket).hello();
        drop(runtime);
        assert!(!socket.exists());
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("x.sock");
    for value in ["1", base.path().to_str().unwrap(), path.to_str().unwrap()] {
        let mut again = once_more(test);
        let again = again.env("XDG_RUNTIME_DIR", base.path());
        assert!(
            again
                .env("SELVEDGE_INSPECT", value)
                .status()
                .unwrap()
                .success()
        );
    }
}

#[test]
fn a_program_goes_on_where_the_environment_asks_in_vain() {
    let test = this_test!();
    if is_inner(test) {
        for _ in 0..2 {
            assert_eq!(plain().block_on(async { 1 }), 1);
        }
        return;
    }
    let mut again = once_more(test);
    let output = again.env("SELVEDGE_INSPECT", "/no/such/folder/x").output();
    let output = output.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches("selvedge: no inspector").count(), 1, "{told}");
    assert!(told.contains("/no/such/folder/x"), "{told}");
}

#[test]
fn a_runtime_that_ends_in_an_asynchronous_context_takes_it_along() {
    let _alone = alone();
    within(60, || {
        let folder = tempfile::tempdir().unwrap();
        let inner = shown(folder.path());
        Client::new(&socket_in(folder.path())).hello();
        // The outer runtime is not shown: it would keep the socket.
        plain_outside(move || inner.shutdown_background());
        assert!(!socket_in(folder.path()).exists());
    });
}

/// Runs `f` in the asynchronous context of another runtime.
fn plain_outside(f: impl FnOnce()) {
    plain().block_on(async { f() });
}

/// Forks; the child runs `f` and ends. Returns its process id.
#[cfg(target_os = "linux")]
fn fork(f: impl FnOnce()) -> libc::pid_t {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    // SAFETY: the child has this thread only, and leaves by `_exit`. That it may allocate is glibc's promise.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let status = i32::from(catch_unwind(AssertUnwindSafe(f)).is_err());
        // SAFETY: ends the child without running what the parent registered.
        unsafe { libc::_exit(status) };
    }
    child
}

#[cfg(target_os = "linux")]
fn assert_succeeds(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is valid; the child is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_leaves_its_parents_socket_alone_and_may_have_its_own() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let socket = socket_in(folder.path());
    Client::new(&socket).hello();
    for _ in 0..20 {
        let inherited = std::mem::ManuallyDrop::new(&runtime);
        let child = fork(|| {
            assert_eq!(threads_named(THREAD), 0);
            // SAFETY: the child's copy, which is dropped once; the parent has its own.
            drop(unsafe { std::ptr::read(*inherited) });
            assert!(socket.exists());
            // A runtime that does not ask is not shown: the inspector was the parent's.
            drop(plain());
            assert_eq!(threads_named(THREAD), 0);
            let own = shown(folder.path());
            let hello = Client::new(&socket_in(folder.path())).hello();
            assert_eq!(number(&hello, "id"), own.handle().id().as_u64());
            drop(own);
            assert!(!socket_in(folder.path()).exists());
        });
        assert_succeeds(child);
        Client::new(&socket).hello();
    }
}

/// A child that outlives its parent does not keep the parent's socket open.
#[cfg(target_os = "linux")]
#[test]
fn nobody_seems_to_listen_once_the_parent_is_killed() {
    let test = this_test!();
    if is_inner(test) {
        let folder = std::env::var_os("FOLDER").unwrap();
        let _runtime = shown(Path::new(&folder));
        let (mut told, tells) = UnixStream::pair().unwrap();
        let child = fork(|| {
            (&tells).write_all(&[1]).unwrap();
            std::thread::sleep(std::time::Duration::from_secs(60));
        });
        // The child has run its fork handlers.
        told.read_exact(&mut [0]).unwrap();
        println!("child {child}");
        std::thread::sleep(std::time::Duration::from_secs(60));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut again = once_more(test);
    let again = again.env("FOLDER", folder.path()).stdout(Stdio::piped());
    let mut parent = again.spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let child = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("child ").map(|(_, n)| n.to_owned()));
    let child: libc::pid_t = child.unwrap().trim().parse().unwrap();
    let socket = folder.path().join(format!("{}.sock", parent.id()));
    UnixStream::connect(&socket).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let error = UnixStream::connect(&socket).unwrap_err();
    // SAFETY: no memory is involved; the process is this test's grandchild.
    unsafe { libc::kill(child, libc::SIGKILL) };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// The server needs a descriptor for each client; if there is none, the client waits, and the program goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_client_waits_for_a_descriptor() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    client.hello();
    let left = crate::system::NoDescriptor::but(1);
    // It is connected, but the server cannot accept it.
    let mut waiting = Client::new(&socket_in(folder.path()));
    waiting.send(b"{\"protocol\":1,\"request\":\"hello\"}\n");
    client.hello();
    assert_eq!(runtime.block_on(async { 1 }), 1);
    drop(left);
    assert!(waiting.line().contains("\"answer\":\"hello\""));
}

#[test]
fn two_that_ask_share_one_socket() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let first = shown(folder.path());
    let other = folder.path().join("other.sock");
    let mut builder = Builder::new_current_thread();
    let second = builder.inspect(InspectOptions::new().path(&other)).build();
    assert!(!other.exists());
    drop(first);
    Client::new(&socket_in(folder.path())).hello();
    drop(second);
    assert!(!socket_in(folder.path()).exists());
}

#[cfg(target_os = "linux")]
fn is_open(descriptor: i32) -> bool {
    // SAFETY: takes numbers.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
}

/// Once the inspector has ended, its descriptor's number belongs to another file: the child must not close that.
#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_closes_nothing_of_the_programs() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for has_ended in [true, false] {
        let mut runtime = Some(shown(folder.path()));
        if has_ended {
            drop(runtime.take());
        }
        let files: Vec<_> = (0..50)
            .map(|_| fs::File::open("/dev/null").unwrap())
            .collect();
        let assert_all_open = || {
            let files = files.iter().map(std::os::fd::AsRawFd::as_raw_fd);
            assert!(files.chain(0..3).all(is_open));
        };
        assert_succeeds(fork(|| {
            assert_all_open();
            // And in a child of the child.
            assert_succeeds(fork(assert_all_open));
        }));
    }
}

/// The socket gets the number of the standard input if the program has closed its standard input.
#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_closes_the_socket_that_is_number_0() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: takes a number; the process is this test's.
    unsafe { libc::close(0) };
    let _runtime = shown(folder.path());
    assert!(is_open(0));
    let (mut listens, mut len) = (0_i32, size_of::<i32>() as libc::socklen_t);
    let to = (&raw mut listens).cast();
    // SAFETY: the pointers are to a number and its length.
    let asked =
        unsafe { libc::getsockopt(0, libc::SOL_SOCKET, libc::SO_ACCEPTCONN, to, &raw mut len) };
    assert_eq!((asked, listens), (0, 1), "it is the inspector's");
    assert_succeeds(fork(|| assert!(!is_open(0))));
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_gets_no_thread_leaves_no_socket() {
    let test = this_test!();
    if !is_inner(test) {
        let mut again = once_more(test);
        let again = again.env("RUST_MIN_STACK", crate::system::STACK.to_string());
        assert!(again.status().unwrap().success());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shown_current = || {
        let mut builder = Builder::new_current_thread();
        builder
            .inspect(InspectOptions::new().path(folder.path()))
            .build()
    };
    {
        let _none = crate::system::NoThreads::new();
        let error = shown_current().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // The next runtime starts the inspector, and removes the socket at its end.
    let runtime = shown_current().unwrap();
    assert!(socket_in(folder.path()).exists());
    drop(runtime);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The system does not restart the thread's sleep after a signal.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_does_not_end_it() {
    extern "C" fn nothing(_: libc::c_int) {}

    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    client.hello();
    let handler = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, handler) };
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let name = |path: &Path| fs::read_to_string(path.join("comm")).unwrap();
    let server = tasks.map(|task| task.path());
    let server = server.filter(|path| name(path).trim() == THREAD);
    let server: Vec<_> = server.collect();
    let number: libc::pid_t = server[0]
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    for _ in 0..50 {
        // SAFETY: takes numbers; the thread is of this process.
        let sent =
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), number, libc::SIGUSR1) };
        assert_eq!(sent, 0);
        std::thread::yield_now();
        client.hello();
    }
}
