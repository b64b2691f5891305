//! `serve`: the API and the pages, from one process.

mod jobs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use colophon_gateway::{NearHost, TraceCollector};
use colophon_keys::KeyStore;
use colophon_provenance::Home;
use colophon_provenance::trust::Lists;
use colophon_server::{
    Background, Collects, Limits, Ops, ServeSettings, Server, ServerError, Service, Tls,
    service_routes,
};

use super::{Context, callers, expiry_notes, issuing, now, probe, settings};
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::makers::Makers;
use crate::notify::{self, Watchdog};
use crate::serving::{ConfinedChecks, GuardedFetches};

/// How often the files of certificate and policies are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// After how many looks files whose time is over are deleted.
const TIDY: u32 = 12;

/// Longest time for sending spans.
const COLLECT: Duration = Duration::from_secs(10);

/// Runs `serve`.
pub fn run(context: &Context<'_>, options: &args::Service) -> Result<Exit, Failure> {
    let home = context.home()?;
    let settings = settings::read(&home, &options.settings.0)?;
    if options.probe {
        return probe::run(&settings);
    }
    let tls = tls(&home, &settings)?;
    let collector = collector(&settings)?;
    if options.check {
        return check(context, &home);
    }
    let passphrase = issuing::passphrase(context, &home)?;
    let issuer = {
        let _writing = context.interrupt.writing();
        issuing::open_with(context, &home, passphrase, None)?
    };
    let checks = Arc::new(ConfinedChecks::new(context)?);
    let fetches = Arc::new(GuardedFetches::new(near_hosts(&settings)?));
    let limits = settings.limits();
    let server = Server::listen(settings.listen)?.behind(settings.trusted_proxies.clone());
    let ops = Ops::new(
        settings.clone(),
        server.address(),
        Box::new(std::io::stderr()),
    );
    let ops = match collector {
        Some(collector) => ops.with_collector(collector),
        None => ops,
    };
    let server = server.counting(ops.connections());
    let address = address(&server, tls.is_some());
    let callers = callers::open(&home, &settings, &address)?;
    let makers = Makers::new(&home, issuer.limits().clone())?;
    let jobs = jobs::open(
        context,
        &home,
        settings.near_webhooks,
        Arc::clone(&fetches) as _,
    )?;
    let service = Service::new(
        home,
        Arc::new(issuer),
        checks,
        settings.service(),
        Arc::new(now),
    )
    .with_models(Arc::new(makers))
    .with_ops(ops)
    .with_access(callers.access)
    .with_jobs(jobs)
    .with_fetches(fetches);
    say_where(context, &server, tls.is_some())?;
    callers::say(context, &address, callers.owner.as_ref())?;
    let service = Arc::new(service);
    serve(context, &service, server, tls.as_ref(), limits)?;
    // Whoever holds the ledger writes out what is left of it when the last one lets go.
    drop(service);
    Ok(Exit::DONE)
}

fn address(server: &Server, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}", server.address())
}

fn say_where(context: &Context<'_>, server: &Server, secure: bool) -> Result<(), Failure> {
    let printer = context.printer;
    printer.say(&format!("Colophon is at {}", address(server, secure)))?;
    if !secure && !server.address().ip().is_loopback() {
        printer
            .note("this is plain HTTP, open to the network; put a proxy in front that does HTTPS, or set `serve.tls_certificate`");
    }
    Ok(())
}

/// Serves until told to stop, and tells the service manager.
fn serve(
    context: &Context<'_>,
    service: &Arc<Service>,
    server: Server,
    tls: Option<&Arc<Tls>>,
    limits: Limits,
) -> Result<(), Failure> {
    let routes = service_routes(Arc::clone(service));
    let server = match tls {
        Some(tls) => server.with_tls(Arc::clone(tls)),
        None => server,
    };
    let stop = service.ops.stop().clone();
    let over = AtomicBool::new(false);
    let reload = || {
        if let Some(tls) = tls {
            read_again(context, service, tls);
        }
        callers::read_again(context, service);
    };
    let background = Background::start(Arc::clone(service)).map_err(ServerError::Threads)?;
    notify::tell("READY=1");
    let watched = Arc::clone(service);
    let watchdog = Watchdog::start(move || !watched.ops.stop().is_told());
    std::thread::scope(|scope| {
        let looker = scope.spawn(|| {
            for look in (0..TIDY).cycle() {
                if look == 0 {
                    service.tidy_served();
                }
                if over.load(Ordering::SeqCst) {
                    break;
                }
                std::thread::park_timeout(LOOK);
                if !over.load(Ordering::SeqCst) {
                    reload();
                }
            }
        });
        let done = context.interrupt.serve_and_reload(
            || {
                notify::tell("STOPPING=1");
                if let Some(jobs) = &service.jobs {
                    jobs.stop();
                }
                stop.stop();
            },
            reload,
            || server.run(routes, limits, &stop),
        );
        over.store(true, Ordering::SeqCst);
        looker.thread().unpark();
        done
    })?;
    background.stop();
    drop(watchdog);
    Ok(())
}

/// Reads the certificate again; that it cannot be used is told once, and the one before stays in use.
fn read_again(context: &Context<'_>, service: &Service, tls: &Tls) {
    let failed = match tls.reload() {
        Ok(false) if !service.ops.certificate_failed() => return,
        Ok(changed) => {
            if changed {
                context.printer.note("the certificate was read again");
            }
            None
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(reason) = &failed
        && !service.ops.certificate_failed()
    {
        context
            .printer
            .note(&format!("the certificate in use stays: {reason}"));
    }
    service.ops.certificate_reloaded(failed);
}

fn tls(home: &Home, settings: &ServeSettings) -> Result<Option<Arc<Tls>>, Failure> {
    let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) else {
        return Ok(None);
    };
    let (certificate, key) = (settings::file(home, certificate), settings::file(home, key));
    Ok(Some(Arc::new(Tls::load(&certificate, &key)?)))
}

/// Hosts of private networks from which pictures are fetched.
fn near_hosts(settings: &ServeSettings) -> Result<Vec<NearHost>, Failure> {
    let hosts = settings.fetch_hosts.0.iter().map(|host| {
        let parsed = host.parse::<NearHost>();
        parsed.map_err(|why| Failure::Request(format!("`serve.fetch_hosts`: {why}")))
    });
    hosts.collect()
}

/// Where spans of requests are sent, if anywhere.
fn collector(settings: &ServeSettings) -> Result<Option<Arc<dyn Collects>>, Failure> {
    struct Collector(TraceCollector);

    impl Collects for Collector {
        fn collect(&self, request: &[u8]) -> Result<(), String> {
            self.0.send(request).map_err(|error| error.to_string())
        }
    }

    let Some(address) = &settings.otlp_endpoint else {
        return Ok(None);
    };
    let collector = TraceCollector::new(address, COLLECT)?;
    Ok(Some(Arc::new(Collector(collector))))
}

/// Looks at everything that `serve` would open, and changes nothing.
fn check(context: &Context<'_>, home: &Home) -> Result<Exit, Failure> {
    if home.has_keys() {
        let passphrase = issuing::passphrase(context, home)?;
        KeyStore::open(&home.keys(), passphrase)?.claim_signer()?;
        home.open_ledger_read_only()?;
    } else {
        context
            .printer
            .note("there are no keys yet; `serve` would make some");
    }
    home.policies_in_force()?;
    home.witness_policy()?;
    Lists::load(Some(home))?;
    expiry_notes(context, home);
    context
        .printer
        .say("Settings, certificate, keys, ledger, policies and trust lists can be used.")?;
    Ok(Exit::DONE)
}
