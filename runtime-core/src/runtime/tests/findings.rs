//! Tests of the findings in made-up lists, also against a model.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn id(number: u64) -> Id {
    Id::from_number(number).unwrap()
}

fn wait(kind: WaitKind, what: u64, holder: Option<(u64, bool)>) -> Wait {
    let held = holder.map(|(task, is_handed_over)| Held {
        task,
        is_handed_over,
    });
    Wait {
        kind,
        what,
        held,
        now: 0,
    }
}

fn joins(task: u64) -> Wait {
    wait(WaitKind::Join, task, None)
}

fn locks(holder: u64) -> Wait {
    wait(WaitKind::Mutex, 100 + holder, Some((holder, false)))
}

fn task(number: u64, waits: Vec<Wait>) -> TaskInfo {
    TaskInfo {
        id: id(number),
        kind: TaskKind::Task,
        name: None,
        parent: None,
        spawned_at: Location::caller(),
        state: TaskState::Idle,
        polls: 1,
        waits,
        is_lost: false,
        times: None,
    }
}

fn list(tasks: Vec<TaskInfo>) -> TaskList {
    TaskList {
        runtime: handle::Id::next(),
        tasks,
    }
}

fn numbers(finding: &Finding) -> Vec<u64> {
    finding.tasks().iter().map(|id| id.as_u64()).collect()
}

/// The findings in `before`, if the second list is `after`.
fn found(before: &TaskList, after: &TaskList) -> Vec<Vec<u64>> {
    let findings = findings::of(before, || after.clone());
    findings.iter().map(numbers).collect()
}

/// Two tasks that hold each other's lock. The second also waits for a third, which waits for the first.
fn circle() -> TaskList {
    list(vec![
        task(1, vec![locks(2)]),
        task(2, vec![locks(1), joins(3)]),
        task(3, vec![joins(1)]),
    ])
}

#[test]
fn a_circle_that_stands_still_is_found_without_who_waits_for_it() {
    let tasks = circle();
    assert_eq!(found(&tasks, &tasks), [[1, 2]]);
    let findings = findings::of(&tasks, || tasks.clone());
    let expected = format!("{}\n{}", tasks.tasks[0], tasks.tasks[1]);
    assert_eq!(findings[0].evidence(), expected);
    let json = format!(
        "{{\"kind\":\"deadlock\",\"tasks\":[1,2],\"evidence\":\"{}\",\"cure\":\"{}\",\"stack\":[]}}",
        expected.replace('\n', "\\u000a"),
        findings[0].cure()
    );
    assert_eq!(findings[0].to_json(), json);
    // A finding with a stack shows it, one line for each function.
    let stack = vec!["read at file.rs:1".to_owned(), "main".to_owned()];
    let finding = findings[0].clone().with_stack(stack);
    let json = finding.to_json();
    assert!(
        json.ends_with(",\"stack\":[\"read at file.rs:1\",\"main\"]}"),
        "{json}"
    );
    let text = finding.to_string();
    assert!(
        text.contains("\n    in read at file.rs:1\n    in main\ncure: "),
        "{text}"
    );
}

#[test]
fn what_has_changed_between_two_looks_is_no_finding() {
    let tasks = circle();
    let none: [Vec<u64>; 0] = [];
    let changes: [fn(&mut TaskList); 6] = [
        |after| after.tasks[0].polls = 2,
        |after| after.tasks[0].state = TaskState::Queued { since: None },
        |after| drop(after.tasks.remove(0)),
        |after| after.tasks[0].waits[0] = locks(3),
        |after| after.tasks[1].waits[1] = joins(1),
        // The circle has not moved, but the third task may end it.
        |after| after.tasks[2].polls = 2,
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut after = tasks.clone();
        change(&mut after);
        assert_eq!(found(&tasks, &after), none, "change {at}");
    }
    let with = |kind, object, holder| {
        let second = wait(kind, object, Some((holder, false)));
        list(vec![
            task(1, vec![locks(2)]),
            task(2, vec![locks(1), second]),
        ])
    };
    let before = with(WaitKind::Mutex, 7, 1);
    assert_eq!(found(&before, &before), [[1, 2]]);
    for (kind, object, holder) in [
        (WaitKind::Read, 7, 1),
        (WaitKind::Mutex, 8, 1),
        (WaitKind::Mutex, 7, 2),
    ] {
        let after = with(kind, object, holder);
        assert_eq!(found(&before, &after), none, "{kind} {object} {holder}");
    }
    // A task that is stuck only in the second list.
    assert_eq!(found(&list(vec![task(1, vec![])]), &tasks), none);
}

#[test]
fn what_else_was_seen_comes_after_the_tasks() {
    let tasks = circle();
    let with = |tasks: &[&TaskInfo]| Finding::with(FindingKind::Stall, tasks, "and more");
    assert_eq!(with(&[]).evidence(), "and more");
    let [first, second, _] = &tasks.tasks[..] else {
        unreachable!("there are three")
    };
    let expected = format!("{first}\n{second}\nand more");
    assert_eq!(with(&[first, second]).evidence(), expected);
}

/// A second list costs as much as the first.
#[test]
fn nobody_looks_again_where_nothing_is_stuck() {
    let mut lost = task(1, vec![]);
    lost.is_lost = true;
    let tasks = list(vec![lost, task(2, vec![joins(1)])]);
    let findings = findings::of(&tasks, || panic!("a second look"));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind(), FindingKind::LostTask);
    assert_eq!(numbers(&findings[0]), [1]);
}

/// The largest set of idle tasks all of whose waits are for tasks of the set, by trying each set.
fn stuck(tasks: &TaskList) -> BTreeSet<u64> {
    let all: Vec<&TaskInfo> = tasks.iter().collect();
    let mut largest = BTreeSet::new();
    for bits in 0..1 << all.len() {
        let is_in = |number: u64| bits >> (number - 1) & 1 == 1;
        let members = all.iter().filter(|task| is_in(task.id.as_u64()));
        let is_stuck = |task: &&TaskInfo| {
            let known = (1..waits::MOST).contains(&task.waits.len());
            let mut blockers = task.waits.iter().map(|wait| match wait.kind {
                WaitKind::Join => Some(wait.what),
                WaitKind::Notify => None,
                _ => wait.held.map(|held| held.task),
            });
            task.state == TaskState::Idle && known && blockers.all(|of| of.is_some_and(is_in))
        };
        if members.clone().all(is_stuck) {
            largest.extend(members.map(|task| task.id.as_u64()));
        }
    }
    largest
}

const TASKS: u64 = 5;

fn any_wait() -> impl Strategy<Value = Wait> {
    let kinds = prop_oneof![
        3 => Just(WaitKind::Join),
        3 => Just(WaitKind::Mutex),
        1 => Just(WaitKind::Read),
        1 => Just(WaitKind::Write),
        1 => Just(WaitKind::Notify),
    ];
    (kinds, 1..=TASKS, prop::bool::weighted(0.1)).prop_map(|(kind, other, is_handed_over)| {
        let held =
            (!matches!(kind, WaitKind::Join | WaitKind::Notify)).then_some((other, is_handed_over));
        wait(kind, other, held)
    })
}

fn any_list() -> impl Strategy<Value = TaskList> {
    let counts = prop_oneof![8 => Just(1), 4 => 0..=waits::MOST];
    let waits = counts.prop_flat_map(|count| prop::collection::vec(any_wait(), count));
    let states = prop_oneof![
        9 => Just(TaskState::Idle),
        1 => Just(TaskState::Running { worker: None }),
    ];
    let tasks = prop::collection::vec((waits, states), 1..=TASKS as usize);
    tasks.prop_map(|tasks| {
        let tasks = (1..).zip(tasks).map(|(number, (waits, state))| {
            let mut task = task(number, waits);
            task.state = state;
            task
        });
        list(tasks.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn each_circle_of_stuck_tasks_is_found_once(tasks in any_list()) {
        let stuck = stuck(&tasks);
        let next = |number: u64| {
            let wait = tasks.get(id(number)).unwrap().waits[0];
            match wait.kind {
                WaitKind::Join => wait.what,
                _ => wait.held.unwrap().task,
            }
        };
        // The circle to which each stuck task leads.
        let mut expected = BTreeSet::new();
        for start in &stuck {
            let entry = (0..TASKS).fold(*start, |at, _| next(at));
            let mut circle = BTreeSet::from([entry]);
            let mut at = next(entry);
            while circle.insert(at) {
                at = next(at);
            }
            expected.insert(circle);
        }
        let findings = findings::of(&tasks, || tasks.clone());
        let sets: BTreeSet<BTreeSet<u64>> = findings.iter().map(|f| numbers(f).into_iter().collect()).collect();
        prop_assert_eq!(&sets, &expected);
        prop_assert_eq!(findings.len(), expected.len());
        for finding in &findings {
            let circle = numbers(finding);
            for (at, number) in circle.iter().enumerate() {
                prop_assert_eq!(next(*number), circle[(at + 1) % circle.len()]);
            }
            let waits = circle.iter().flat_map(|number| tasks.get(id(*number)).unwrap().waits());
            let kind = match waits.clone().any(Wait::is_handed_over) {
                true => FindingKind::Futurelock,
                false => FindingKind::Deadlock,
            };
            prop_assert_eq!(finding.kind(), kind);
        }
    }
}
