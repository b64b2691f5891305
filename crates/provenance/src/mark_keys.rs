//! The watermark keys of all times: the one in use marks, all of them read.

use colophon_keys::{KeyStore, KeysError};
use colophon_watermark::{Detector, WatermarkKey};

/// The keys of a home.
pub(crate) struct MarkKeys {
    pub current: WatermarkKey,
    former: Vec<WatermarkKey>,
    /// Their ids, the key in use first: what a detector's key index tells.
    pub ids: Vec<String>,
}

impl MarkKeys {
    /// # Errors
    /// What keeps a key from being read. A former one counts as well: without it, marks would be
    /// missed silently.
    pub fn open(keys: &KeyStore) -> Result<Self, KeysError> {
        let mut all = Self {
            current: WatermarkKey::new(*keys.watermark_key()?),
            former: Vec::new(),
            ids: vec![keys.watermark_key_id()?.to_owned()],
        };
        for (id, key) in keys.former_watermark_keys() {
            all.former.push(WatermarkKey::new(*key?));
            all.ids.push(id);
        }
        Ok(all)
    }

    /// Looks for marks of every key, the one in use first. Poses are searched once for all keys.
    pub fn detector(&self) -> Detector {
        Detector::new([&self.current].into_iter().chain(&self.former))
    }
}
