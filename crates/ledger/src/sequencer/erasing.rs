//! Erasing in one shard.

use super::Sequencer;
use crate::erase::{ErasureOutcome, Order, Plan};
use crate::error::LedgerError;
use crate::record::Prepared;
use crate::shards::RecordId;

impl Sequencer {
    /// Prepares an erasure; writes nothing.
    pub fn plan_erasure(&self, order: &Order) -> Result<Plan, LedgerError> {
        Plan::new(&self.db, self.shard, order, None)
    }

    /// Enters the redactions and removes the parts in one commit, then cleans the files of what was removed. After
    /// [`LedgerError::NoQuorum`] all of this was done.
    pub fn erase(&mut self, plan: Plan) -> Result<ErasureOutcome, LedgerError> {
        let (records, batch): (Vec<RecordId>, Vec<Prepared>) = plan.redactions.into_iter().unzip();
        let committed = if batch.is_empty() {
            Ok(Vec::new())
        } else {
            self.commit(&batch)
        };
        if let Err(error) = &committed
            && !matches!(error, LedgerError::NoQuorum(_))
        {
            return Err(error.clone());
        }
        self.settle()?;
        self.step()?;
        // Also when nothing was left to erase: an earlier erasure may have been interrupted before this.
        let is_clean = self.db.scrub()?;
        self.step()?;
        Ok(ErasureOutcome {
            erased: records.into_iter().zip(committed?).collect(),
            already: plan.already,
            is_clean,
        })
    }
}
