//! Tells the service manager how the service is (`sd_notify(3)`): one datagram to the socket that it names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Variable with the socket's address; a name that begins with `@` is in Linux's abstract namespace.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Variable with the microseconds within which the manager wants to hear of us.
const WATCHDOG: &str = "WATCHDOG_USEC";

/// Tells it; nothing where no manager asked. That it cannot be told is no reason to fail.
pub fn tell(what: &str) {
    let Some(socket) = std::env::var_os(SOCKET) else {
        return;
    };
    #[cfg(unix)]
    let _ = send(&socket, what.as_bytes());
    #[cfg(not(unix))]
    let _ = socket;
}

#[cfg(unix)]
fn send(socket: &std::ffi::OsStr, what: &[u8]) -> std::io::Result<usize> {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixDatagram;

    let sender = UnixDatagram::unbound()?;
    match socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            sender.send_to_addr(what, &address)
        }
        _ => sender.send_to(what, socket),
    }
}

/// Tells the manager again and again that the service lives, as long as `alive` says so and until dropped.
#[derive(Debug)]
pub struct Watchdog {
    stop: Arc<(Mutex<()>, Condvar, AtomicBool)>,
}

impl Watchdog {
    /// Begins, where the manager asked for it.
    pub fn start(alive: impl Fn() -> bool + Send + 'static) -> Self {
        let stop = Arc::new((Mutex::new(()), Condvar::new(), AtomicBool::new(false)));
        let asked = std::env::var(WATCHDOG).ok().and_then(|us| us.parse().ok());
        if let Some(us) = asked {
            // Twice in each span, as the manual asks.
            let pause = Duration::from_micros(us) / 2;
            let told = Arc::clone(&stop);
            let thread = std::thread::Builder::new().name("colophon-watchdog".to_owned());
            // Without the thread the manager restarts us, which is what it is there for.
            let _ = thread.spawn(move || {
                let (lock, changed, over) = &*told;
                let mut guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
                while !over.load(Ordering::SeqCst) {
                    if alive() {
                        tell("WATCHDOG=1");
                    }
                    let waited = changed.wait_timeout(guard, pause);
                    guard = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            });
        }
        Self { stop }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.2.store(true, Ordering::SeqCst);
        self.stop.1.notify_all();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::ffi::OsStr;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    #[test]
    fn a_manager_hears_of_us_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), b"READY=1").unwrap();
        let mut heard = [0; 64];
        let length = by_path.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"READY=1");

        let name = format!("colophon-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), b"STOPPING=1").unwrap();
        let length = by_name.recv(&mut heard).unwrap();
        assert_eq!(&heard[..length], b"STOPPING=1");
    }
}
