//! The commands that attach to a process, called as a user does: on this process, which has a task of each kind.
#![cfg(unix)]

mod support;

use selvedge::runtime::{Builder, InspectOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn selvedge(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_selvedge"))
        .args(args)
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .unwrap()
}

#[track_caller]
fn told(folder: &Path, args: &[&str]) -> String {
    let output = selvedge(folder, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn object(folder: &Path, args: &[&str], schema: &str) -> serde_json::Value {
    let object = serde_json::from_str(&told(folder, args)).unwrap();
    support::check(&object, &serde_json::from_str(schema).unwrap(), "");
    object
}

/// An error, by its exit code and its words.
#[track_caller]
fn refused(folder: &Path, args: &[&str], words: &str) {
    let output = selvedge(folder, args);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(words), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// One test, as the inspector is the process's.
#[test]
fn each_command_tells_of_the_process() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("a{}", std::process::id()));
    let folder = base.join("selvedge");
    std::fs::create_dir_all(&folder).unwrap();
    let base = base.as_path();
    let pid = std::process::id().to_string();
    refused(base, &["top", &pid], "SELVEDGE_INSPECT=1");
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(2).enable_all();
    let options = InspectOptions::new().path(&folder);
    let runtime = builder.inspect(options).build().unwrap();
    let named = selvedge::task::Builder::new().name("the sleeper");
    let sleeper = async {
        selvedge::spawn(std::future::pending::<()>());
        selvedge::time::sleep(std::time::Duration::from_secs(3600)).await;
    };
    named.spawn_on(sleeper, runtime.handle()).unwrap();

    let listed = object(base, &["ps", "--json"], include_str!("../schema/ps.json"));
    assert_eq!(listed["processes"][0]["pid"].to_string(), pid);
    assert!(told(base, &["ps"]).contains(&pid));
    let schema = include_str!("../schema/top.json");
    let args = ["top", &pid, "--json", "--once", "--interval", "100ms"];
    let top = object(base, &args, schema);
    assert_eq!(top["runtimes"][0]["workers"].as_array().unwrap().len(), 2);
    let args = ["ps", &pid, "--json"];
    let tasks = object(base, &args, include_str!("../schema/tasks.json"));
    let task = &tasks["runtimes"][0]["tasks"][0];
    assert_eq!(task["name"], "the sleeper");
    assert!(told(base, &["ps", &pid]).contains("cli/tests/attach.rs"));
    let args = ["pstree", &pid, "--json"];
    let tree = object(base, &args, include_str!("../schema/pstree.json"));
    assert_eq!(tree["runtimes"][0]["tasks"][1]["depth"], 1);
    assert!(told(base, &["pstree", &pid]).contains("the sleeper"));
    let args = ["dump", &pid, "--json"];
    let dump = object(base, &args, include_str!("../schema/dump.json"));
    let finding = &dump["runtimes"][0]["findings"][0];
    assert_eq!(finding["kind"], "lost task");
    assert!(told(base, &["dump", &pid]).contains("nothing can wake it"));
    let file = base.join("x.recording");
    let file = file.to_str().unwrap();
    let args = ["record", &pid, "--for", "50ms", "-o", file, "--json"];
    object(base, &args, include_str!("../schema/record.json"));
    assert!(told(base, &["report", file]).contains(&pid));
    let served = Served::new(base, &pid);
    assert_served(&served, &pid);
    drop(runtime);
    let (status, told) = served.get("dump.json");
    assert_eq!(status, 502, "{told}");
    assert!(told.contains("cannot be looked into"), "{told}");
    drop(served);
    refused(base, &["ps", &pid], "cannot be looked into");
    std::fs::remove_dir_all(base).unwrap();
}

/// `selvedge serve` as it runs; dropped, it ends.
struct Served {
    child: Child,
    port: u16,
    key: String,
}

impl Served {
    fn new(folder: &Path, pid: &str) -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .args(["serve", pid, "--json"])
            .env("XDG_RUNTIME_DIR", folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["pid"].to_string(), pid);
        let url = told["url"].as_str().unwrap();
        let rest = url.strip_prefix("http://127.0.0.1:").unwrap();
        let (port, key) = rest.split_once('/').unwrap();
        Served {
            child,
            port: port.parse().unwrap(),
            key: key.trim_end_matches('/').to_owned(),
        }
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", &format!("/{}/{path}", self.key))
    }

    /// The status and the body.
    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "{method} {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn assert_served(served: &Served, pid: &str) {
    let (status, page) = served.get("");
    assert!(status == 200 && page.contains("<title>selvedge</title>"));
    let (status, hello) = served.get("hello.json");
    assert!(status == 200 && hello.contains(pid), "{hello}");
    let (_, metrics) = served.get("metrics.json");
    assert!(metrics.contains("\"alive_tasks\":"), "{metrics}");
    let (_, dump) = served.get("dump.json");
    let dump = serde_json::from_str(&dump).unwrap();
    let schema = serde_json::from_str(include_str!("../schema/dump.json")).unwrap();
    support::check(&dump, &schema, "");
    let (status, report) = served.get("report?for=50ms");
    assert!(status == 200 && report.contains("<html"), "{report}");
    assert_eq!(served.get("report?for=ever").0, 400);
    assert_eq!(served.get("else").0, 404);
    // Without the key nothing is answered, and nothing but GET is allowed.
    for path in [
        "/",
        "/dump.json",
        "/0123456789abcdef0123456789abcdef/dump.json",
    ] {
        let (status, told) = served.ask("GET", path);
        assert!(status == 404 && !told.contains(pid), "{told}");
    }
    assert_eq!(served.ask("POST", &format!("/{}/", served.key)).0, 405);
}

/// Answers one connection's request with a line, and closes it.
fn server(path: &Path, answer: &'static str) -> std::thread::JoinHandle<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut String::new()).unwrap();
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
    })
}

#[test]
fn what_goes_wrong_is_told_with_its_cure() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("b{}", std::process::id()));
    std::fs::create_dir_all(&base).unwrap();
    let path = base.join("x.sock");
    let socket = path.to_str().unwrap();
    for (answer, words) in [
        ("{\"protocol\":2,\"answer\":\"hello\"}\n", "install a newer"),
        ("{\"protocol\":0,\"answer\":\"hello\"}\n", "version 0"),
        ("{\"answer\":\"hello\"}\n", "no inspector"),
        ("what?\n", "not understood"),
        ("{\"protocol\":1,", "the connection is lost"),
        (
            "{\"protocol\":1,\"answer\":\"error\",\"error\":\"forbidden\",\"message\":\"\"}\n",
            "belongs to another user",
        ),
    ] {
        let server = server(&path, answer);
        refused(&base, &["top", socket, "--once"], words);
        server.join().unwrap();
    }
    refused(&base, &["top", socket, "--once"], "cannot be looked into");
    refused(&base, &["dump", "2147483647"], "there is no process");
    refused(&base, &["serve", "2147483647"], "there is no process");
    assert_eq!(selvedge(&base, &["top", "x"]).status.code(), Some(2));
    assert_eq!(selvedge(&base, &["dump"]).status.code(), Some(2));
    std::fs::remove_dir_all(&base).unwrap();
}
