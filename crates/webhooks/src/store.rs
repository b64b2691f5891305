//! Endpoints and deliveries on disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use colophon_accounts::Tenant;
use colophon_imaging::write_atomic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::delivery::{Delivery, Due, Outcome, Posted};
use crate::endpoint::draw;
use crate::{
    Attempt, Disabled, Endpoint, EndpointId, Event, EventKind, NewEndpoint, WebhookError,
    next_attempt, sign,
};

/// Longest address or description, bytes.
const MOST_TEXT: usize = 2048;
/// Largest file read, bytes.
const MOST_FILE: u64 = 1 << 20;
/// An endpoint that fails is left alone for this long whatever waits for it, seconds.
const QUIET: i64 = 5;

/// How much of everything there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most endpoints of a tenant.
    pub endpoints_per_tenant: usize,
    /// Most messages that wait, of all tenants.
    pub deliveries: usize,
}

impl Default for Limits {
    /// 50 endpoints a tenant, 50,000 messages.
    fn default() -> Self {
        Self {
            endpoints_per_tenant: 50,
            deliveries: 50_000,
        }
    }
}

/// Endpoints and the messages that wait for them. Every call may touch the disk.
#[derive(Debug)]
pub struct Hooks {
    root: PathBuf,
    limits: Limits,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    endpoints: BTreeMap<EndpointId, Endpoint>,
    /// By when they are tried, then by age.
    waiting: BTreeMap<(i64, u64), Delivery>,
    /// Numbers given out.
    number: u64,
    /// Endpoints to which a message is just posted.
    busy: BTreeSet<EndpointId>,
    /// Endpoints that are left alone until then.
    quiet: HashMap<EndpointId, i64>,
}

impl Hooks {
    /// Opens the endpoints and messages in a folder, which is made if it is missing. Files that cannot be read are left
    /// as they are and named.
    ///
    /// # Errors
    /// [`WebhookError::Io`].
    pub fn open(root: &Path, limits: Limits) -> Result<(Self, Vec<PathBuf>), WebhookError> {
        let hooks = Self {
            root: root.to_path_buf(),
            limits,
            all: Mutex::default(),
        };
        make_folder(&hooks.deliveries())?;
        make_folder(&hooks.root.join("endpoints"))?;
        let mut damaged = Vec::new();
        {
            let mut all = hooks.lock();
            for tenant in entries(&hooks.root.join("endpoints"))? {
                if !tenant.is_dir() {
                    continue;
                }
                for path in entries(&tenant)? {
                    match read::<Endpoint>(&path) {
                        Some(endpoint) => {
                            all.endpoints.insert(endpoint.id, endpoint);
                        }
                        None => damaged.push(path),
                    }
                }
            }
            let mut waiting = Vec::new();
            for path in entries(&hooks.deliveries())? {
                match read::<Delivery>(&path) {
                    // Of an endpoint that was deleted.
                    Some(delivery) if !all.endpoints.contains_key(&delivery.endpoint) => {
                        remove(&path)?;
                    }
                    Some(delivery) => waiting.push(delivery),
                    None => damaged.push(path),
                }
            }
            waiting.sort_by_key(|delivery| delivery.created);
            for delivery in waiting {
                all.wait(delivery);
            }
        }
        Ok((hooks, damaged))
    }

    /// Makes an endpoint.
    ///
    /// # Errors
    /// [`WebhookError::TooManyEndpoints`], [`WebhookError::TooLong`], [`WebhookError::Random`], or the disk's.
    pub fn create(&self, new: NewEndpoint, now: i64) -> Result<Endpoint, WebhookError> {
        let description = new.description.as_deref().unwrap_or_default();
        if new.url.len().max(description.len()) > MOST_TEXT {
            return Err(WebhookError::TooLong(MOST_TEXT));
        }
        let mut all = self.lock();
        let most = self.limits.endpoints_per_tenant;
        if all.of(&new.tenant).count() >= most {
            return Err(WebhookError::TooManyEndpoints(most));
        }
        let endpoint = Endpoint::new(new, now)?;
        make_folder(&self.root.join("endpoints").join(endpoint.tenant.as_str()))?;
        self.write(&endpoint)?;
        all.endpoints.insert(endpoint.id, endpoint.clone());
        Ok(endpoint)
    }

    /// A tenant's endpoints, oldest first.
    pub fn list(&self, tenant: &Tenant) -> Vec<Endpoint> {
        let all = self.lock();
        let mut endpoints: Vec<Endpoint> = all.of(tenant).cloned().collect();
        endpoints.sort_by_key(|endpoint| (endpoint.created, endpoint.id));
        endpoints
    }

    /// A tenant's endpoint.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`].
    pub fn get(&self, tenant: &Tenant, id: EndpointId) -> Result<Endpoint, WebhookError> {
        self.lock().get(tenant, id).cloned()
    }

    /// How many messages wait for an endpoint.
    pub fn waiting(&self, id: EndpointId) -> usize {
        let all = self.lock();
        let waiting = all.waiting.values();
        waiting.filter(|delivery| delivery.endpoint == id).count()
    }

    /// Removes an endpoint and what waits for it.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`], or the disk's.
    pub fn delete(&self, tenant: &Tenant, id: EndpointId) -> Result<(), WebhookError> {
        let mut all = self.lock();
        let endpoint = all.get(tenant, id)?.clone();
        remove(&self.path(&endpoint))?;
        all.endpoints.remove(&id);
        self.drop_waiting(&mut all, id)
    }

    /// Gives an endpoint a new key; the one before signs beside it for a day.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`], [`WebhookError::Random`], or the disk's.
    pub fn rotate(
        &self,
        tenant: &Tenant,
        id: EndpointId,
        now: i64,
    ) -> Result<Endpoint, WebhookError> {
        let mut all = self.lock();
        let mut endpoint = all.get(tenant, id)?.clone();
        endpoint.rotate(now)?;
        self.write(&endpoint)?;
        all.endpoints.insert(id, endpoint.clone());
        Ok(endpoint)
    }

    /// Sends an event to a tenant's endpoints that want it, or to one of them alone. An event that waits already for an
    /// endpoint is not sent twice. Returns to how many.
    ///
    /// # Errors
    /// [`WebhookError::TooManyDeliveries`], or the disk's.
    pub fn send(
        &self,
        tenant: &Tenant,
        only: Option<EndpointId>,
        event: &Event,
        now: i64,
    ) -> Result<usize, WebhookError> {
        let mut all = self.lock();
        let wants = |endpoint: &&Endpoint| {
            endpoint.disabled.is_none()
                && endpoint.events.contains(&event.kind)
                && only.is_none_or(|only| only == endpoint.id)
        };
        let to: Vec<EndpointId> = all.of(tenant).filter(wants).map(|it| it.id).collect();
        if all.waiting.len() + to.len() > self.limits.deliveries {
            return Err(WebhookError::TooManyDeliveries(self.limits.deliveries));
        }
        let mut sent = 0;
        for endpoint in to {
            let delivery = Delivery {
                event: event.id.clone(),
                kind: event.kind,
                tenant: tenant.clone(),
                endpoint,
                body: event.body(),
                created: now,
                attempts: 0,
                next: now,
            };
            let path = self.deliveries().join(delivery.file());
            if path.exists() {
                continue;
            }
            write(&path, &delivery)?;
            all.wait(delivery);
            sent += 1;
        }
        Ok(sent)
    }

    /// A message to post now, if any is due: the oldest, and none to an endpoint to which one is just posted.
    pub fn due(&self, now: i64) -> Option<Due> {
        let mut all = self.lock();
        let place = all
            .waiting
            .range(..=(now, u64::MAX))
            .find(|(_, delivery)| all.is_free(delivery.endpoint, now))
            .map(|(place, _)| *place)?;
        let delivery = all.waiting.remove(&place)?;
        let endpoint = all.endpoints.get(&delivery.endpoint)?.clone();
        all.busy.insert(endpoint.id);
        Some(message(&endpoint, delivery, true, now))
    }

    /// When the next message is due; `None` when none waits.
    pub fn next_time(&self, now: i64) -> Option<i64> {
        let all = self.lock();
        let times = all.waiting.iter().filter_map(|((next, _), delivery)| {
            let quiet = all.quiet.get(&delivery.endpoint).copied();
            let busy = all.busy.contains(&delivery.endpoint);
            (!busy).then(|| (*next).max(quiet.unwrap_or(*next)).max(now))
        });
        times.min()
    }

    /// A message to try an endpoint with, also one that is disabled. It is tried once; if it arrives, the endpoint is
    /// enabled again.
    ///
    /// # Errors
    /// [`WebhookError::Unknown`], [`WebhookError::Random`].
    pub fn test(&self, tenant: &Tenant, id: EndpointId, now: i64) -> Result<Due, WebhookError> {
        let endpoint = self.get(tenant, id)?;
        let event = Event {
            id: format!("msg_{:032x}", u128::from_be_bytes(draw()?)),
            kind: EventKind::Test,
            at: now,
            data: json!({ "webhook": id.to_string() }),
        };
        let delivery = Delivery {
            body: event.body(),
            event: event.id,
            kind: event.kind,
            tenant: tenant.clone(),
            endpoint: id,
            created: now,
            attempts: 0,
            next: now,
        };
        Ok(message(&endpoint, delivery, false, now))
    }

    /// Notes what came of a message: an answer, or why there is none. `chance` is a random byte.
    ///
    /// # Errors
    /// The disk's; the message is then tried once more after the next start.
    pub fn done(
        &self,
        due: Due,
        came: Result<Posted, String>,
        now: i64,
        chance: u8,
    ) -> Result<Outcome, WebhookError> {
        let Due {
            mut delivery, kept, ..
        } = due;
        let mut all = self.lock();
        if kept {
            all.busy.remove(&delivery.endpoint);
        }
        let path = self.deliveries().join(delivery.file());
        let Some(endpoint) = all.endpoints.get_mut(&delivery.endpoint) else {
            // Deleted meanwhile.
            remove(&path)?;
            return Ok(Outcome::GivenUp);
        };
        delivery.attempts += 1;
        let status = came.as_ref().ok().map(|posted| posted.status);
        let arrived = status.is_some_and(|status| (200..300).contains(&status));
        let retry_after = came.as_ref().ok().and_then(|posted| posted.retry_after);
        endpoint.last = Some(Attempt {
            at: now,
            event: delivery.kind,
            status,
            error: match came {
                Ok(_) if arrived => None,
                Ok(posted) => Some(format!("it answered status {}", posted.status)),
                Err(why) => Some(why),
            },
        });
        let next = next_attempt(delivery.attempts, retry_after, chance).filter(|_| kept);
        let outcome = match next {
            _ if arrived => {
                endpoint.arrived = Some(now);
                if !kept {
                    endpoint.disabled = None;
                }
                Outcome::Delivered
            }
            _ if status == Some(410) => Outcome::Gone,
            Some(delay) => Outcome::Again(now.saturating_add(delay)),
            None => Outcome::GivenUp,
        };
        let failing = outcome == Outcome::GivenUp
            && kept
            && endpoint.arrived.is_none_or(|at| at < delivery.created);
        let why = if outcome == Outcome::Gone {
            Some("gone")
        } else {
            failing.then_some("failing")
        };
        if let Some(why) = why {
            endpoint.disabled = Some(Disabled {
                at: now,
                why: why.to_owned(),
            });
        }
        let disabled = endpoint.disabled.is_some();
        let endpoint = endpoint.clone();
        self.write(&endpoint)?;
        if arrived {
            all.quiet.remove(&endpoint.id);
        } else {
            let quiet = retry_after.unwrap_or_default().clamp(QUIET, 86_400);
            all.quiet.insert(endpoint.id, now.saturating_add(quiet));
        }
        if let Outcome::Again(next) = outcome {
            delivery.next = next;
            write(&path, &delivery)?;
            all.wait(delivery);
        } else if kept {
            remove(&path)?;
        }
        if disabled {
            self.drop_waiting(&mut all, endpoint.id)?;
        }
        Ok(outcome)
    }

    fn drop_waiting(&self, all: &mut All, id: EndpointId) -> Result<(), WebhookError> {
        let gone: Vec<(i64, u64)> = all
            .waiting
            .iter()
            .filter(|(_, delivery)| delivery.endpoint == id)
            .map(|(place, _)| *place)
            .collect();
        for place in gone {
            if let Some(delivery) = all.waiting.remove(&place) {
                remove(&self.deliveries().join(delivery.file()))?;
            }
        }
        Ok(())
    }

    fn deliveries(&self) -> PathBuf {
        self.root.join("deliveries")
    }

    fn path(&self, endpoint: &Endpoint) -> PathBuf {
        let tenant = self.root.join("endpoints").join(endpoint.tenant.as_str());
        tenant.join(format!("{}.json", endpoint.id))
    }

    fn write(&self, endpoint: &Endpoint) -> Result<(), WebhookError> {
        write(&self.path(endpoint), endpoint)
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn of(&self, tenant: &Tenant) -> impl Iterator<Item = &Endpoint> {
        let endpoints = self.endpoints.values();
        endpoints.filter(move |endpoint| endpoint.tenant == *tenant)
    }

    fn get(&self, tenant: &Tenant, id: EndpointId) -> Result<&Endpoint, WebhookError> {
        let found = self.endpoints.get(&id);
        found
            .filter(|endpoint| endpoint.tenant == *tenant)
            .ok_or(WebhookError::Unknown)
    }

    fn wait(&mut self, delivery: Delivery) {
        self.number += 1;
        self.waiting.insert((delivery.next, self.number), delivery);
    }

    fn is_free(&self, id: EndpointId, now: i64) -> bool {
        let quiet = self.quiet.get(&id).is_some_and(|until| now < *until);
        self.endpoints.contains_key(&id) && !self.busy.contains(&id) && !quiet
    }
}

fn message(endpoint: &Endpoint, delivery: Delivery, kept: bool, now: i64) -> Due {
    Due {
        url: endpoint.url.clone(),
        headers: sign(
            &endpoint.keys(now),
            &delivery.event,
            now,
            delivery.body.as_bytes(),
        ),
        body: delivery.body.clone(),
        delivery,
        kept,
    }
}

/// A folder that only the owner looks into: files in it hold secrets.
fn make_folder(path: &Path) -> Result<(), WebhookError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(WebhookError::io("make", path))
}

fn entries(of: &Path) -> Result<Vec<PathBuf>, WebhookError> {
    let entries = fs::read_dir(of).map_err(WebhookError::io("list", of))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(WebhookError::io("list", of))?;
    // A file that was being written when the process ended has another ending.
    Ok(paths
        .into_iter()
        .filter(|path| path.is_dir() || path.extension().is_some_and(|it| it == "json"))
        .collect())
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), WebhookError> {
    let json =
        serde_json::to_vec(value).map_err(|error| WebhookError::io("write", path)(error.into()))?;
    Ok(write_atomic(path, &json, true)?)
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut json = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MOST_FILE).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

fn remove(path: &Path) -> Result<(), WebhookError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(WebhookError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
