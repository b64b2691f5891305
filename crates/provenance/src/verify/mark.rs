//! The mark of a picture: read or, if it is too weak for that, matched with the ledger's ids.

use std::sync::{Arc, Mutex, PoisonError};

use colophon_ledger::{Ledger, LedgerError, RecordId};
use colophon_watermark::{Detection, Detector, IssuedIds, Payload, Plane};

use crate::binding::Examined;
use crate::lookup;
use crate::report::{FaintMark, compared_ids};

/// The watermark ids of a ledger, kept up with it.
#[derive(Default)]
pub(crate) struct LedgerIds(Mutex<Loaded>);

#[derive(Default)]
struct Loaded {
    /// `None` until the first ids are there.
    ids: Option<Arc<IssuedIds>>,
    /// The newest entry that is loaded.
    last: Option<RecordId>,
}

impl LedgerIds {
    /// All ids issued so far, `None` if there are none. Only those entered since the last call are
    /// loaded. Nothing is locked while the ids are in use.
    fn current(&self, ledger: &Ledger) -> Result<Option<Arc<IssuedIds>>, LedgerError> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = ledger.watermark_ids(loaded.last)?;
        let Some((last, _)) = fresh.last() else {
            return Ok(loaded.ids.clone());
        };
        loaded.last = Some(*last);
        let fresh = fresh.into_iter().map(|(_, id)| Payload(id));
        match &mut loaded.ids {
            None => loaded.ids = Some(Arc::new(IssuedIds::new(fresh))),
            Some(ids) => {
                let ids = Arc::make_mut(ids);
                fresh.for_each(|id| _ = ids.insert(id));
            }
        }
        Ok(loaded.ids.clone())
    }
}

/// What marks are looked for with.
#[derive(Clone, Copy)]
pub(crate) struct MarkReader<'a> {
    pub detector: &'a Detector,
    /// `None` if there is no ledger to match with.
    pub ledger: Option<&'a Ledger>,
    pub ids: &'a LedgerIds,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Mark {
    /// A mark that was read, or matched and confirmed.
    pub detection: Option<Detection>,
    /// A match that was not confirmed.
    pub faint: Option<FaintMark>,
    /// Why nothing could be matched, though there is a ledger.
    pub problem: Option<String>,
}

impl MarkReader<'_> {
    /// Looks for a mark in any pose. A match alone could be another picture's mark, and may never
    /// count against a picture: it counts only when the picture shows what was recorded under the id.
    pub fn read(&self, luma: &Plane) -> Mark {
        let (issued, problem) = match self.ledger.map(|ledger| self.ids.current(ledger)) {
            Some(Ok(issued)) => (issued, None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        let found = match &issued {
            Some(issued) => self.detector.detect_among(luma, issued),
            None => self.detector.detect(luma),
        };
        let nothing = Mark {
            problem,
            ..Mark::default()
        };
        let Some(found) = found else {
            return nothing;
        };
        let confirmed = match compared_ids(&found) {
            None => Ok(true),
            Some(_) => self.confirms(luma, &found),
        };
        match confirmed {
            Ok(true) => Mark {
                detection: Some(found),
                ..nothing
            },
            Ok(false) => Mark {
                // The match came first; there may be a mark to read all the same.
                detection: self.detector.detect(luma),
                faint: compared_ids(&found).map(|compared_ids| FaintMark { compared_ids }),
                ..nothing
            },
            Err(error) => Mark {
                problem: Some(error.to_string()),
                ..nothing
            },
        }
    }

    /// Whether the picture shows what was recorded under the id.
    fn confirms(&self, luma: &Plane, found: &Detection) -> Result<bool, LedgerError> {
        let examined = Examined {
            luma,
            placement: Some(&found.placement),
            hashes: None,
        };
        self.ledger.map_or(Ok(false), |ledger| {
            lookup::confirms(ledger, found.payload.0, examined)
        })
    }
}
