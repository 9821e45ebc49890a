//! Calls outside of a runtime, or on a runtime without the needed driver.
#![allow(clippy::redundant_closure)] // A function that is passed on is called by the standard library, which is then the caller.

use super::told;
use crate::support::current;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener, UnixStream};
use tokio::runtime::{Builder, Handle};

const NO_RUNTIME: [&str; 4] = [
    "there is no reactor running, must be called from the context of a Tokio 1.x runtime",
    "`#[tokio::main]`",
    "`#[selvedge::main]`",
    "`Handle::enter`",
];

/// Polls as an executor does that is no runtime.
#[track_caller]
fn poll<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls an async block once: its `await`s are lines of the test.
fn first_poll<F: Future>(future: F) {
    let _ = poll(future);
}

#[test]
fn what_needs_a_runtime_says_so_where_it_is_called() {
    told!("Handle::current()", NO_RUNTIME, || Handle::current());
    told!("tokio::spawn(", NO_RUNTIME, || tokio::spawn(async {}));
    told!("spawn_blocking(", NO_RUNTIME, || {
        tokio::task::spawn_blocking(|| ())
    });
    told!("sleep(", NO_RUNTIME, || {
        tokio::time::sleep(Duration::from_millis(1))
    });
    told!("timeout(", NO_RUNTIME, || {
        tokio::time::timeout(Duration::from_millis(1), async {})
    });
    told!("interval(", NO_RUNTIME, || {
        tokio::time::interval(Duration::from_millis(1))
    });
    told!("UnixListener::bind(", NO_RUNTIME, || {
        let folder = tempfile::tempdir().unwrap();
        UnixListener::bind(folder.path().join("socket"))
    });
    told!("UnixStream::pair(", NO_RUNTIME, || UnixStream::pair());
    told!("from_std(", NO_RUNTIME, || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        UdpSocket::from_std(socket)
    });
    told!("signal(", NO_RUNTIME, || {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
    });
    told!("spawn()", NO_RUNTIME, || {
        tokio::process::Command::new("true").spawn()
    });
    told!(
        "spawn_local(",
        ["`spawn_local` called from outside", "`LocalSet::run_until`"],
        || tokio::task::spawn_local(async {})
    );
}

#[test]
fn what_is_awaited_says_so_where_it_is_awaited() {
    told!("bind(", NO_RUNTIME, || first_poll(async {
        drop(TcpListener::bind("127.0.0.1:0").await)
    }));
    told!("connect(", NO_RUNTIME, || first_poll(async {
        drop(TcpStream::connect("127.0.0.1:1").await)
    }));
    told!("connect(", NO_RUNTIME, || first_poll(async {
        let socket = TcpSocket::new_v4().unwrap();
        drop(socket.connect("127.0.0.1:1".parse().unwrap()).await)
    }));
    told!("UdpSocket::bind(", NO_RUNTIME, || first_poll(async {
        drop(UdpSocket::bind("127.0.0.1:0").await)
    }));
    told!("connect(", NO_RUNTIME, || first_poll(async {
        drop(UnixStream::connect("/nowhere").await)
    }));
    told!("ctrl_c()", NO_RUNTIME, || first_poll(async {
        drop(tokio::signal::ctrl_c().await)
    }));
}

#[test]
fn a_runtime_without_drivers_says_how_to_enable_them() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let no_time = ["timers are disabled", "Call `enable_time`"];
    let no_io = ["IO is disabled", "Call `enable_io`"];
    told!("sleep(", no_time, || runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(1)).await
    }));
    told!("timeout(", no_time, || runtime.block_on(async {
        tokio::time::timeout(Duration::from_millis(1), async {}).await
    }));
    told!("interval(", no_time, || runtime.block_on(async {
        tokio::time::interval(Duration::from_millis(1))
    }));
    told!(
        "pause()",
        ["time cannot be frozen", "Call `enable_time`"],
        || {
            runtime.block_on(async {
                tokio::time::pause();
            })
        }
    );
    told!("bind(", no_io, || runtime
        .block_on(async { TcpListener::bind("127.0.0.1:0").await }));
    told!("connect(", no_io, || runtime
        .block_on(async { UnixStream::connect("/nowhere").await }));
    told!("ctrl_c()", no_io, || runtime
        .block_on(async { tokio::signal::ctrl_c().await }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

#[test]
fn the_clock_is_not_frozen_outside_nor_twice() {
    let outside = ["outside the Tokio runtime", "start_paused"];
    told!("pause()", outside, || tokio::time::pause());
    told!("pause()", ["already frozen"], || current().block_on(
        async {
            tokio::time::pause();
            tokio::time::pause();
        }
    ));
}
