//! How many connections each address has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection of an address; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// A place, unless the address has so many already. An IPv6 address stands for its /64, which one customer has.
    pub fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        let address = match address.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            places: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Places::default();
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = places.take(at("192.0.2.1"), 2).unwrap();
        let second = places.take(at("::ffff:192.0.2.1"), 2);
        assert!(second.is_some());
        assert!(places.take(at("192.0.2.1"), 2).is_none());
        assert!(
            places.take(at("192.0.2.2"), 2).is_some(),
            "another has its own"
        );
        drop(first);
        assert!(places.take(at("192.0.2.1"), 2).is_some());
        drop(second);
        let one = places.take(at("2001:db8::1"), 1);
        assert!(
            one.is_some() && places.take(at("2001:db8::2"), 1).is_none(),
            "one /64"
        );
        drop(one);
        assert!(
            places.0.lock().unwrap().is_empty(),
            "nothing is left behind"
        );
    }
}
