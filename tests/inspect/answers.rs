//! The inspector's answers: runtimes, figures, recordings, tasks, findings, mistakes.

use crate::support::within;
use crate::{Client, alone, number, numbers, shown, socket_in};
use selvedge::runtime::Builder;
use selvedge_trace::Recording;
use std::sync::{Arc, Barrier};

#[test]
fn every_runtime_is_shown_while_it_lives() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let first = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    assert_eq!(numbers(&client.hello(), "id").len(), 1);
    // The second runtime does not ask for the inspector, but is shown, as the inspector is there.
    let mut builder = Builder::new_current_thread();
    let second = builder.name("the \"second\"\n").build().unwrap();
    let hello = client.hello();
    let ids = [first.handle().id(), second.handle().id()].map(|id| id.as_u64());
    assert_eq!(numbers(&hello, "id"), ids);
    assert_eq!(numbers(&hello, "workers"), [2, 1]);
    assert!(
        hello.contains("\"name\":\"the \\\"second\\\"\\u000a\",\"flavor\":\"current_thread\""),
        "{hello}"
    );
    drop(first);
    assert_eq!(numbers(&client.hello(), "id"), ids[1..]);
    drop(second);
    assert_eq!(client.line(), "");
    assert!(!socket_in(folder.path()).exists());
}

#[test]
fn the_figures_are_those_of_the_metrics() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100).map(|_| selvedge::spawn(async {})).collect();
        for task in tasks {
            task.await.unwrap();
        }
        selvedge::task::spawn_blocking(|| {}).await.unwrap();
    });
    let lasting = runtime.spawn(std::future::pending::<()>());
    // The wait for a task ends before its worker has counted the poll.
    let answer = within(60, move || {
        loop {
            let answer = client.ask("\"request\":\"metrics\"");
            let polls: u64 = numbers(&answer, "polls").iter().sum();
            if polls >= 100 && number(&answer, "alive_tasks") == 1 {
                return answer;
            }
        }
    });
    assert_eq!(number(&answer, "spawned_tasks"), 101);
    assert_eq!(number(&answer, "blocking_threads"), 1);
    assert_eq!(numbers(&answer, "index"), [0, 1]);
    assert!(answer.contains("\"poll_times\":null"), "{answer}");
    lasting.abort();
}

#[test]
fn histograms_are_told_where_they_are_kept() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Builder::new_current_thread();
    let builder = builder.enable_metrics_poll_time_histogram();
    let runtime = builder.inspect(crate::options(folder.path())).build();
    let runtime = runtime.unwrap();
    runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    let answer = Client::new(&socket_in(folder.path())).ask("\"request\":\"metrics\"");
    let from = numbers(&answer, "from_nanos");
    assert_eq!(
        from.len(),
        runtime.metrics().poll_time_histogram_num_buckets()
    );
    assert!(from.is_sorted() && from[0] == 0, "{answer}");
    assert_eq!(numbers(&answer, "count").iter().sum::<u64>(), 1);
}

#[test]
fn it_answers_while_all_workers_and_the_pool_are_stuck() {
    let _alone = alone();
    within(60, || {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(2).max_blocking_threads(1);
        let runtime = builder.inspect(crate::options(folder.path())).build();
        let runtime = runtime.unwrap();
        let (all_stuck, go_on) = (Arc::new(Barrier::new(4)), Arc::new(Barrier::new(4)));
        let stuck = || {
            let (all_stuck, go_on) = (all_stuck.clone(), go_on.clone());
            move || {
                all_stuck.wait();
                go_on.wait();
            }
        };
        for _ in 0..2 {
            let block = stuck();
            runtime.spawn(async move { block() });
        }
        runtime.spawn_blocking(stuck());
        runtime.spawn_blocking(|| {});
        all_stuck.wait();
        let mut client = Client::new(&socket_in(folder.path()));
        client.hello();
        let answer = client.ask("\"request\":\"metrics\"");
        assert_eq!(answer.matches("\"state\":\"awake\"").count(), 2, "{answer}");
        assert_eq!(number(&answer, "blocking_queue_depth"), 1);
        go_on.wait();
    });
}

#[test]
fn a_current_thread_runtime_is_not_driven_between_two_calls() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Builder::new_current_thread();
    let runtime = builder.inspect(crate::options(folder.path())).build();
    let runtime = runtime.unwrap();
    let mut client = Client::new(&socket_in(folder.path()));
    let told = client.ask("\"request\":\"metrics\"");
    assert!(told.contains("\"state\":\"not_driven\""), "{told}");
    let told = runtime.block_on(async { client.ask("\"request\":\"metrics\"") });
    assert!(told.contains("\"state\":\"awake\""), "{told}");
}

const START: &str = "\"request\":\"record\",\"action\":\"start\"";
const STOP: &str = "\"request\":\"record\",\"action\":\"stop\"";
const SNAPSHOT: &str = "\"request\":\"record\",\"action\":\"snapshot\"";

#[test]
fn a_recording_is_begun_taken_and_ended() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    let answer = client.ask(&format!("{START},\"ring_bytes\":65536"));
    assert!(answer.contains("\"recording\":true"), "{answer}");
    assert!(client.hello().contains("\"recording\":true"));
    runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
    let answer = client.ask(SNAPSHOT);
    let bytes = client.bytes(number(&answer, "bytes"));
    let recording = Recording::read(&bytes).unwrap();
    assert_eq!(recording.process, u64::from(std::process::id()));
    assert!(!recording.events.is_empty());
    // The next answer follows the bytes.
    let answer = client.ask(STOP);
    assert!(answer.contains("\"recording\":false"), "{answer}");
    assert!(!runtime.handle().recorder().is_on());
}

#[test]
fn a_recording_ends_with_the_client_that_has_begun_it() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let recorder = runtime.handle().recorder();
    let socket = socket_in(folder.path());
    let mut client = Client::new(&socket);
    client.ask(START);
    // Another client may ask questions, but may not end the recording.
    let mut other = Client::new(&socket);
    assert!(other.ask(START).contains("\"error\":\"recording\""));
    assert!(other.ask(STOP).contains("\"error\":\"recording\""));
    drop(other);
    client.hello();
    assert!(recorder.is_on());
    drop(client);
    within(60, move || {
        while recorder.is_on() {
            std::thread::yield_now();
        }
    });
}

#[test]
fn what_the_program_records_itself_is_left_alone() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let recorder = runtime.handle().recorder();
    let mut client = Client::new(&socket_in(folder.path()));
    client.ask(START);
    // This ends the client's recording; the new one does not end with the client.
    recorder.start(&Default::default()).unwrap();
    client.ask(STOP);
    assert!(recorder.is_on());
    let answer = client.ask(SNAPSHOT);
    assert!(!client.bytes(number(&answer, "bytes")).is_empty());
    recorder.stop();
}

#[test]
fn mistakes_are_answered() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let _runtime = shown(folder.path());
    let mut client = Client::new(&socket_in(folder.path()));
    for (request, error) in [
        (
            "{\"protocol\":1,\"request\":\"weather\"}",
            "unknown_request",
        ),
        ("{\"protocol\":2,\"request\":\"metrics\"}", "version"),
        ("{\"request\":\"metrics\"}", "version"),
        ("{\"protocol\":1,\"request\":\"record\"}", "bad_request"),
        ("GET / HTTP/1.1", "bad_request"),
        ("", "bad_request"),
    ] {
        client.send(format!("{request}\n").as_bytes());
        let answer = client.line();
        assert!(
            answer.contains(&format!("\"error\":\"{error}\"")),
            "{answer}"
        );
    }
    // A `hello` of any version is answered with this version.
    client.send(b"{\"protocol\":7,\"request\":\"hello\"}\n");
    assert!(
        client
            .line()
            .starts_with("{\"protocol\":1,\"answer\":\"hello\"")
    );
}

#[test]
fn tasks_and_what_they_wait_for_are_told_and_what_is_wrong_with_them() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runtime = shown(folder.path());
    let lock = Arc::new(selvedge::sync::Mutex::new(()));
    let held = runtime.block_on(lock.clone().lock_owned());
    let waits = lock.clone();
    let named = selvedge::task::Builder::new().name("the waiter");
    let named = named.spawn_on(
        async move {
            let _first = waits.lock().await;
            let _second = waits.lock().await;
        },
        runtime.handle(),
    );
    let task = named.unwrap();
    let mut client = Client::new(&socket_in(folder.path()));
    let mut told_after = |request: &str, words: &str| {
        let request = format!("\"request\":\"{request}\"");
        loop {
            let told = client.ask(&request);
            if told.contains(words) {
                return told;
            }
            std::thread::yield_now();
        }
    };
    let told = told_after("tasks", "\"kind\":\"mutex\"");
    assert!(told.contains("\"name\":\"the waiter\""), "{told}");
    assert!(told.contains("tests/inspect/answers.rs"), "{told}");
    assert_eq!(
        numbers(&told, "id"),
        [task.id().to_string().parse().unwrap()]
    );
    // There is no finding yet.
    let told = told_after("findings", "\"runtime\"");
    assert!(told.ends_with("\"findings\":[]}]}\n"), "{told}");
    drop(held);
    let told = told_after("findings", "\"kind\":\"deadlock\"");
    assert!(told.contains("the waiter"), "{told}");
    task.abort();
}
