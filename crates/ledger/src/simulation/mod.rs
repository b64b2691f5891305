//! Power failures and refusing disks, simulated: see `docs/durability.md`.
//!
//! [`disk`] is the disk, [`sqlite`] lets `SQLite` write to it, [`crash`] fails the power in the middle of random
//! work and looks at what recovery makes of the rest, [`faults`] lets operations fail.

mod crash;
mod disk;
mod failure;
mod faults;
mod random;
mod rewrap;
mod shards;
mod sqlite;
mod work;
