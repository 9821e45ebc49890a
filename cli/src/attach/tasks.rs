//! `selvedge ps PID`, `pstree PID` and `dump PID`: the tasks of a process, as a table, as a tree, and with all that is known.

use super::answer::{Finding, Findings, Runtime, Task, Tasks, span};
use super::client::{Client, Problem};
use super::find::{self, Target};
use super::ps::called;
use crate::Failure;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

/// The version of the objects' shapes: it grows when something is renamed or left out.
const VERSION: u32 = 1;

#[derive(clap::Args)]
pub struct Args {
    /// The process's number, or the path of its socket.
    #[arg(value_name = "PID", value_parser = find::target)]
    target: Target,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
}

/// A process's tasks: `cli/schema/tasks.json` (of `ps PID --json` and `dump --json`).
#[derive(Serialize)]
struct Process {
    version: u32,
    pid: u32,
    program: Option<String>,
    runtimes: Vec<OfRuntime>,
}

#[derive(Serialize)]
struct OfRuntime {
    #[serde(flatten)]
    runtime: Runtime,
    tasks: Vec<Task>,
    /// Only of `dump`.
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
}

/// `ps PID`.
pub fn table(target: &Target, is_json: bool) -> Result<(), Failure> {
    let process = look(&mut Client::connect(target)?)?;
    print(is_json, &process, |out| write_table(out, &process))
}

/// `pstree PID`.
pub fn tree(args: &Args) -> Result<(), Failure> {
    let process = look(&mut Client::connect(&args.target)?)?;
    let object = || {
        json!({
            "version": VERSION,
            "pid": process.pid,
            "program": process.program,
            "runtimes": process.runtimes.iter().map(branches).collect::<Vec<_>>(),
        })
    };
    let object = args.json.then(object);
    print(args.json, &object, |out| write_tree(out, &process))
}

/// `dump PID`.
pub fn dump(args: &Args) -> Result<(), Failure> {
    let process = look_closely(&mut Client::connect(&args.target)?)?;
    print(args.json, &process, |out| write_dump(out, &process))
}

/// The object of `dump --json`.
pub fn dumped(client: &mut Client) -> Result<Value, Failure> {
    Ok(serde_json::to_value(look_closely(client)?)?)
}

/// The tasks, and what is wrong.
fn look_closely(client: &mut Client) -> Result<Process, Problem> {
    let mut process = look(client)?;
    let findings: Findings = client.ask_patiently(json!({ "request": "findings" }))?;
    for list in findings.runtimes {
        let mut runtimes = process.runtimes.iter_mut();
        if let Some(of) = runtimes.find(|of| of.runtime.id == list.runtime) {
            of.findings = Some(list.findings);
        }
    }
    // Without findings: the runtime ended between the two answers.
    process.runtimes.retain(|of| of.findings.is_some());
    Ok(process)
}

fn print(
    is_json: bool,
    object: &impl Serialize,
    text: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if is_json {
        serde_json::to_writer_pretty(&mut out, object)?;
        writeln!(out)?;
    } else {
        text(&mut out)?;
    }
    Ok(out.flush()?)
}

fn look(client: &mut Client) -> Result<Process, Problem> {
    let tasks: Tasks = client.ask_patiently(json!({ "request": "tasks" }))?;
    let known = |id| client.hello.runtimes.iter().find(|r| r.id == id).cloned();
    // Tasks of local sets belong to no runtime, and are in every runtime's list.
    let mut local = BTreeSet::new();
    let runtimes = tasks.runtimes.into_iter().filter_map(|mut list| {
        list.tasks
            .retain(|task| task.kind != "local" || local.insert(task.id));
        Some(OfRuntime {
            runtime: known(list.runtime)?,
            tasks: list.tasks,
            findings: None,
        })
    });
    Ok(Process {
        version: VERSION,
        runtimes: runtimes.collect(),
        pid: client.hello.pid,
        program: client.hello.program.clone(),
    })
}

fn write_table(out: &mut impl Write, process: &Process) -> io::Result<()> {
    for (at, of) in process.runtimes.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let (runtime, count) = (called(&of.runtime), of.tasks.len());
        let up = span(Duration::from_nanos(of.runtime.uptime_nanos));
        writeln!(out, "runtime {runtime}, up {up}, tasks {count}")?;
        let rows: Vec<[String; 7]> = of.tasks.iter().map(row).collect();
        let header = [
            "ID",
            "NAME",
            "STATE",
            "AGE",
            "POLLS",
            "IN POLLS",
            "WAITS FOR",
        ];
        let header = header.map(str::to_owned);
        let all = || std::iter::once(&header).chain(&rows);
        let width = |column: usize| all().map(|row| row[column].chars().count()).max();
        let widths: [usize; 7] = std::array::from_fn(|column| width(column).unwrap_or(0));
        let places = std::iter::once("SPAWNED AT".to_owned());
        let places = places.chain(of.tasks.iter().map(|task| task.spawned_at.to_string()));
        for (row, place) in all().zip(places) {
            let [id, name, state, age, polls, busy, waits] = row;
            let [w_id, w_name, w_state, w_age, w_polls, w_busy, w_waits] = widths;
            writeln!(
                out,
                "{id:>w_id$}  {name:<w_name$}  {state:<w_state$}  {age:>w_age$}  {polls:>w_polls$}  {busy:>w_busy$}  \
                 {waits:<w_waits$}  {place}"
            )?;
        }
    }
    Ok(())
}

/// A time, if it is kept.
fn kept(nanos: Option<u64>) -> String {
    match nanos {
        None => "-".to_owned(),
        Some(nanos @ ..1_000_000) => format!("{}us", nanos / 1_000),
        Some(nanos @ ..1_000_000_000) => format!("{}ms", nanos / 1_000_000),
        Some(nanos) => span(Duration::from_nanos(nanos)),
    }
}

fn row(task: &Task) -> [String; 7] {
    [
        task.id.to_string(),
        name(task),
        task.doing(),
        kept(task.age_ns),
        task.polls.to_string(),
        kept(task.busy_ns),
        task.waiting(),
    ]
}

/// A task's name, or its kind if that is special.
fn name(task: &Task) -> String {
    match (&task.name, task.kind.as_str()) {
        (Some(name), _) => name.clone(),
        (None, "task") => "-".to_owned(),
        (None, kind) => format!("({kind})"),
    }
}

/// A runtime's tasks by their parents. A task whose parent is not there any more is a root.
struct Tree<'a> {
    roots: Vec<&'a Task>,
    children: BTreeMap<u64, Vec<&'a Task>>,
}

impl<'a> Tree<'a> {
    fn of(tasks: &'a [Task]) -> Tree<'a> {
        let ids: BTreeSet<u64> = tasks.iter().map(|task| task.id).collect();
        let mut tree = Tree {
            roots: Vec::new(),
            children: BTreeMap::new(),
        };
        for task in tasks {
            // A task is younger than its parent, so there are no cycles.
            match task.parent.filter(|p| ids.contains(p) && *p < task.id) {
                Some(parent) => tree.children.entry(parent).or_default().push(task),
                None => tree.roots.push(task),
            }
        }
        tree
    }

    /// All tasks in the tree's order, each with its depth. Without recursion: a chain of tasks may be long.
    fn walk(&self) -> Vec<(usize, &'a Task)> {
        let mut walk = Vec::new();
        let mut left: Vec<(usize, &Task)> = self.roots.iter().rev().map(|t| (0, *t)).collect();
        while let Some((depth, task)) = left.pop() {
            walk.push((depth, task));
            let children = self.children.get(&task.id).into_iter().flatten();
            left.extend(children.rev().map(|child| (depth + 1, *child)));
        }
        walk
    }
}

fn write_tree(out: &mut impl Write, process: &Process) -> io::Result<()> {
    let program = process.program.as_deref().unwrap_or("?");
    writeln!(out, "process {}  {program}", process.pid)?;
    for of in &process.runtimes {
        writeln!(out, "runtime {}", called(&of.runtime))?;
        for (depth, task) in Tree::of(&of.tasks).walk() {
            // Beyond that the line says how deep it is.
            let indent = "  ".repeat(1 + depth.min(40));
            let depth = match depth {
                0..=40 => String::new(),
                deeper => format!("[{deeper}] "),
            };
            writeln!(out, "{indent}{depth}{}", line(task))?;
        }
    }
    Ok(())
}

/// A task in a line.
fn line(task: &Task) -> String {
    let line = format!(
        "{} {}: {}, {} polls, spawned at {}",
        task.id,
        name(task),
        task.doing(),
        task.polls,
        task.spawned_at
    );
    match task.waiting() {
        waiting if waiting.is_empty() => line,
        waiting if task.lost => format!("{line}; {waiting}"),
        waiting => format!("{line}; waits for {waiting}"),
    }
}

/// A runtime for `pstree --json`: its tasks in the tree's order, each with its depth.
fn branches(of: &OfRuntime) -> Value {
    let tasks = Tree::of(&of.tasks).walk().into_iter().map(|(depth, task)| {
        let mut object = json!(task);
        object["depth"] = depth.into();
        object
    });
    let mut object = json!(of.runtime);
    object["tasks"] = tasks.collect();
    object
}

fn write_dump(out: &mut impl Write, process: &Process) -> io::Result<()> {
    let program = process.program.as_deref().unwrap_or("?");
    writeln!(out, "process {}  {program}", process.pid)?;
    for of in &process.runtimes {
        let findings = of.findings.as_deref().unwrap_or_default();
        writeln!(
            out,
            "\nruntime {}, up {}, workers {}, tasks {}, findings {}",
            called(&of.runtime),
            span(Duration::from_nanos(of.runtime.uptime_nanos)),
            of.runtime.workers,
            of.tasks.len(),
            findings.len()
        )?;
        for finding in findings {
            writeln!(out, "\n{}:", finding.kind)?;
            for line in finding.evidence.lines() {
                writeln!(out, "    {line}")?;
            }
            for function in &finding.stack {
                writeln!(out, "      in {function}")?;
            }
            writeln!(out, "  cure: {}", finding.cure)?;
        }
        writeln!(out)?;
        for task in &of.tasks {
            let parent = task.parent.map(|parent| format!(", child of {parent}"));
            writeln!(out, "{}{}", line(task), parent.unwrap_or_default())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u64, parent: Option<u64>) -> Task {
        let text = json!({
            "id": id, "kind": "task", "name": null, "parent": parent,
            "spawned_at": { "file": "/home/x/.cargo/registry/src/index-1/hyper-1.0.0/src/a.rs", "line": 7, "column": 3 },
            "state": "idle", "worker": null, "queued_ns": null, "polls": 2, "lost": false,
            "waits": [{ "kind": "mutex", "object": 16, "holder": 3, "handed_over": false, "task": null, "descriptor": null, "peer": null,
                        "remaining_ms": null, "number": null }],
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_time_has_the_unit_that_it_needs() {
        let told = [0, 900, 999_999, 1_000_000, 999_999_999, 1_500_000_000].map(|n| kept(Some(n)));
        assert_eq!(told, ["0us", "0us", "999us", "1ms", "999ms", "1.5s"]);
        assert_eq!(kept(None), "-");
    }

    #[test]
    fn the_tree_has_every_task_once_below_its_parent() {
        let tasks = [
            task(1, None),
            task(2, Some(1)),
            // Its parent has ended.
            task(5, Some(4)),
            task(6, Some(2)),
            task(7, Some(1)),
            // No runtime answers so; it must not make a cycle.
            task(8, Some(8)),
        ];
        let walk = Tree::of(&tasks).walk();
        let walk: Vec<(usize, u64)> = walk.iter().map(|(depth, t)| (*depth, t.id)).collect();
        assert_eq!(walk, [(0, 1), (1, 2), (2, 6), (1, 7), (0, 5), (0, 8)]);
        let long: Vec<Task> = (1..=50_000).map(|n| task(n, n.checked_sub(1))).collect();
        assert_eq!(Tree::of(&long).walk().last().unwrap().0, 49_999);
    }

    #[test]
    fn a_line_says_what_it_waits_for_and_where_it_is_from() {
        let mut task = task(9, None);
        let told = line(&task);
        assert_eq!(
            told,
            "9 -: idle, 2 polls, spawned at hyper-1.0.0/src/a.rs:7; waits for mutex 0x10, held by 3"
        );
        task.lost = true;
        assert!(line(&task).ends_with("; nothing can wake it"));
    }
}
