//! Tests of one client, step by step: what it waits for, and how long it may take.

use crate::inspect::connection::{Connection, PATIENCE, Step};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

const HELLO: &[u8] = b"{\"protocol\":1,\"request\":\"hello\"}\n";
const TASKS: &[u8] = b"{\"protocol\":1,\"request\":\"tasks\"}\n";

fn connected() -> (Connection, UnixStream) {
    let (own, client) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    (Connection::new(own).unwrap(), client)
}

fn step(connection: &mut Connection) -> Step {
    connection.step(Vec::new, true)
}

/// What the client can read.
fn read(client: &mut UnixStream) -> String {
    let mut text = Vec::new();
    match client.read_to_end(&mut text) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
        _ => String::from_utf8(text).unwrap(),
    }
}

/// Was the deadline set after `since`?
#[track_caller]
fn assert_patient(connection: &Connection, since: Instant) {
    let deadline = connection.deadline().unwrap();
    let now = Instant::now();
    assert!(since + PATIENCE <= deadline && deadline <= now + PATIENCE);
}

#[test]
fn half_a_request_has_the_time_that_began_with_its_first_byte() {
    let (mut connection, mut client) = connected();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.deadline(), None);
    assert_eq!(connection.interest(), libc::POLLIN);
    let since = Instant::now();
    client.write_all(&HELLO[..5]).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_patient(&connection, since);
    let deadline = connection.deadline();
    client.write_all(&HELLO[5..9]).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.deadline(), deadline);
    client.write_all(&HELLO[9..]).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.deadline(), None);
    assert!(read(&mut client).ends_with("\"runtimes\":[]}\n"));
    // The next request has begun.
    let since = Instant::now();
    client.write_all(&[HELLO, &HELLO[..3]].concat()).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_patient(&connection, since);
}

#[test]
fn an_answer_that_is_not_read_has_its_time_and_comes_whole() {
    let (mut connection, mut client) = connected();
    let mut asked = 0;
    let mut since = Instant::now();
    while connection.interest() == libc::POLLIN {
        client.write_all(TASKS).unwrap();
        asked += 1;
        since = Instant::now();
        assert_eq!(step(&mut connection), Step::Stays);
        assert_eq!(
            connection.has_large(),
            connection.interest() == libc::POLLOUT
        );
    }
    assert_eq!(connection.interest(), libc::POLLOUT);
    assert_patient(&connection, since);
    // It makes no progress, and gets no more time.
    let deadline = connection.deadline();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.deadline(), deadline);
    // A request meanwhile is answered when there is room.
    client.write_all(HELLO).unwrap();
    let mut text = String::new();
    while connection.interest() == libc::POLLOUT {
        text += &read(&mut client);
        assert_eq!(step(&mut connection), Step::Stays);
    }
    text += &read(&mut client);
    assert!(!connection.has_large());
    assert_eq!(connection.deadline(), None);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), asked + 1);
    let tasks = "{\"protocol\":1,\"answer\":\"tasks\",\"runtimes\":[]}";
    assert!(lines[..asked].iter().all(|line| *line == tasks));
    assert!(lines[asked].contains("\"answer\":\"hello\""));
}

/// The time starts anew with each part that the client takes.
#[test]
fn an_answer_that_gets_on_has_more_time() {
    let (mut connection, mut client) = connected();
    let message = "x".repeat(4 << 20);
    assert_eq!(connection.refuse("large", &message), Step::Stays);
    client.read_exact(&mut vec![0; 128 << 10]).unwrap();
    let since = Instant::now();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.interest(), libc::POLLOUT);
    assert_patient(&connection, since);
}

#[test]
fn an_answer_of_which_nothing_is_taken_has_its_time_too() {
    let (own, mut client) = UnixStream::pair().unwrap();
    let mut full = own.try_clone().unwrap();
    let mut connection = Connection::new(own).unwrap();
    while full.write(&[b' '; 4096]).is_ok() {}
    client.write_all(&HELLO[..5]).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    // The request's time does not count for the answer.
    let since = Instant::now();
    client.write_all(&HELLO[5..]).unwrap();
    assert_eq!(step(&mut connection), Step::Stays);
    assert_eq!(connection.interest(), libc::POLLOUT);
    assert_patient(&connection, since);
}

#[test]
fn a_client_that_goes_ends_its_connection() {
    let (mut connection, client) = connected();
    drop(client);
    assert_eq!(step(&mut connection), Step::Ends);
    // Also a client that has asked, and reads nothing.
    let (mut connection, mut client) = connected();
    client.write_all(HELLO).unwrap();
    drop(client);
    assert_eq!(step(&mut connection), Step::Ends);
    // And a client that has not read all of its answers.
    let (mut connection, mut client) = connected();
    while connection.interest() == libc::POLLIN {
        client.write_all(HELLO).unwrap();
        assert_eq!(step(&mut connection), Step::Stays);
    }
    drop(client);
    assert_eq!(step(&mut connection), Step::Ends);
}

#[test]
fn a_refusal_is_the_last_that_is_sent() {
    let (mut connection, mut client) = connected();
    client.write_all(HELLO).unwrap();
    assert_eq!(connection.refuse("busy", "later"), Step::Ends);
    drop(connection);
    let mut text = String::new();
    // The request was not read.
    let _ = client.read_to_string(&mut text);
    assert!(text.contains("\"error\":\"busy\""), "{text}");
    assert_eq!(text.lines().count(), 1);
}
