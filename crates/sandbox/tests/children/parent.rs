//! The parent's side: each misdeed is one named result, and the next request finds a good child.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use colophon_sandbox::{Cause, End, Failure, Pool, PoolOptions, Program, Reply, Request};

use crate::misdeeds::caps;

pub type Test = (&'static str, fn());

pub const TESTS: &[Test] = &[
    ("replies_come_back_whole", replies_come_back_whole),
    ("crashes_have_names", crashes_have_names),
    ("time_runs_out", time_runs_out),
    (
        "processor_time_runs_out_for_one_request_not_for_a_life",
        processor_time,
    ),
    ("files_are_out_of_reach", files_are_out_of_reach),
    ("a_given_folder_can_be_read_and_no_other", a_given_folder),
    (
        "network_programs_and_others_are_out_of_reach",
        network_programs_and_others,
    ),
    ("threads_work", threads_work),
    ("what_is_no_reply_is_refused", what_is_no_reply_is_refused),
    ("too_large_is_refused", too_large_is_refused),
    (
        "programs_that_are_no_children_are_told",
        programs_that_are_no_children,
    ),
    (
        "many_threads_share_few_children",
        many_threads_share_few_children,
    ),
    (
        "children_are_replaced_after_their_turns",
        children_are_replaced,
    ),
    (
        "a_child_that_died_idle_is_nobodys_fault",
        a_child_that_died_idle,
    ),
    ("stopping_ends_what_runs", stopping_ends_what_runs),
    ("no_child_outlives_the_pool", no_child_outlives_the_pool),
    (
        "no_child_outlives_a_killed_parent",
        no_child_outlives_a_killed_parent,
    ),
    (
        "an_interrupt_at_the_terminal_is_the_parents",
        an_interrupt_is_the_parents,
    ),
    (
        "the_environment_stays_outside",
        the_environment_stays_outside,
    ),
];

pub const AMPLE: Duration = Duration::from_secs(30);

pub fn pool(mode: &str, children: usize) -> Pool {
    let options = PoolOptions {
        children,
        caps: caps(),
        requests_per_child: None,
    };
    Pool::new(Program::this(&["child", mode]).unwrap(), options).unwrap()
}

pub fn ask(pool: &Pool, header: &str, body: &[u8]) -> Result<Reply, Failure> {
    let request = Request {
        header: header.as_bytes(),
        body,
    };
    pool.submit(request, AMPLE)
}

fn told(pool: &Pool, header: &str) -> String {
    let reply = ask(pool, header, b"").unwrap();
    String::from_utf8(reply.part("told").unwrap().to_vec()).unwrap()
}

fn count(pool: &Pool) -> String {
    let reply = ask(pool, "echo", b"").unwrap();
    String::from_utf8(reply.part("count").unwrap().to_vec()).unwrap()
}

fn replies_come_back_whole() {
    let pool = pool("plain", 1);
    assert_eq!(pool.confinement(), None);
    for size in [0, 1, 4096, 65_536, 300_000, 7 << 20] {
        let body: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
        let mut reply = ask(&pool, "echo", &body).unwrap();
        assert!(reply.take("body").unwrap() == body, "{size} bytes");
    }
    let layers = pool.confinement().unwrap().layers();
    println!("layers that hold here: {layers:?}");
    // What every Linux has that this project is tested on; others tell an empty list.
    assert!(!cfg!(target_os = "linux") || layers.contains(&"rlimits"));
}

fn crash(pool: &Pool, header: &str) -> (End, Cause, String) {
    match ask(pool, header, b"") {
        Err(Failure::Crashed { end, cause, stderr }) => (end, cause, stderr),
        other => panic!("{header}: {other:?}"),
    }
}

fn crashes_have_names() {
    let pool = pool("plain", 1);
    let abort = crash(&pool, "abort");
    assert_eq!(abort, (End::Signal(6), Cause::Other, String::new()));
    assert_eq!(crash(&pool, "exit").0, End::Exit(7));
    let (end, cause, stderr) = crash(&pool, "stack");
    assert_eq!((end, cause), (End::Signal(6), Cause::Stack), "{stderr}");
    let (end, cause, stderr) = crash(&pool, "memory");
    assert_eq!((end, cause), (End::Signal(6), Cause::Memory), "{stderr}");
    let (_, _, stderr) = crash(&pool, "chatter");
    assert!(stderr.len() < 400, "bounded: {}", stderr.len());
    match ask(&pool, "panic", b"") {
        Err(Failure::GaveUp(message)) => assert_eq!(message, "a [31mred surprise"),
        other => panic!("{other:?}"),
    }
    // A fresh child each time.
    assert_eq!(count(&pool), "1");
    let message = ask(&pool, "memory", b"").unwrap_err().to_string();
    assert_eq!(
        message,
        "the child process was ended by SIGABRT, out of memory"
    );
}

fn time_runs_out() {
    let pool = pool("plain", 1);
    let request = |header: &'static [u8]| Request { header, body: b"" };
    for misdeed in [&b"sleep"[..], b"loop"] {
        let start = Instant::now();
        let failure = pool
            .submit(request(misdeed), Duration::from_millis(300))
            .unwrap_err();
        assert!(matches!(failure, Failure::TimedOut(_)), "{failure:?}");
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(300) && took < Duration::from_secs(5),
            "{took:?}"
        );
        assert_eq!(count(&pool), "1");
    }
}

fn processor_time() {
    let pool = pool("plain", 1);
    // One second a request, and a little for rounding: five short requests are no long one.
    for _ in 0..5 {
        assert_eq!(told(&pool, "spin 800"), "spun");
    }
    let start = Instant::now();
    let (_, cause, _) = crash(&pool, "loop");
    assert_eq!(cause, Cause::CpuTime);
    println!(
        "an endless loop ended after {:.1} s",
        start.elapsed().as_secs_f64()
    );
}

/// Whether the layer holds here. Where it does not, what it holds against cannot be tested, which is said.
fn holds(pool: &Pool, layer: &str) -> bool {
    count(pool);
    let holds = pool.confinement().unwrap().layers().contains(&layer);
    if !holds {
        println!("skipped: this kernel has no {layer}");
    }
    holds
}

fn refused(pool: &Pool, header: &str) {
    let told = told(pool, header);
    assert!(told.starts_with("refused"), "{header}: {told}");
}

fn files_are_out_of_reach() {
    let pool = pool("plain", 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    std::fs::write(&file, "kept").unwrap();
    let file = file.display();
    if !holds(&pool, "landlock") && !holds(&pool, "seccomp") {
        return;
    }
    refused(&pool, "read /etc/passwd");
    refused(&pool, "read /proc/self/environ");
    refused(&pool, &format!("read {file}"));
    refused(&pool, "list /");
    refused(&pool, &format!("write {file}.new"));
    refused(&pool, &format!("write {file}"));
    refused(&pool, &format!("append {file}"));
    refused(&pool, &format!("remove {file}"));
    refused(&pool, &format!("rename {file}"));
    assert_eq!(std::fs::read_to_string(file.to_string()).unwrap(), "kept");
}

fn a_given_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    std::fs::write(&file, "kept").unwrap();
    let pool = pool(&format!("reading:{}", folder.path().display()), 1);
    if !holds(&pool, "landlock") {
        return;
    }
    let (folder, file) = (folder.path().display(), file.display());
    assert_eq!(told(&pool, &format!("read {file}")), "done");
    assert_eq!(told(&pool, &format!("list {folder}")), "done");
    assert_eq!(
        told(&pool, &format!("lock {file}")),
        "done",
        "as data bases do"
    );
    refused(&pool, "read /etc/passwd");
    refused(&pool, &format!("read {folder}/../../etc/passwd"));
    refused(&pool, &format!("write {file}.new"));
    refused(&pool, &format!("append {file}"));
    refused(&pool, &format!("remove {file}"));
}

fn network_programs_and_others() {
    let pool = pool("plain", 1);
    if !holds(&pool, "seccomp") {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    refused(
        &pool,
        &format!("connect {}", listener.local_addr().unwrap()),
    );
    refused(&pool, "listen");
    refused(&pool, "udp");
    refused(&pool, "unix");
    refused(&pool, "exec");
    refused(&pool, &format!("kill {}", std::process::id()));
    refused(&pool, "limit");
    assert_ne!(count(&pool), "1", "the child was refused, and lives on");
}

fn threads_work() {
    let pool = pool("plain", 1);
    assert_eq!(told(&pool, "threads"), "140");
}

fn what_is_no_reply_is_refused() {
    let pool = pool("plain", 1);
    for misdeed in ["garbage", "hugeframe"] {
        let failure = ask(&pool, misdeed, b"").unwrap_err();
        assert!(
            matches!(failure, Failure::Protocol(_)),
            "{misdeed}: {failure:?}"
        );
        assert_eq!(count(&pool), "1");
    }
}

fn too_large_is_refused() {
    let pool = pool("plain", 1);
    let failure = ask(&pool, "length", &vec![0; 9 << 20]).unwrap_err();
    assert!(
        matches!(failure, Failure::TooLarge { what: "body", .. }),
        "{failure:?}"
    );
    assert_eq!(pool.confinement(), None, "no child was started for it");
    let failure = ask(&pool, &"x".repeat(5000), b"").unwrap_err();
    assert!(
        matches!(failure, Failure::TooLarge { what: "header", .. }),
        "{failure:?}"
    );
    let failure = ask(&pool, "huge", b"").unwrap_err();
    assert!(
        matches!(&failure, Failure::GaveUp(why) if why.contains("larger")),
        "{failure:?}"
    );
    assert_eq!(count(&pool), "1");
}

fn programs_that_are_no_children() {
    for mode in ["garbage", "early"] {
        let failure = ask(&pool(mode, 1), "echo", b"").unwrap_err();
        assert!(matches!(failure, Failure::Start(_)), "{mode}: {failure:?}");
    }
    let program = Program {
        path: "/no/such/program".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
    };
    let pool = Pool::new(program, PoolOptions::default()).unwrap();
    for _ in 0..3 {
        let failure = ask(&pool, "echo", b"").unwrap_err();
        assert!(matches!(failure, Failure::Start(_)), "{failure:?}");
    }
}

fn many_threads_share_few_children() {
    let pool = pool("plain", 2);
    let done = AtomicUsize::new(0);
    let crashed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8usize {
            let (pool, done, crashed) = (&pool, &done, &crashed);
            scope.spawn(move || {
                for number in 0..125usize {
                    let body = (worker * 1000 + number).to_string();
                    if number % 50 == 49 {
                        let failure = ask(pool, "abort", b"").unwrap_err();
                        assert!(matches!(failure, Failure::Crashed { .. }), "{failure:?}");
                        crashed.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let reply = ask(pool, "echo", body.as_bytes()).unwrap();
                    assert_eq!(reply.part("body").unwrap(), body.as_bytes());
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((done.into_inner(), crashed.into_inner()), (984, 16));
    assert!(children_of(std::process::id()).len() <= 2);
}

fn children_are_replaced() {
    let options = PoolOptions {
        requests_per_child: Some(3),
        caps: caps(),
        ..PoolOptions::default()
    };
    let pool = Pool::new(Program::this(&["child", "plain"]).unwrap(), options).unwrap();
    let counts: Vec<String> = (0..7).map(|_| count(&pool)).collect();
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
    pool.renew();
    assert_eq!(count(&pool), "1", "a new one answers");
    std::thread::scope(|scope| {
        // Lent while the others are replaced: it finishes what it does and is not asked again.
        let slow = scope.spawn(|| ask(&pool, "echo", b"x").map(drop));
        pool.renew();
        slow.join().unwrap().unwrap();
    });
    assert_eq!(pool.counts().alive, children_of(std::process::id()).len());
}

fn a_child_that_died_idle() {
    let pool = pool("plain", 1);
    assert_eq!(count(&pool), "1");
    for child in children_of(std::process::id()) {
        let pid = nix::unistd::Pid::from_raw(child);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(count(&pool), "1");
}

fn stopping_ends_what_runs() {
    let pool = pool("plain", 2);
    let start = Instant::now();
    std::thread::scope(|scope| {
        // Two at work and two in the queue.
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| ask(&pool, "sleep", b"")))
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        pool.stop();
        for thread in waiting {
            let failure = thread.join().unwrap().unwrap_err();
            assert!(matches!(failure, Failure::Stopped), "{failure:?}");
        }
    });
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(matches!(ask(&pool, "echo", b""), Err(Failure::Stopped)));
    assert_eq!(children_of(std::process::id()), [0; 0]);
}

fn no_child_outlives_the_pool() {
    let pool = pool("plain", 2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ask(&pool, "spin 50", b"").unwrap());
        }
    });
    assert!(!children_of(std::process::id()).is_empty());
    drop(pool);
    assert_eq!(children_of(std::process::id()), [0; 0]);
}

/// A parent that starts a child, lets it work, and waits to be killed.
pub fn short_lived() -> ExitCode {
    let pool = pool("plain", 2);
    std::thread::scope(|scope| {
        scope.spawn(|| ask(&pool, "sleep", b""));
        scope.spawn(|| ask(&pool, "loop", b""));
    });
    ExitCode::SUCCESS
}

fn no_child_outlives_a_killed_parent() {
    let mut parent = Command::new("/proc/self/exe")
        .arg("parent")
        .spawn()
        .unwrap();
    let start = Instant::now();
    while children_of(parent.id()).len() < 2 {
        assert!(start.elapsed() < AMPLE, "two children come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Past their start, into their misdeeds.
    std::thread::sleep(Duration::from_millis(300));
    let orphans = children_of(parent.id());
    assert_eq!(orphans.len(), 2);
    parent.kill().unwrap();
    parent.wait().unwrap();
    let start = Instant::now();
    while orphans.iter().any(|orphan| is_running(*orphan)) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "they end with it"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A terminal sends its signals to the group in the foreground.
fn an_interrupt_is_the_parents() {
    use nix::unistd::{Pid, getpgid};
    let pool = pool("plain", 1);
    count(&pool);
    let child = Pid::from_raw(children_of(std::process::id())[0]);
    assert_ne!(getpgid(Some(child)).unwrap(), getpgid(None).unwrap());
}

fn the_environment_stays_outside() {
    let pool = pool("plain", 1);
    count(&pool);
    let child = children_of(std::process::id())[0];
    // A child that cannot be dumped belongs to root: only root can look.
    match std::fs::read(format!("/proc/{child}/environ")) {
        Ok(environment) => assert_eq!(environment, b""),
        Err(error) => println!("skipped: the child's environment cannot be read ({error})"),
    }
}

/// Processes, dead ones that nobody has waited for included, whose parent is `parent`.
fn children_of(parent: u32) -> Vec<i32> {
    let folders = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent))
        .collect()
}

fn is_running(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// State and parent of a process.
fn stat(pid: i32) -> Option<(String, u32)> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
