//! The page in a real browser: `cargo test -p selvedge-cli --test page -- --ignored`, with `chromium` on the path.
//!
//! A script beside the page's own does what a reader does, by events of the DOM, and writes what it sees into the document, which the browser
//! prints.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A recording by hand, of polls `(task, thread, begin, end)` in microseconds, and the wakes `(at, thread, task)`.
fn recording(polls: &[(u64, u64, u64, u64)], wakes: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut records = Vec::new();
    for &(task, thread, begin, end) in polls {
        records.push([begin * 1000, 4 | thread << 8, task, 0]);
        records.push([end * 1000, 5 | thread << 8, task, 0]);
    }
    for &(at, thread, task) in wakes {
        records.push([at * 1000, 7 | thread << 8 | 1 << 24, task, 0]);
    }
    // Of a worker, so that a long poll is a stall.
    for thread in 1..=2 {
        records.push([0, 20 | thread << 8 | (thread - 1) << 24, 1, 0]);
    }
    records.sort_by_key(|record| record[0]);
    let count = records.len() as u64;
    let mut words = vec![0; 512];
    words[0] = u64::from_le_bytes(*b"SELVEDGE");
    words[1] = 1;
    words[6] = 1 << 32;
    words.extend([3, (8 + 4 * count) * 8, 0, count, 0, 0, 0, 0]);
    words.extend(records.iter().flatten());
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What a script sees on the page of a recording, a line each.
fn seen(name: &str, recording: &[u8], script: &str) -> Vec<String> {
    let place: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (file, page) = (
        place.with_extension("recording"),
        place.with_extension("html"),
    );
    std::fs::write(&file, recording).unwrap();
    let report = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .arg("report")
        .arg(&file)
        .arg("--html")
        .arg(&page)
        .output()
        .unwrap();
    assert!(report.status.success(), "{report:?}");
    let text = std::fs::read_to_string(&page).unwrap();
    let script = format!(
        "<script>const say = what => {{ const p = document.createElement('pre'); p.className = 'said'; \
         p.textContent = what; document.body.append(p); }};\n{{ {script} }}</script></body>"
    );
    std::fs::write(&page, text.replace("</body>", &script)).unwrap();
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1400,800",
        ])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            place.with_extension("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("chromium: `apt-get install chromium`");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    dom.split("<pre class=\"said\">")
        .skip(1)
        .filter_map(|part| part.split_once("</pre>"))
        .map(|(said, _)| said.to_owned())
        .collect()
}

/// Task 7 wakes task 9, which then keeps its worker for 40 ms.
fn with_a_stall() -> Vec<u8> {
    let mut polls: Vec<_> = (0..200).map(|n| (3, 1, n * 100, n * 100 + 20)).collect();
    polls.extend([
        (7, 1, 30_000, 30_050),
        (9, 2, 30_060, 70_060),
        (3, 1, 80_000, 80_010),
    ]);
    recording(&polls, &[(30_020, 1, 9)])
}

#[test]
#[ignore = "needs chromium"]
fn the_culprit_is_found_in_a_click_and_its_waker_in_a_second() {
    let script = r#"
        const finding = document.querySelector(".finding");
        say(finding.textContent.includes("40.0 ms"));
        finding.click();
        say(report.chosen());
        const [from, to] = report.view();
        say(from < 30.06e6 && to > 70.06e6 && to - from < 200e6);
        say(document.getElementById("side").textContent.includes("woken bytask 7"));
        document.getElementById("waker").click();
        say(report.chosen());
        document.getElementById("back").click();
        say(JSON.stringify(report.view()) === JSON.stringify([from, to]));
        say(location.hash.includes("task=7"));
    "#;
    let seen = seen("stall", &with_a_stall(), script);
    assert_eq!(seen, ["true", "9", "true", "true", "7", "true", "true"]);
}

#[test]
#[ignore = "needs chromium"]
fn keys_zoom_and_a_search_names_what_it_finds() {
    let script = r#"
        const key = key => dispatchEvent(new KeyboardEvent("keydown", { key }));
        const width = () => report.view()[1] - report.view()[0];
        const whole = width();
        key("w"); key("w");
        say(width() < whole * 0.5);
        const before = report.view()[0];
        key("d");
        say(report.view()[0] > before);
        key("f");
        say(width() === whole);
        const search = document.getElementById("search");
        search.value = "3"; search.dispatchEvent(new Event("input"));
        say(document.querySelectorAll("table [data-task]").length);
        search.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
        say(report.chosen());
        document.getElementById("next").click(); document.getElementById("next").click();
        say(report.poll());
        const view = document.getElementById("view");
        view.dispatchEvent(new WheelEvent("wheel", { deltaY: -200, clientX: 700, clientY: 150, cancelable: true }));
        say(width() < whole);
    "#;
    let seen = seen("keys", &with_a_stall(), script);
    assert_eq!(seen, ["true", "true", "true", "1", "3", "2", "true"]);
}

/// As many polls as fit: what is painted does not grow with them.
#[test]
#[ignore = "needs chromium"]
fn a_million_polls_are_a_few_thousand_rectangles() {
    let polls: Vec<_> = (0..1_000_000)
        .map(|n| (n % 1000 + 1, n % 2 + 1, n * 10, n * 10 + 9))
        .collect();
    let script = r#"
        say(report.painted() > 500 && report.painted() < 5000);
        document.getElementById("goto").value = "5000";
        document.getElementById("goto").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
        for (let n = 0; n < 40; n++) dispatchEvent(new KeyboardEvent("keydown", { key: "w" }));
        say(report.painted() > 0 && report.painted() < 5000);
    "#;
    assert_eq!(
        seen("million", &recording(&polls, &[]), script),
        ["true", "true"]
    );
}

/// The live page: figures, tasks and findings of this process come, and a search finds.
#[cfg(unix)]
#[test]
#[ignore = "needs chromium"]
fn the_live_page_shows_the_process() {
    use selvedge::runtime::{Builder, InspectOptions};
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("live{}", std::process::id()));
    let folder = base.join("selvedge");
    std::fs::create_dir_all(&folder).unwrap();
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(2).enable_all();
    let options = InspectOptions::new().path(&folder);
    let runtime = builder.inspect(options).build().unwrap();
    let named = selvedge::task::Builder::new().name("<b>the lost</b>");
    named
        .spawn_on(std::future::pending::<()>(), runtime.handle())
        .unwrap();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(["serve", &std::process::id().to_string()])
        .env("XDG_RUNTIME_DIR", &base)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(serve.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let url = line.split([' ', ';']).find(|word| word.starts_with("http"));
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            base.join("profile").display()
        ))
        .arg(url.unwrap())
        .output()
        .expect("chromium: `apt-get install chromium`");
    serve.kill().unwrap();
    serve.wait().unwrap();
    let seen = String::from_utf8(output.stdout).unwrap();
    for words in [
        "Findings: 1",
        "lost task",
        "Runtime 1",
        "cli/tests/page.rs",
        // What the process calls a task is text, whatever it is.
        "&lt;b&gt;the lost&lt;/b&gt;",
    ] {
        assert!(seen.contains(words), "{words} in {seen}");
    }
    drop(runtime);
    std::fs::remove_dir_all(&base).unwrap();
}
