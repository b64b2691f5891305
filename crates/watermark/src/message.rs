//! From an id to a code word and back: CRC-32 and polar code.

use crate::polar::PolarCode;

const ID_BITS: usize = 64;
const CHECK_BITS: usize = 32;
/// Survivors that the list decoder keeps.
const LIST_SIZE: usize = 16;

/// The watermark id: 64 bits drawn at random for every issued picture. It is a key to the
/// ledger and carries no trust by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Payload(pub u64);

impl std::fmt::Display for Payload {
    /// Sixteen lower-case hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Payload {
    type Err = crate::WatermarkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(value) if hex => Ok(Payload(value)),
            _ => Err(crate::WatermarkError::BadPayload),
        }
    }
}

/// The code of the mark.
#[derive(Debug, Clone)]
pub(crate) struct MessageCode {
    polar: PolarCode,
}

impl MessageCode {
    pub(crate) fn new() -> Self {
        Self {
            polar: PolarCode::new(ID_BITS + CHECK_BITS),
        }
    }

    pub(crate) fn encode(&self, payload: Payload) -> Vec<bool> {
        let check = crc32(&payload.0.to_be_bytes());
        let id = (0..ID_BITS).map(|i| payload.0 >> (ID_BITS - 1 - i) & 1 == 1);
        let check = (0..CHECK_BITS).map(|i| check >> (CHECK_BITS - 1 - i) & 1 == 1);
        let message: Vec<bool> = id.chain(check).collect();
        self.polar.encode(&message)
    }

    /// The most likely id whose check agrees, for soft bits that are positive for 0.
    pub(crate) fn decode(&self, soft: &[f32]) -> Option<Payload> {
        self.polar
            .decode_list(soft, LIST_SIZE)
            .iter()
            .find_map(|message| {
                let (id, check) = message.split_at(ID_BITS);
                let word = |bits: &[bool]| {
                    bits.iter()
                        .fold(0u64, |sum, &bit| sum << 1 | u64::from(bit))
                };
                let id = word(id);
                (word(check) == u64::from(crc32(&id.to_be_bytes()))).then_some(Payload(id))
            })
    }
}

/// CRC-32 of ISO-HDLC (the one of PNG and Ethernet).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crc_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn noise_alone_has_no_id() {
        let code = MessageCode::new();
        let soft: Vec<f32> = (0..1024u32)
            .map(|i| ((i.wrapping_mul(2_654_435_761) >> 16) as f32 / 32768.0) - 1.0)
            .collect();
        assert_eq!(code.decode(&soft), None);
    }

    proptest! {
        #[test]
        fn ids_survive_a_tenth_of_flipped_bits(id in any::<u64>(), start in 0usize..10) {
            let code = MessageCode::new();
            let mut soft: Vec<f32> = code.encode(Payload(id)).iter().map(|&b| if b { -1.0 } else { 1.0 }).collect();
            soft.iter_mut().skip(start).step_by(10).for_each(|v| *v = -*v);
            prop_assert_eq!(code.decode(&soft), Some(Payload(id)));
        }

        #[test]
        fn text_form_round_trips(id in any::<u64>()) {
            prop_assert_eq!(Payload(id).to_string().parse::<Payload>().unwrap(), Payload(id));
        }
    }
}
