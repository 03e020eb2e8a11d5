//! How many connections there are at once, in all and from one place.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds on connections that are open.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    by_place: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most_per_place: usize,
}

/// Room for one connection, from wherever it will come.
pub(super) struct Room {
    permit: Option<OwnedSemaphorePermit>,
    places: Places,
}

/// A connection that is counted until this is dropped.
pub(super) struct Place {
    place: IpAddr,
    places: Places,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(most: usize, most_per_place: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), by_place: Arc::default(), most_per_place }
    }

    /// Waits until there is room for one more; whoever comes meanwhile waits in the queue of the operating system.
    pub(super) async fn room(&self) -> Room {
        // It is never closed.
        Room { permit: Arc::clone(&self.all).acquire_owned().await.ok(), places: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// A connection from this address; `None` where its place has as many as it may.
    pub(super) fn taken_by(self, source: IpAddr) -> Option<Place> {
        let Self { permit, places } = self;
        let place = place(source);
        let mut by_place = places.lock();
        let count = by_place.entry(place).or_insert(0);
        if *count >= places.most_per_place {
            return None;
        }
        *count += 1;
        drop(by_place);
        Some(Place { place, places, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_place = self.places.lock();
        if let Some(count) = by_place.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                by_place.remove(&self.place);
            }
        }
    }
}

/// An IPv4 address, also one that comes through an IPv6 socket, or an IPv6 network of 64 bits, which is what one host is given.
fn place(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}
