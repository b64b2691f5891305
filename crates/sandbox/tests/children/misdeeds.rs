//! The child's side: what is asked in the header is done, good or bad.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use colophon_sandbox::{Caps, Reply, Request, Rules, confine, serve};

/// `mode` is `plain`, `reading:FOLDER`, or says how the child fails to come up.
pub fn child(mode: &str) -> ExitCode {
    match mode {
        "garbage" => {
            println!("Hello, I am a program that knows nothing of pools.");
            return ExitCode::SUCCESS;
        }
        "early" => return ExitCode::from(3),
        _ => {}
    }
    let readable = mode
        .strip_prefix("reading:")
        .into_iter()
        .map(Into::into)
        .collect();
    let rules = Rules {
        readable,
        memory: 1 << 30,
        cpu: Duration::from_secs(1),
        ..Rules::default()
    };
    let confinement = confine(&rules);
    let mut count = 0u32;
    let served = serve(&confinement, &caps(), |request| {
        count += 1;
        act(request, count)
    });
    ExitCode::from(u8::from(served.is_err()))
}

pub fn caps() -> Caps {
    Caps {
        header: 4096,
        body: 8 << 20,
        reply: 8 << 20,
        parts: 4,
    }
}

fn act(request: Request<'_>, count: u32) -> Reply {
    let header = str::from_utf8(request.header).unwrap();
    let (what, argument) = header.split_once(' ').unwrap_or((header, ""));
    match what {
        "echo" => Reply::default()
            .with("body", request.body.to_vec())
            .with("count", count.to_string().into_bytes()),
        "length" => told(&request.body.len().to_string()),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(7),
        "panic" => panic!("a \u{1b}[31mred\u{202e} surprise"),
        "stack" => told(&deeper(1).to_string()),
        "memory" => {
            let hoard: Vec<Vec<u8>> = (0..4096).map(|i| vec![i as u8; 1 << 20]).collect();
            told(&hoard.len().to_string())
        }
        "loop" => spin(Duration::from_hours(1)),
        "sleep" => {
            std::thread::sleep(Duration::from_hours(1));
            told("rested")
        }
        "spin" => spin(Duration::from_millis(argument.parse().unwrap())),
        "chatter" => {
            eprintln!("{}last words\u{7}", "x".repeat(1 << 20));
            std::process::abort()
        }
        "garbage" => {
            let mut out = std::io::stdout();
            let _ = out.write_all(&[0xff; 64]).and_then(|()| out.flush());
            told("garbage before this")
        }
        "huge" => Reply::default().with("huge", vec![0; 9 << 20]),
        "hugeframe" => {
            let mut out = std::io::stdout();
            let _ = out
                .write_all(&[0, 0, 0, 0x7f, 4])
                .and_then(|()| out.flush());
            told("never")
        }
        "double" => {
            let mut out = std::io::stdout();
            // A complete reply without parts, before the real one.
            let _ = out.write_all(&[0, 0, 0, 0, 5]).and_then(|()| out.flush());
            told("second")
        }
        "read" => report(File::open(argument).and_then(|mut file| {
            let mut text = String::new();
            file.read_to_string(&mut text)
        })),
        "lock" => report(File::open(argument).and_then(|file| {
            let whole = libc::flock {
                l_type: libc::F_RDLCK as i16,
                l_whence: 0,
                l_start: 0,
                l_len: 0,
                l_pid: 0,
            };
            Ok(nix::fcntl::fcntl(
                &file,
                nix::fcntl::FcntlArg::F_SETLK(&whole),
            )?)
        })),
        "list" => report(std::fs::read_dir(argument).map(Iterator::count)),
        "write" => report(File::create(argument)),
        "append" => report(OpenOptions::new().append(true).open(argument)),
        "remove" => report(std::fs::remove_file(argument)),
        "rename" => report(std::fs::rename(argument, format!("{argument}.2"))),
        "exec" => report(Command::new("/bin/true").status()),
        "connect" => report(TcpStream::connect(argument)),
        "listen" => report(TcpListener::bind("127.0.0.1:0")),
        "udp" => report(UdpSocket::bind("127.0.0.1:0")),
        "unix" => report(UnixStream::pair()),
        "kill" => report(nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(argument.parse().unwrap()),
            None,
        )),
        "limit" => report(nix::sys::resource::setrlimit(
            nix::sys::resource::Resource::RLIMIT_AS,
            8 << 30,
            8 << 30,
        )),
        "threads" => {
            let threads: Vec<_> = (0..8u64)
                .map(|i| std::thread::spawn(move || i * i))
                .collect();
            let sum: u64 = threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum();
            told(&sum.to_string())
        }
        other => panic!("{other} is not known"),
    }
}

fn told(text: &str) -> Reply {
    Reply::default().with("told", text.as_bytes().to_vec())
}

fn report<T, E: std::fmt::Display>(result: Result<T, E>) -> Reply {
    match result {
        Ok(_) => told("done"),
        Err(error) => told(&format!("refused: {error}")),
    }
}

fn spin(time: Duration) -> Reply {
    let start = Instant::now();
    let mut value = 1u64;
    while start.elapsed() < time {
        value = std::hint::black_box(value.wrapping_mul(6364136223846793005));
    }
    told("spun")
}

#[expect(unconditional_recursion, reason = "that is the misdeed")]
fn deeper(depth: u64) -> u64 {
    let own = std::hint::black_box([depth; 64]);
    own[(depth % 64) as usize] + deeper(depth + 1)
}
