//! A thread that starts children.
//!
//! On Linux a child asks to be killed when its parent dies, and the kernel takes the *thread* that started it for its
//! parent. So one thread that lives as long as the pool starts them all.

use std::io::{self, ErrorKind};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::Program;

type Order = SyncSender<io::Result<Child>>;

#[derive(Debug)]
pub(super) struct Spawner {
    /// `None` only while it is dropped.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Spawner {
    pub(super) fn start(program: Program) -> io::Result<Self> {
        let (orders, inbox) = channel();
        let thread = Builder::new()
            .name("sandbox-spawner".to_owned())
            .spawn(move || work(&program, &inbox))?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    pub(super) fn spawn(&self) -> io::Result<Child> {
        let gone = || io::Error::new(ErrorKind::BrokenPipe, "the pool has ended");
        let (order, answer) = sync_channel(1);
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(program: &Program, inbox: &Receiver<Order>) {
    for order in inbox {
        // If nobody waits any more, the child ends with its standard input.
        let _ = order.send(spawn(program));
    }
}

fn spawn(program: &Program) -> io::Result<Child> {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(
            program
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.current_dir("/");
    }
    command.spawn()
}
