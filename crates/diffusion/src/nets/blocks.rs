//! The repeated blocks of a network: all in memory, or read again for each evaluation while the one before is
//! computed, for devices that cannot hold them all.

use super::Result;
use crate::error::DiffusionError;

type Load<B> = Box<dyn Fn(usize) -> Result<B> + Send + Sync>;

/// Blocks of one kind, in their order.
pub(crate) struct Blocks<B> {
    count: usize,
    held: Held<B>,
}

enum Held<B> {
    Resident(Vec<B>),
    Streamed(Load<B>),
}

impl<B: Send> Blocks<B> {
    /// `load` makes the block of a number; it is called once for each now, or in every evaluation where they are to
    /// be streamed.
    pub(crate) fn new(
        count: usize,
        streamed: bool,
        load: impl Fn(usize) -> Result<B> + Send + Sync + 'static,
    ) -> Result<Self> {
        let held = if streamed {
            Held::Streamed(Box::new(load))
        } else {
            Held::Resident((0..count).map(load).collect::<Result<_>>()?)
        };
        Ok(Self { count, held })
    }

    /// Calls `work` with each block in turn. Of streamed ones the next is read meanwhile, so two are in memory.
    pub(crate) fn each(&self, mut work: impl FnMut(usize, &B) -> Result<()>) -> Result<()> {
        match &self.held {
            Held::Resident(blocks) => blocks
                .iter()
                .enumerate()
                .try_for_each(|(i, block)| work(i, block)),
            Held::Streamed(load) => {
                if self.count == 0 {
                    return Ok(());
                }
                let mut block = load(0)?;
                for index in 0..self.count {
                    let next = std::thread::scope(|scope| {
                        let ahead =
                            (index + 1 < self.count).then(|| scope.spawn(|| load(index + 1)));
                        work(index, &block)?;
                        match ahead.map(std::thread::ScopedJoinHandle::join) {
                            None => Ok(None),
                            Some(Ok(next)) => next.map(Some),
                            Some(Err(_)) => Err(DiffusionError::Compute(
                                "reading a block panicked".to_owned(),
                            )),
                        }
                    })?;
                    if let Some(next) = next {
                        block = next;
                    }
                }
                Ok(())
            }
        }
    }
}
