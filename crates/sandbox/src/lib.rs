//! Untrusted work in child processes.
//!
//! What reads the bytes of strangers runs in a child that can do nothing but compute: it takes a [`Request`] from
//! its standard input and gives a [`Reply`] to its standard output. Whatever happens to it, a crash, an endless loop,
//! a takeover by a hostile file, is a [`Failure`] of that one request; the next request finds a fresh child.
//!
//! - The child calls [`confine`] once it has opened what it needs, and then [`serve`].
//! - The parent holds a [`Pool`] of children and calls [`Pool::submit`] from as many threads as it likes.
//!
//! The crate knows nothing of what is computed. How the child is confined, and what each layer holds against, is told
//! at [`confine`].

mod clean;
mod confine;
mod failure;
mod frame;
mod pool;
mod worker;

pub use confine::{Confinement, Rules, confine};
pub use failure::{Cause, End, Failure};
pub use frame::{Caps, Part, Reply, Request};
pub use pool::{Counts, Pool, PoolOptions, Program};
pub use worker::{ServeError, serve};
