//! The page in a real browser: `cargo test -p selvedge-cli --test page -- --ignored`, with `chromium` on the path.
//!
//! A script beside the page's own acts like a reader, by events of the DOM, and writes its observations into the document, which the browser
//! prints.

#[path = "support/long.rs"]
mod long;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

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
         p.textContent = what; document.body.append(p); }};\nreport.ready.then(async () => {{ {script} }});</script></body>"
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
        await new Promise(done => setTimeout(done, 500));
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

/// Laps of each thread: 30 million events in all. A debug build would take minutes for them, and makes do with a million.
const LAPS: u64 = if cfg!(debug_assertions) {
    2_000
} else {
    62_500
};

/// 30 million events: the page opens, shows its progress while it reads, and a redraw takes no visible time. The figures depend on the
/// machine, so they are printed: `cargo test --release -p selvedge-cli --test page -- --ignored --nocapture thirty`.
#[test]
#[ignore = "needs chromium, and in a release build 4 GB of memory and 2 GB of disk"]
fn thirty_million_events_open() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thirty");
    let (file, page) = (
        place.with_extension("recording"),
        place.with_extension("html"),
    );
    long::write(&file, LAPS).unwrap();
    let begin = Instant::now();
    let report = Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args([
            "report".as_ref(),
            file.as_os_str(),
            "--html".as_ref(),
            page.as_os_str(),
        ])
        .output()
        .unwrap();
    assert!(report.status.success(), "{report:?}");
    println!(
        "report --html: {:.1} s, {} MB",
        begin.elapsed().as_secs_f64(),
        std::fs::metadata(&page).unwrap().len() >> 20
    );
    let told = told_in_real_time(
        &place,
        &page,
        r#"
        const told = [data.events], CULPRIT = 5;
        const paints = performance.getEntriesByType("paint").map(paint => paint.startTime);
        // The middle one of five times.
        const took = (name, what) => {
            const times = [1, 2, 3, 4, 5].map(() => { const begin = performance.now(); what(); return performance.now() - begin; });
            figures.push(`${name} ${times.sort((a, b) => a - b)[2].toFixed(1)} ms, at most ${times[4].toFixed(1)}`);
        };
        const figures = [`first paint ${Math.min(...paints).toFixed(0)} ms`, `whole ${performance.now().toFixed(0)} ms`];
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        took("redraw of all", report.draw);
        for (const part of [2, 16, 128, 1024, 8192, 65536]) took(`a part of ${part}`, () => report.go(start + all / 2, start + all / 2 + all / part));
        took("find a task", () => showFirst(taskOf(CULPRIT)));
        told.push(report.chosen(), db.polls.length[report.poll()]);
        took("hover", () => { hovered = taskOf(26); draw(); });
        took("a range of a tenth", () => setRange([start + all * .4, start + all * .5]));
        took("search", () => { document.getElementById("search").value = "1234"; side(); });
        figures.push(`memory ${performance.memory ? performance.memory.usedJSHeapSize >> 20 : "?"} MB`);
        return told.join() + "\n" + reads.join() + "\n" + figures.join("\n");
    "#,
    );
    println!("{told}");
    let mut lines = told.lines();
    let events = long::THREADS * (LAPS * long::EVENTS_OF_LAP + 2);
    let expected = format!("{events},{},40000000", long::CULPRIT);
    assert_eq!(lines.next(), Some(expected.as_str()));
    // It has told how far it was.
    let reads = lines.next().unwrap();
    assert!(
        reads.matches("reading").count() > 5 && reads.contains("reading 100 %"),
        "{reads}"
    );
    std::fs::remove_file(file).unwrap();
    std::fs::remove_file(page).unwrap();
}

/// The result of a script on a page in real time, which the browser sends through a socket.
fn told_in_real_time(place: &Path, page: &Path, script: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "<script>const reads = []; new MutationObserver(() => reads.push(document.getElementById('status').textContent)).observe(\
         document.getElementById('status'), {{ childList: true }});\n\
         report.ready.then(async () => {{ {script} }}).catch(error => 'failed: ' + error.stack).then(told => \
         fetch('http://127.0.0.1:{port}/', {{ method: 'POST', mode: 'no-cors', body: told + '\\n.' }}));</script>"
    );
    // Before the blocks, so that it sees them being read.
    let text = std::fs::read_to_string(page).unwrap();
    let (before, blocks) = text.split_once("<script type=\"text/plain\"").unwrap();
    let mut out = std::fs::File::create(page).unwrap();
    for part in [before, &script, "<script type=\"text/plain\"", blocks] {
        out.write_all(part.as_bytes()).unwrap();
    }
    drop(text);
    let mut chromium = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1400,800",
        ])
        .arg("--remote-debugging-port=0")
        .arg(format!(
            "--user-data-dir={}",
            place.with_extension("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .stderr(Stdio::null())
        .spawn()
        .expect("chromium: `apt-get install chromium`");
    let (mut stream, _) = listener.accept().unwrap();
    let mut told = Vec::new();
    let mut bytes = [0; 4096];
    while !told.ends_with(b"\n.") {
        let read = stream.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "the browser has gone");
        told.extend(&bytes[..read]);
    }
    chromium.kill().unwrap();
    chromium.wait().unwrap();
    let told = String::from_utf8(told).unwrap();
    let (_, body) = told.split_once("\r\n\r\n").unwrap();
    body.trim_end_matches("\n.").to_owned()
}

/// Two tasks on two threads, the second with a span, and a task that was ready for 2 ms.
fn with_spans() -> Vec<u8> {
    let polls = [
        (7, 1, 1_000, 2_000),
        (9, 2, 3_000, 6_000),
        (7, 1, 5_000, 9_000),
        (9, 2, 9_000, 9_500),
    ];
    let mut words: Vec<u64> = Vec::new();
    for (task, thread, begin, end) in polls {
        words.extend([begin * 1000, 4 | thread << 8, task, 0]);
        if begin == 3_000 {
            words.extend([
                3_500_000,
                16 | thread << 8,
                100,
                0,
                4_500_000,
                17 | thread << 8,
                100,
                0,
            ]);
        }
        words.extend([end * 1000, 5 | thread << 8, task, 0]);
    }
    // Task 9 is woken by task 7, 2 ms before it is polled.
    words.extend([7_000_000, 7 | 1 << 8 | 1 << 24, 9, 0]);
    let count = words.len() as u64 / 4;
    let name = b"<i>parse";
    let mut all = vec![0; 512];
    all[0] = u64::from_le_bytes(*b"SELVEDGE");
    (all[1], all[6]) = (1, 1 << 32);
    all.extend([2, (8 + 4) * 8, 4, 0, 0, 0, 0, 0]);
    all.extend([
        100,
        2 | (name.len() as u64) << 32,
        0,
        u64::from_le_bytes(*name),
    ]);
    all.extend([3, (8 + 4 * count) * 8, 0, count, 0, 0, 0, 0]);
    all.extend(words);
    all.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The reader's mouse, at a moment of the view and a track.
const MOUSE: &str = r#"
    const view = document.getElementById("view");
    const spot = (moment, track) => {
        const [from, to] = report.view(), box = view.getBoundingClientRect();
        return { x: box.x + 150 + (moment - from) / (to - from) * (box.width - 150), y: box.y + 18 + 34 * track + 10 };
    };
    const mouse = (kind, moment, track, more) => {
        const { x, y } = spot(moment, track);
        view.dispatchEvent(new MouseEvent(kind, { clientX: x, clientY: y, bubbles: true, cancelable: true, ...more }));
    };
    const drag = (a, b, more) => { mouse("mousedown", a, 0, more); mouse("mousemove", b, 0, more); mouse("mouseup", b, 0, more); };
    const click = (moment, track) => { mouse("mousedown", moment, track); mouse("mouseup", moment, track); };
    const side = () => document.getElementById("side").textContent;
    const key = what => dispatchEvent(new KeyboardEvent("keydown", { key: what }));
"#;

#[test]
#[ignore = "needs chromium"]
fn a_pinned_task_has_a_track_until_it_is_unpinned() {
    let script = r#"
        say(report.tracks());
        click(4e6, 1);
        say(report.chosen());
        key("p");
        say(report.tracks());
        say(report.link().includes("pin=9"));
        // The second poll, on its own track.
        click(9.2e6, 2);
        say(report.poll() === 3);
        document.querySelector("aside [data-pin]").click();
        say(report.tracks());
        location.hash = "from=0&to=9500000&pin=7,9,7,12345,x";
        await new Promise(done => addEventListener("hashchange", () => setTimeout(done)));
        say(report.tracks());
    "#;
    let seen = seen("pins", &with_spans(), &format!("{MOUSE}{script}"));
    let expected = [
        "thread 1,thread 2",
        "9",
        "thread 1,thread 2,task 9",
        "true",
        "true",
        "thread 1,thread 2",
        "thread 1,thread 2,task 7,task 9",
    ];
    assert_eq!(seen, expected);
}

#[test]
#[ignore = "needs chromium"]
fn a_range_scopes_the_panels() {
    let script = r##"
        const row = id => [...document.querySelectorAll("tr.task")].map(row => row.textContent).find(text => text.startsWith("task " + id));
        say(row(7).includes("5.00 ms"));
        drag(1.5e6, 2.8e6, { shiftKey: true });
        say(side().includes("within 1.5"));
        // Half a millisecond of the first poll of task 7.
        say(row(7).startsWith("task 71" + row(7).slice(7)) && Math.abs(parseFloat(row(7).slice(7)) - 500) < 10);
        say(document.querySelectorAll("tr.task").length);
        drag(9.6e6, 9.7e6, { shiftKey: true });
        say(document.querySelectorAll("tr.task").length);
        const link = report.link();
        document.querySelector("[data-clear]").click();
        say(document.querySelectorAll("tr.task").length + " " + side().includes("within"));
        location.hash = link;
        await new Promise(done => addEventListener("hashchange", () => setTimeout(done)));
        say(side().includes("within 9."));
        key("Escape");
        say(side().includes("within"));
    "##;
    let seen = seen("range", &with_spans(), &format!("{MOUSE}{script}"));
    assert_eq!(
        seen,
        ["true", "true", "true", "1", "0", "2 false", "true", "false"]
    );
}

#[test]
#[ignore = "needs chromium"]
fn findings_outside_a_range_are_left_out() {
    let script = r#"
        say(document.querySelectorAll(".finding").length);
        drag(1e6, 20e6, { shiftKey: true });
        say(document.querySelectorAll(".finding").length);
        drag(40e6, 50e6, { shiftKey: true });
        say(document.querySelectorAll(".finding").length);
    "#;
    let seen = seen("within", &with_a_stall(), &format!("{MOUSE}{script}"));
    assert_eq!(seen, ["1", "0", "1"]);
}

#[test]
#[ignore = "needs chromium"]
fn a_note_travels_with_the_link() {
    let script = r#"
        mouse("dblclick", 4e6, 1);
        const input = document.getElementById("note");
        input.value = "<b>slow & odd</b>";
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
        say(document.querySelector(".note").textContent.includes("<b>slow & odd</b>"));
        mouse("mousemove", 2e6, 0); key("n");
        input.value = "dropped";
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
        say(document.querySelectorAll(".note").length);
        const link = report.link();
        document.querySelector("[data-remove]").click();
        say(document.querySelectorAll(".note").length + " " + report.link().includes("notes"));
        location.hash = link;
        await new Promise(done => addEventListener("hashchange", () => setTimeout(done)));
        say(document.querySelector(".note").textContent.includes("<b>slow & odd</b>"));
        say(new URLSearchParams(link).get("notes").includes("thread 2"));
        location.hash = "notes=[[1,2";
        await new Promise(done => addEventListener("hashchange", () => setTimeout(done)));
        say(document.querySelectorAll(".note").length);
    "#;
    let seen = seen("notes", &with_spans(), &format!("{MOUSE}{script}"));
    assert_eq!(seen, ["true", "1", "0 false", "true", "true", "0"]);
}

#[test]
#[ignore = "needs chromium"]
fn a_task_under_the_mouse_is_marked_everywhere_and_its_spans_are_told() {
    let script = r#"
        mouse("mousemove", 4e6, 1);
        const tip = document.getElementById("tip").textContent, task = db.tasks.id[report.hovered()];
        // What is said makes the page longer, and a bar for scrolling makes it narrower: so that is said afterwards.
        report.draw();
        const marked = report.painted();
        view.dispatchEvent(new MouseEvent("mouseleave"));
        report.draw();
        const plain = report.painted();
        say(tip.includes("task 9") && tip.includes("span <i>parse: 1.00 ms"));
        say(task);
        // Both polls of task 9 once more.
        say(marked - plain);
        say(report.hovered() === null);
        const row = [...document.querySelectorAll(".task")].find(row => row.textContent.startsWith("task 7"));
        row.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
        say(db.tasks.id[report.hovered()]);
        say(side().includes("<i>parse"));
    "#;
    let seen = seen("hover", &with_spans(), &format!("{MOUSE}{script}"));
    assert_eq!(seen, ["true", "9", "2", "true", "7", "true"]);
}

/// The live page: figures, tasks and findings of this process come, and a search finds.
#[cfg(unix)]
#[test]
#[ignore = "needs chromium"]
fn the_live_page_shows_the_process() {
    use selvedge::runtime::{Builder, InspectOptions};
    use std::io::{BufRead, BufReader};

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
