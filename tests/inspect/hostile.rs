//! Hostile clients: they send garbage, too much, half a request or nothing, or do not read.

use crate::support::{in_own_process, within};
use crate::{Client, alone, shown, socket_in};
use proptest::prelude::*;
use std::net::Shutdown;

/// Bytes that look more or less like requests.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        Just(b"\n".to_vec()),
        Just(b"{\"protocol\":1,\"request\":\"hello\"}\n".to_vec()),
        Just(b"{\"protocol\":1,\"request\":\"metrics\"}\n".to_vec()),
        Just(
            b"{\"protocol\":1,\"request\":\"record\",\"action\":\"start\",\"ring_bytes\":".to_vec()
        ),
        "[{}\":,0-9a-z\\\\ ]{0,40}".prop_map(String::into_bytes),
        Just(vec![b'x'; 5000]),
    ];
    proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

#[test]
fn whatever_one_client_sends_the_next_is_answered() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let socket = socket_in(folder.path());
    let config = ProptestConfig::with_cases(300);
    proptest!(config, |(bytes in bytes(), waits in any::<bool>())| {
        let mut client = Client::new(&socket);
        // The server may have closed the connection by now.
        let _ = std::io::Write::write_all(client.0.get_mut(), &bytes);
        if waits {
            client.0.get_ref().shutdown(Shutdown::Write).unwrap();
            let mut line = vec![];
            while let Ok(1..) = std::io::BufRead::read_until(&mut client.0, b'\n', &mut line) {
                prop_assert!(line.starts_with(b"{\"protocol\":1,"), "{:?}", line);
                line.clear();
            }
        }
        drop(client);
        Client::new(&socket).hello();
    });
}

#[test]
fn a_request_without_end_is_refused() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    client.send(&[b' '; 4096]);
    assert!(client.line().contains("\"error\":\"too_long\""));
    assert_eq!(client.line(), "");
    // A request of the greatest length is read.
    let mut client = Client::new(&socket_in(folder.path()));
    let request = "{\"protocol\":1,\"request\":\"hello\"}";
    client.send(format!("{request:4095}\n").as_bytes());
    assert!(client.line().contains("\"answer\":\"hello\""));
}

#[test]
fn half_a_request_is_not_waited_for_forever() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let socket = socket_in(folder.path());
    let mut slow = Client::new(&socket);
    slow.send(b"{\"protocol\":1,");
    // A client that sends nothing may stay.
    let mut silent = Client::new(&socket);
    assert_eq!(slow.line(), "");
    silent.hello();
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    let pair = "{\"protocol\":1,\"request\":\"hello\"}\n{\"protocol\":1,\"request\":\"metrics\"}\n";
    let half = pair.len() * 50 + 7;
    let all = pair.repeat(100);
    client.send(&all.as_bytes()[..half]);
    client.send(&all.as_bytes()[half..]);
    for _ in 0..100 {
        assert!(client.line().contains("\"answer\":\"hello\""));
        assert!(client.line().contains("\"answer\":\"metrics\""));
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let recorder = runtime.handle().recorder();
    // A recording that is larger than a socket's buffers.
    let options = selvedge::runtime::RecordOptions::new().ring_bytes(4 << 20);
    recorder.start(&options).unwrap();
    runtime.block_on(async {
        let marks = selvedge::spawn(async move {
            for n in 0..100_000 {
                recorder.mark("n", n);
            }
        });
        marks.await.unwrap();
    });
    let socket = socket_in(folder.path());
    let snapshot = "\"request\":\"record\",\"action\":\"snapshot\"";
    let mut greedy = Client::new(&socket);
    let answer = greedy.ask(snapshot);
    assert!(crate::number(&answer, "bytes") > 1_000_000);
    let mut other = Client::new(&socket);
    other.hello();
    assert!(other.ask(snapshot).contains("\"error\":\"busy\""));
    // Once the first client has gone, its snapshot's memory is free.
    drop(greedy);
    within(60, move || {
        while other.ask(snapshot).contains("\"error\":\"busy\"") {
            std::thread::yield_now();
        }
    });
    recorder.stop();
}

#[test]
fn one_client_too_many_is_told() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let socket = socket_in(folder.path());
    let mut clients: Vec<Client> = (0..16).map(|_| Client::new(&socket)).collect();
    clients.iter_mut().for_each(|client| {
        client.hello();
    });
    let mut another = Client::new(&socket);
    assert!(another.line().contains("\"error\":\"busy\""));
    assert_eq!(another.line(), "");
    clients.iter_mut().for_each(|client| {
        client.hello();
    });
    // Once a client has gone, there is room for another.
    drop(clients.pop());
    within(60, move || {
        loop {
            let mut another = Client::new(&socket);
            let _ = std::io::Write::write_all(
                another.0.get_mut(),
                b"{\"protocol\":1,\"request\":\"hello\"}\n",
            );
            if another.line().contains("\"answer\":\"hello\"") {
                break;
            }
        }
    });
}

/// A program may have given SIGPIPE its default action back.
#[test]
fn a_client_that_goes_in_the_middle_of_an_answer_does_not_end_the_process() {
    if !in_own_process!() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    // SAFETY: the default action is no code.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let options = selvedge::runtime::RecordOptions::new().ring_bytes(1 << 20);
    runtime.handle().recorder().start(&options).unwrap();
    runtime.block_on(async {
        for _ in 0..20_000 {
            selvedge::task::yield_now().await;
            runtime.handle().recorder().mark("n", 1);
        }
    });
    let socket = socket_in(folder.path());
    for _ in 0..20 {
        let mut client = Client::new(&socket);
        client.ask("\"request\":\"record\",\"action\":\"snapshot\"");
        drop(client);
        Client::new(&socket).hello();
    }
}
