//! The table of injected faults: which call fails, with which error, how often, in which scenario, and the expected result.
//!
//! Only errors that a kernel really gives are injected, and only where the failed call has changed nothing. `EAGAIN` from a
//! socket is injected only where a later event follows, as events are edge-triggered. `futex`, and `write` to an eventfd, never fail
//! in that way; real signals interrupt them (the case `storm`).

use std::fmt;

/// What the attempts of a case must come to.
#[derive(Clone, Copy)]
pub enum Expect {
    /// Each attempt works all the same.
    Works,
    /// Each attempt works or returns the error; some attempt works, once the fault is over.
    Tells,
    /// Each attempt returns the error: the fault lasts.
    Fails,
    /// Each attempt works or returns the error.
    WorksOrTells,
    /// As `Tells`, but the error may also be a message that contains this text.
    Says(&'static str),
    /// As `WorksOrTells`, but the error may also be a message that contains this text.
    WorksOrSays(&'static str),
}

#[derive(Clone)]
pub struct Case {
    pub scenario: &'static str,
    pub flavor: &'static str,
    pub attempts: u32,
    /// Arguments for strace. If empty, the case is a storm of signals.
    pub injections: Vec<String>,
    /// Only calls on these paths fail.
    pub paths: Paths,
    /// The errors that a caller may get.
    pub errors: Vec<i32>,
    pub expect: Expect,
    /// Descriptors that the process keeps by design.
    pub keeps: i64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.injections.as_slice() {
            [] => "storm".to_owned(),
            all => all.join(" "),
        };
        write!(f, "{} {} {what}", self.scenario, self.flavor)
    }
}

/// The files on which calls fail.
#[derive(Clone, Copy, PartialEq)]
pub enum Paths {
    All,
    /// The file that the scenario works on.
    File,
    Stdin,
    Stderr,
}

/// A line of the table.
struct Row {
    scenarios: &'static str,
    flavors: &'static str,
    calls: &'static str,
    errors: &'static str,
    counts: &'static str,
    expect: Expect,
    paths: Paths,
}

const BOTH: &str = "current multi";
/// No io_uring: files go to the pool.
const NO_RING: &str = "io_uring_setup:error=ENOSYS:when=1+";
/// An old kernel without `openat2`: every file operation goes to the pool.
const NO_CACHE: &str = "openat2:error=ENOSYS:when=1+";
const NO_THREAD: &str = "thread";

const fn row(
    scenarios: &'static str,
    flavors: &'static str,
    calls: &'static str,
    errors: &'static str,
    counts: &'static str,
    expect: Expect,
) -> Row {
    Row {
        scenarios,
        flavors,
        calls,
        errors,
        counts,
        expect,
        paths: Paths::All,
    }
}

impl Row {
    const fn on(mut self, paths: Paths) -> Row {
        self.paths = paths;
        self
    }
}

use Expect::{Fails, Says, Tells, Works, WorksOrSays, WorksOrTells};
const ROWS: &[Row] = &[
    // Making a runtime.
    row(
        "build",
        BOTH,
        "epoll_create1",
        "EMFILE ENFILE ENOMEM",
        "1 1..3",
        Tells,
    ),
    row("build", BOTH, "epoll_create1", "EMFILE", "1+", Fails),
    row(
        "build",
        BOTH,
        "eventfd2",
        "EMFILE ENFILE ENOMEM",
        "1 2..3",
        Tells,
    ),
    row("build", BOTH, "fcntl", "EMFILE", "1 2", Tells),
    row("build", BOTH, "epoll_ctl", "ENOMEM ENOSPC", "1 1..2", Tells),
    row(
        "build",
        "multi",
        "clone3",
        "EAGAIN",
        "1 2 3 2+3 1..3",
        WorksOrTells,
    ),
    row("build", "multi", "clone3", "EAGAIN", "1+", Fails),
    row(
        "build spawn timers tcp unix udp",
        BOTH,
        "epoll_wait,?epoll_pwait",
        "EINTR",
        "1 1..5 2+3",
        Works,
    ),
    // Threads.
    row(
        "blocking",
        BOTH,
        "clone3",
        "EAGAIN",
        "1 2 1..3 2+2",
        Says(NO_THREAD),
    ),
    row(
        "blocking",
        BOTH,
        "clone3",
        "EAGAIN",
        "1+",
        WorksOrSays(NO_THREAD),
    ),
    row(
        "in_place",
        "multi",
        "clone3",
        "EAGAIN",
        "1 2 1+",
        WorksOrSays(NO_THREAD),
    ),
    row("lookup", BOTH, "clone3", "EAGAIN", "1 1..2", Tells),
    row("lookup", BOTH, "clone3", "EAGAIN", "1+", Fails),
    row(
        "lookup",
        BOTH,
        "openat",
        "EMFILE ENFILE",
        "1 2 1..4",
        Says("lookup"),
    ),
    row("lookup", BOTH, "socket", "EMFILE ENOBUFS", "1 2 1+", Works),
    // Sockets.
    row(
        "tcp unix udp accept",
        BOTH,
        "socket",
        "EMFILE ENFILE ENOBUFS ENOMEM EACCES",
        "1 2 1..2",
        Tells,
    ),
    row(
        "tcp unix udp accept",
        BOTH,
        "bind",
        "EADDRINUSE ENOMEM EACCES",
        "1 1..2",
        Tells,
    ),
    row(
        "tcp unix accept",
        BOTH,
        "listen",
        "EADDRINUSE ENOBUFS",
        "1 1..2",
        Tells,
    ),
    row(
        "tcp accept",
        BOTH,
        "connect",
        "ECONNREFUSED EADDRNOTAVAIL ENETUNREACH ETIMEDOUT",
        "1 2 1..3",
        Tells,
    ),
    row(
        "unix",
        BOTH,
        "connect",
        "ECONNREFUSED EAGAIN EACCES",
        "1 2 1..3",
        Tells,
    ),
    row(
        "tcp accept",
        BOTH,
        "getsockopt",
        "ENOBUFS",
        "1",
        WorksOrTells,
    ),
    row(
        "accept tcp unix",
        BOTH,
        "accept4",
        "EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EPERM",
        "1 1..3 2+2",
        Tells,
    ),
    row(
        "accept",
        BOTH,
        "accept4",
        "EMFILE ENFILE ENOBUFS",
        "1+",
        Fails,
    ),
    row("accept tcp", BOTH, "accept4", "EINTR", "1 2 1..3", Tells),
    row(
        "tcp unix udp accept stream pipe",
        BOTH,
        "epoll_ctl",
        "ENOMEM ENOSPC",
        "1 2 3 1..3",
        Tells,
    ),
    row(
        "tcp unix udp pipe",
        BOTH,
        "epoll_ctl",
        "ENOMEM",
        "1+",
        Fails,
    ),
    row(
        "tcp unix stream",
        BOTH,
        "read,recvfrom,recvmsg",
        "ECONNRESET ETIMEDOUT ENOMEM",
        "1 3 1..4",
        Tells,
    ),
    row(
        "tcp unix stream",
        BOTH,
        "sendto",
        "ECONNRESET EPIPE ENOBUFS ENOMEM",
        "1 3 1..4",
        Tells,
    ),
    row(
        "tcp unix stream",
        BOTH,
        "read,recvfrom,recvmsg,sendto",
        "EINTR",
        "1 3 1..4 2+3",
        Works,
    ),
    row(
        "stream",
        BOTH,
        "read,recvfrom,recvmsg",
        "EAGAIN",
        "1 3 4+5",
        Works,
    ),
    row("udp", BOTH, "recvfrom", "EAGAIN", "1 2..5 2+3", Works),
    row("udp", BOTH, "recvfrom", "ECONNREFUSED ENOMEM", "1 3", Tells),
    row(
        "udp",
        BOTH,
        "sendto",
        "ENOBUFS EPERM ENETUNREACH ENOMEM",
        "1 3",
        Tells,
    ),
    row("udp", BOTH, "recvfrom,sendto", "EINTR", "1 2", Tells),
    row(
        "stream",
        BOTH,
        "socketpair",
        "EMFILE ENFILE ENOBUFS",
        "1 1..3",
        Tells,
    ),
    row("pipe", BOTH, "pipe2", "EMFILE ENFILE", "1 1..3", Tells),
    row("pipe", BOTH, "read", "EINTR", "1 2+3", Works),
    row("pipe", "current", "write", "EINTR", "1 2+3", Works),
    // Files, by the pool.
    row(
        "file folder",
        BOTH,
        "openat",
        "EMFILE ENFILE EACCES ENOSPC EIO",
        "1 2 1..3",
        Tells,
    ),
    row("file", BOTH, "openat", "EINTR", "1 2 1..3", Works),
    row(
        "file",
        BOTH,
        "openat2",
        "ENOSYS EPERM EAGAIN EINTR EMFILE",
        "1 1+",
        Works,
    ),
    row(
        "slow:file",
        BOTH,
        "read,pread64",
        "EIO ESTALE",
        "1 2 1..3",
        Tells,
    )
    .on(Paths::File),
    row("slow:file", BOTH, "read,pread64", "EINTR", "1 2 2+3", Works).on(Paths::File),
    row(
        "file",
        BOTH,
        "write",
        "ENOSPC EIO EDQUOT EFBIG",
        "1 2 1..3",
        Tells,
    )
    .on(Paths::File),
    row("file", BOTH, "write", "EINTR", "1 2 2+3", Works).on(Paths::File),
    row("file", BOTH, "fsync", "EIO ENOSPC", "1 1..2", Tells),
    row("file", BOTH, "fsync", "EINTR", "1 1..2", Works),
    row("file folder", BOTH, "statx", "ENOSYS", "1+", Works),
    row("folder", BOTH, "statx", "EACCES EIO", "1", WorksOrTells),
    row(
        "folder",
        BOTH,
        "rename",
        "EACCES ENOSPC EXDEV",
        "1 1..2",
        Tells,
    ),
    row("folder", BOTH, "unlink", "EACCES EBUSY", "1 1..2", Tells),
    row("folder", BOTH, "getdents64", "EIO", "1", WorksOrTells),
    row(
        "folder",
        BOTH,
        "copy_file_range",
        "ENOSYS EXDEV EOPNOTSUPP",
        "1 1+",
        Works,
    ),
    row("folder", BOTH, "copy_file_range", "EIO ENOSPC", "1", Tells),
    row("file folder", BOTH, "clone3", "EAGAIN", "1 1..2 2", Tells),
    row("file folder", BOTH, "clone3", "EAGAIN", "1+", WorksOrTells),
    // Files, by the ring.
    row(
        "ring:file ring:folder",
        BOTH,
        "io_uring_setup",
        "ENOSYS EPERM EMFILE ENFILE ENOMEM EINVAL",
        "1 1+",
        Works,
    ),
    row(
        "ring:file ring:folder",
        BOTH,
        "io_uring_register",
        "EINVAL ENOMEM EPERM",
        "1 1+",
        Works,
    ),
    row("ring:file", BOTH, "mmap", "ENOMEM", "1", Works),
    row(
        "ring:file ring:folder",
        BOTH,
        "epoll_ctl",
        "ENOMEM ENOSPC",
        "1",
        Works,
    ),
    row(
        "ring:file ring:folder",
        BOTH,
        "io_uring_enter",
        "EAGAIN EBUSY EINTR",
        "1 2..6 2+3",
        Works,
    ),
    row(
        "ring:file",
        BOTH,
        "io_uring_enter",
        "ENOMEM EPERM",
        "1",
        WorksOrTells,
    ),
    row(
        "ring:file",
        BOTH,
        "io_uring_enter",
        "EPERM",
        "1+",
        WorksOrTells,
    ),
    // Child processes.
    row(
        "process status",
        BOTH,
        "clone3,vfork,clone",
        "EAGAIN ENOMEM",
        "1 1..3",
        Tells,
    ),
    row(
        "process status",
        BOTH,
        "clone3,vfork,clone",
        "EAGAIN",
        "1+",
        Fails,
    ),
    row("process", BOTH, "pipe2", "EMFILE ENFILE", "1 2 1..3", Tells),
    row(
        "process status",
        BOTH,
        "pidfd_open",
        "ENOSYS EMFILE ENFILE ENOMEM EPERM",
        "1 1+",
        Works,
    ),
    row("process status", BOTH, "waitid,wait4", "ECHILD", "1", Tells),
    row(
        "process status",
        BOTH,
        "epoll_ctl",
        "ENOMEM ENOSPC",
        "1 2 3",
        Tells,
    ),
    row("process", BOTH, "epoll_ctl", "ENOMEM", "1+", Fails),
    row(
        "process status",
        BOTH,
        "pidfd_open,socketpair",
        "EMFILE",
        "1 1+",
        WorksOrTells,
    ),
    // Signals.
    row("signal", BOTH, "socketpair", "EMFILE ENFILE", "1", Tells),
    row("signal", BOTH, "rt_sigaction", "EINVAL", "1", WorksOrTells),
    row(
        "signal",
        "current",
        "epoll_ctl",
        "ENOMEM ENOSPC",
        "1 1..2",
        Tells,
    ),
    row("signal", BOTH, "epoll_ctl", "ENOMEM", "1+", Fails),
    row("signal", BOTH, "fcntl", "EMFILE", "1", WorksOrTells),
    // Standard streams.
    row("stdio", BOTH, "clone3", "EAGAIN", "1 1..3", Tells),
    row("stdio", BOTH, "clone3", "EAGAIN", "1+", Fails),
    row("stdio", BOTH, "read", "EINTR", "1", Works).on(Paths::Stdin),
    row("stdio", BOTH, "read", "EIO EAGAIN", "1 1..2", Tells).on(Paths::Stdin),
    row("stdio", BOTH, "write", "EINTR", "1 2", Works).on(Paths::Stderr),
    row(
        "stdio",
        BOTH,
        "write",
        "EIO EPIPE ENOSPC EAGAIN",
        "1 1..2",
        Tells,
    )
    .on(Paths::Stderr),
];

const STORMS: &str = "build spawn timers blocking in_place lookup tcp unix udp accept stream pipe file folder process status signal stdio";

/// The cases of the table. Without `all`: the first case of each line, scenario and flavor.
pub fn cases(all: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in STORMS.split(' ') {
        for flavor in BOTH.split(' ') {
            if name == "in_place" && flavor == "current" {
                continue;
            }
            cases.push(case(name, flavor, Vec::new(), "", Works, Paths::All));
        }
    }
    for row in ROWS {
        for name in row.scenarios.split(' ') {
            for flavor in row.flavors.split(' ') {
                let some = |text: &'static str| text.split(' ').take(if all { 99 } else { 1 });
                for errors in some(row.errors) {
                    let error = errors.split('/').next().unwrap();
                    for count in some(row.counts) {
                        let injection = format!("{}:error={error}:when={count}", row.calls);
                        let injections = vec![injection];
                        cases.push(case(
                            name, flavor, injections, errors, row.expect, row.paths,
                        ));
                    }
                }
            }
        }
    }
    cases
}

fn case(
    name: &'static str,
    flavor: &'static str,
    mut injections: Vec<String>,
    errors: &str,
    expect: Expect,
    paths: Paths,
) -> Case {
    let (prefix, scenario) = name.split_once(':').unwrap_or(("", name));
    let is_file = ["file", "folder"].contains(&scenario);
    if is_file && prefix != "ring" && !injections.is_empty() {
        injections.push(NO_RING.to_owned());
    }
    if prefix == "slow" {
        injections.push(NO_CACHE.to_owned());
    }
    let mut told: Vec<i32> = errors.split('/').filter_map(number).collect();
    if ["tcp", "unix"].contains(&scenario) && !errors.is_empty() {
        // The errors of the side whose peer has given up.
        told.extend(["ECONNRESET", "EPIPE"].into_iter().filter_map(number));
    }
    Case {
        scenario,
        flavor,
        attempts: 16,
        injections,
        paths,
        errors: told,
        expect,
        // The process keeps the pair of sockets that signal handlers write to. It keeps a second pair if a listener is made
        // while another thread releases the last listener before it.
        keeps: match (scenario, flavor) {
            ("process" | "status" | "signal", "multi") => 4,
            ("process" | "status" | "signal", _) => 2,
            _ => 0,
        },
    }
}

fn number(error: &str) -> Option<i32> {
    const NUMBERS: &[(&str, i32)] = &[
        ("EPERM", 1),
        ("ENOENT", 2),
        ("EINTR", 4),
        ("EIO", 5),
        ("ECHILD", 10),
        ("EAGAIN", 11),
        ("ENOMEM", 12),
        ("EACCES", 13),
        ("EBUSY", 16),
        ("EXDEV", 18),
        ("EINVAL", 22),
        ("ENFILE", 23),
        ("EMFILE", 24),
        ("EFBIG", 27),
        ("ENOSPC", 28),
        ("EPIPE", 32),
        ("ENOSYS", 38),
        ("EOPNOTSUPP", 95),
        ("EADDRINUSE", 98),
        ("EADDRNOTAVAIL", 99),
        ("ENETUNREACH", 101),
        ("ECONNABORTED", 103),
        ("ECONNRESET", 104),
        ("ENOBUFS", 105),
        ("ENOTCONN", 107),
        ("ETIMEDOUT", 110),
        ("ECONNREFUSED", 111),
        ("ESTALE", 116),
        ("EDQUOT", 122),
    ];
    let found = NUMBERS.iter().find(|(name, _)| *name == error);
    assert!(error.is_empty() || found.is_some(), "{error} has no number");
    found.map(|(_, number)| *number)
}
