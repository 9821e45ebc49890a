//! The stack of a thread whose task blocks: `Builder::stall_stacks`.

use selvedge::runtime::Builder;
use selvedge::runtime::tasks::{Finding, FindingKind};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

/// Stands for code of a dependency.
#[inline(never)]
fn a_dependency_blocks(over: &Receiver<()>) {
    over.recv().unwrap();
}

/// The finding about a task that blocks until the finding has come.
fn stall(builder: &mut Builder) -> Finding {
    let (told, findings) = channel();
    let runtime = builder
        .enable_all()
        .on_finding(move |finding| {
            let _ = told.send(finding.clone());
        })
        .build()
        .unwrap();
    let (end, over) = channel();
    let blocks = selvedge::task::Builder::new().name("the one that blocks");
    let task = blocks.spawn_on(async move { a_dependency_blocks(&over) }, runtime.handle());
    // A current-thread runtime runs only while a thread is in its `block_on`.
    let runs = std::thread::spawn(move || runtime.block_on(task.unwrap()).unwrap());
    let is_stall = |finding: &Finding| finding.kind() == FindingKind::Stall;
    let finding = findings.iter().find(is_stall).unwrap();
    end.send(()).unwrap();
    runs.join().unwrap();
    finding
}

fn builders() -> [Builder; 2] {
    [Builder::new_multi_thread(), Builder::new_current_thread()]
}

fn names_it(finding: &Finding) -> bool {
    let mut stack = finding.stack().iter();
    stack.any(|function| function.contains("a_dependency_blocks"))
}

#[test]
fn the_function_that_blocks_is_named() {
    for mut builder in builders() {
        let finding = stall(builder.stall_stacks(true));
        assert!(names_it(&finding), "{finding}");
        // The stack goes from the function to the task's future; the worker's frames are left out.
        let stack = finding.stack();
        assert!(
            !stack.iter().any(|f| f.starts_with("runtime_core::worker")),
            "{finding}"
        );
        let text = finding.to_string();
        assert!(
            text.contains("\n    in ") && text.contains("\"the one that blocks\""),
            "{text}"
        );
        assert!(finding.to_json().contains("a_dependency_blocks"));
    }
}

/// Set in the child process, where only the environment asks for stacks.
const CHILD: &str = "STACKS_TEST_CHILD";

#[test]
fn the_environment_asks_too() {
    if std::env::var_os(CHILD).is_some() {
        let [mut builder, _] = builders();
        assert!(names_it(&stall(&mut builder)));
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stacks::the_environment_asks_too"])
        .env(CHILD, "1")
        .env("SELVEDGE_STALL_STACKS", "1")
        .status();
    assert!(status.unwrap().success());
}

/// Neither builder nor environment asks for stacks: no signal is sent.
#[test]
fn without_a_word_there_is_none() {
    if std::env::var_os(CHILD).is_some() {
        let [mut builder, _] = builders();
        let finding = stall(&mut builder);
        assert!(finding.stack().is_empty(), "{finding}");
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stacks::without_a_word_there_is_none"])
        .env(CHILD, "1")
        .env_remove("SELVEDGE_STALL_STACKS")
        .status();
    assert!(status.unwrap().success());
}
