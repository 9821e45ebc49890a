//! Tests of the server's steps, without its thread.

use crate::inspect::connection::{Connection, PATIENCE, Step};
use crate::inspect::registry::Registry;
use crate::inspect::server::{Service, millis, pause_after, step_of};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_sleep_is_rounded_up() {
    for (micros, expected) in [(0, 1), (999, 1), (1000, 2), (1001, 2), (7_500_000, 7501)] {
        assert_eq!(millis(Duration::from_micros(micros)), expected, "{micros}");
    }
    assert_eq!(millis(Duration::MAX), libc::c_int::MAX);
}

#[test]
fn a_client_that_has_gone_is_no_reason_to_pause() {
    for gone in [
        ErrorKind::WouldBlock,
        ErrorKind::Interrupted,
        ErrorKind::ConnectionAborted,
    ] {
        assert_eq!(pause_after(&gone.into()), None);
    }
    let error = Error::from_raw_os_error(libc::EMFILE);
    assert_eq!(pause_after(&error), Some(Duration::from_secs(1)));
}

/// A connection with the smallest send buffer, and its client.
fn connected() -> (Connection, UnixStream) {
    let (own, client) = UnixStream::pair().unwrap();
    let (least, len) = (1_i32, size_of::<i32>() as libc::socklen_t);
    let from = (&raw const least).cast();
    // SAFETY: the descriptor is open; the pointer is to a number.
    let set = unsafe {
        libc::setsockopt(
            own.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            from,
            len,
        )
    };
    assert_eq!(set, 0);
    (Connection::new(own).unwrap(), client)
}

fn service(connections: Vec<Connection>) -> Service {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("selvedge-step-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Service {
        listener,
        stopped: UnixStream::pair().unwrap().0,
        registry: Registry::empty(),
        connections,
        paused: None,
    }
}

#[test]
fn it_sleeps_until_the_first_that_is_due() {
    let (connection, mut client) = connected();
    let mut service = service(vec![connection]);
    assert_eq!(service.timeout(), -1);
    let hour = Duration::from_secs(3600);
    service.paused = Some(Instant::now() + hour);
    let long = service.timeout();
    assert!(long > 1_000_000, "{long}");
    client.write_all(b"{").unwrap();
    service.step(|_| true);
    let short = service.timeout();
    assert!(short <= millis(PATIENCE), "{short}");
}

#[test]
fn a_panic_ends_the_connection_it_comes_from() {
    let (mut connection, mut client) = connected();
    client.write_all(b"{}\n").unwrap();
    let step = step_of(&mut connection, || panic!("of a hook that ends"), true);
    assert_eq!(step, Step::Ends);
}

/// Two clients ask in the same step: the second gets an error, as the first is being sent a large answer.
#[test]
fn of_two_that_ask_for_large_answers_at_once_one_gets_it() {
    const TASKS: &[u8] = b"{\"protocol\":1,\"request\":\"tasks\"}\n";
    let pairs = [(); 3].map(|()| connected());
    let [(first, mut greedy), (second, mut other), (third, silent)] = pairs;
    let mut service = service(vec![third, first, second]);
    greedy.write_all(&TASKS.repeat(1000)).unwrap();
    other.write_all(TASKS).unwrap();
    let read = |client: &mut UnixStream| {
        let mut line = [0; 60];
        client.read_exact(&mut line).unwrap();
        String::from_utf8(line.to_vec()).unwrap()
    };
    // The client that has sent nothing is not ready.
    service.step(|at| at > 0);
    assert!(read(&mut other).contains("\"error\":\"busy\""));
    let large: Vec<bool> = service
        .connections
        .iter()
        .map(Connection::has_large)
        .collect();
    assert_eq!(large, [false, true, false]);
    // The second gets its answer in the step after the first has gone.
    drop(greedy);
    service.step(|at| at == 1);
    assert_eq!(service.connections.len(), 2);
    other.write_all(TASKS).unwrap();
    service.step(|at| at == 1);
    drop(silent);
    drop(service);
    let mut rest = String::new();
    other.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"answer\":\"tasks\""), "{rest}");
}
