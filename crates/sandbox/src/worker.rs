//! The child's side.

use std::any::Any;
use std::io::{self, BufWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::clean::clean;
use crate::frame::{self, Broken, Caps, FAULT, HELLO, Reply, Request};
use crate::{Confinement, confine};

/// Why serving ended before the parent was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The parent is gone, or its pipe.
    #[error("the parent process cannot be reached ({0})")]
    Parent(#[from] io::Error),
    /// What came in is no request.
    #[error("{0} came in: this program was not started by a pool")]
    Protocol(&'static str),
    /// The work panicked. The parent was told.
    #[error("the work panicked")]
    Panicked,
}

/// Answers requests from standard input on standard output until the parent is done.
///
/// Nothing else may be written to standard output. A panic of `work` is told to the parent and ends the serving, so
/// that nothing half done is used again; the parent starts a fresh child.
///
/// # Errors
/// [`ServeError`]; the caller should end the process.
pub fn serve(
    confinement: &Confinement,
    caps: &Caps,
    mut work: impl FnMut(Request<'_>) -> Reply,
) -> Result<(), ServeError> {
    let (mut input, output) = streams()?;
    let mut output = BufWriter::with_capacity(64 << 10, output);
    frame::write(&mut output, HELLO, &[&[confinement.to_bits()]])?;
    output.flush()?;
    loop {
        let (header, body) = match frame::read_request(&mut input, caps) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(Broken::Gone) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Err(Broken::Protocol(what)) => return Err(ServeError::Protocol(what)),
        };
        confine::renew(confinement);
        let request = Request {
            header: &header,
            body: &body,
        };
        match catch_unwind(AssertUnwindSafe(|| work(request))) {
            Ok(reply) => frame::write_reply(&mut output, &reply, caps)?,
            Err(panic) => {
                let message = clean(words(&*panic).as_bytes(), 300);
                frame::write(&mut output, FAULT, &[message.as_bytes()])?;
                output.flush()?;
                return Err(ServeError::Panicked);
            }
        }
    }
}

/// Standard input and output without the buffers of the standard library, which look for ends of lines.
#[cfg(unix)]
fn streams() -> io::Result<(impl Read, impl Write)> {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((File::from(input), File::from(output)))
}

#[cfg(not(unix))]
fn streams() -> io::Result<(impl Read, impl Write)> {
    Ok((io::stdin().lock(), io::stdout().lock()))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let fixed = panic.downcast_ref::<&str>().copied();
    let made = panic.downcast_ref::<String>().map(String::as_str);
    fixed.or(made).unwrap_or("a panic without a message")
}
