//! One request for pictures: asked of the policies, made, issued, told step by step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use colophon_accounts::Tenant;
use colophon_provenance::{
    Destination, Format, GeneratedRequest, GenerationFacts, IssueOptions, Issued, ModelOutput,
    Prompt, preview_file,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::answer;
use super::refused::{by_issuer, by_maker};
use super::stamp::place;
use super::upload::{Upload, of_disk};
use crate::api::makes::{MadePixels, Making, Order, Pixels, StartPicture, Step, Watcher};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;

/// The part of a form that errors about the picture to start from name.
const PICTURE: &str = "image";

/// Pictures that are wanted.
pub(super) struct Job {
    pub order: Order,
    /// The picture to start from and its mask, not yet read.
    pub start: Option<(Upload, Option<Upload>, Option<f32>)>,
    pub count: u32,
    pub keep_prompt: bool,
    pub options: IssueOptions,
    pub format: Format,
    pub tenant: Tenant,
}

/// What happens, in this order: [`Event::Begun`], for each picture any number of the next two and then
/// [`Event::Issued`]; or [`Event::Failed`] at any place, which is the last one then.
pub(super) enum Event {
    /// The policies allow it and the model can do it.
    Begun(Begun),
    /// A step of picture `number`, counted from 0.
    Step { number: u32, done: u32, of: u32 },
    /// What picture `number` looks like by now: a file.
    Preview { number: u32, file: Vec<u8> },
    /// Picture `number` was issued.
    Issued(Box<One>),
    /// Nothing more comes.
    Failed(Problem),
}

/// What is known before the first picture.
pub(super) struct Begun {
    /// Fields that the model does not know, or that the policies do not leave.
    pub ignored: Vec<&'static str>,
}

/// An issued picture.
pub(super) struct One {
    pub number: u32,
    pub issued: Issued,
    pub made: answer::Making,
    pub file: Vec<u8>,
}

/// A job that runs. Dropped, it is stopped: what is being made is given up at its next step, and what is being issued is
/// finished, since its record may be written already.
pub(super) struct Running {
    pub events: UnboundedReceiver<Event>,
    stop: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Gives up the place in the queue, if it waits for one.
        self.task.abort();
    }
}

/// Starts a job. For a caller inside of a runtime.
pub(super) fn start(service: Arc<Service>, job: Job) -> Running {
    // The job must never wait for a slow reader, and its events are few: its pictures and three previews of each.
    let (sender, events) = unbounded_channel();
    let stop = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn({
        let (sender, stop) = (sender, Arc::clone(&stop));
        async move {
            let failed = sender.clone();
            let runs = Arc::clone(&service);
            let work = move || {
                Work {
                    service: &runs,
                    sender: &sender,
                    stop: &stop,
                }
                .all(job)
            };
            if let Ok(Err(problem)) | Err(problem) = service.issuing.run(work).await {
                // Nobody listens any more: then nobody needs to know.
                let _ = failed.send(Event::Failed(problem));
            }
        }
    });
    Running {
        events,
        stop,
        task: task.abort_handle(),
    }
}

struct Work<'a> {
    service: &'a Service,
    sender: &'a UnboundedSender<Event>,
    stop: &'a AtomicBool,
}

/// What all pictures of a job share.
struct Shared<'a> {
    making: &'a dyn Making,
    prompt: Prompt,
    options: IssueOptions,
    format: Format,
    tenant: Tenant,
    shows: bool,
}

impl Work<'_> {
    fn all(&self, job: Job) -> Result<(), Problem> {
        if self.is_stopped() {
            return Ok(());
        }
        let makes = self.service.makes.as_ref().ok_or_else(|| {
            Problem::new(ProblemKind::NotImplemented).with_detail("no model is set up here")
        })?;
        let mut order = job.order;
        order.start = read(job.start)?;
        let prompt = Prompt {
            text: order.prompt.clone(),
            negative: order.negative_prompt.clone(),
            keep: job.keep_prompt,
        };
        let wants_previews = order.previews > 0;
        let making = makes.prepare(order).map_err(|failure| by_maker(&failure))?;
        let shows = self.ask(&*making, &prompt, wants_previews, &job.options)?;
        let shared = Shared {
            making: &*making,
            prompt,
            options: job.options,
            format: job.format,
            tenant: job.tenant,
            shows,
        };
        let mut ignored = making.ignored();
        if wants_previews && !shows && !ignored.contains(&PREVIEWS) {
            ignored.push(PREVIEWS);
        }
        self.tell(Event::Begun(Begun { ignored }));
        for number in 0..job.count {
            self.one(&shared, number)
                .map_err(|problem| after(problem, number, job.count))?;
            if self.is_stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Asks the policies before any work is spent; whether previews may be shown.
    fn ask(
        &self,
        making: &dyn Making,
        prompt: &Prompt,
        wants_previews: bool,
        options: &IssueOptions,
    ) -> Result<bool, Problem> {
        let (facts, from_picture) = (making.facts(), making.source().is_some());
        let issuer = &self.service.issuer;
        self.check_size(&facts)?;
        issuer
            .may_generate(&facts, prompt, from_picture, options)
            .map_err(|error| by_issuer(&error, PICTURE))?;
        Ok(wants_previews && issuer.may_preview(&facts, prompt, from_picture, options))
    }

    fn check_size(&self, facts: &GenerationFacts) -> Result<(), Problem> {
        let pixels = u64::from(facts.width) * u64::from(facts.height);
        let most = self.service.issuer.limits().max_pixels;
        if pixels > most {
            return Err(Problem::new(ProblemKind::Unprocessable)
                .with_detail(format!("{pixels} pixels are more than the {most} allowed"))
                .at("size"));
        }
        Ok(())
    }

    fn one(&self, shared: &Shared<'_>, number: u32) -> Result<(), Problem> {
        let mut step = |step: Step| {
            self.tell(Event::Step {
                number,
                done: step.done,
                of: step.of,
            });
            if let Some(pixels) = step.preview.filter(|_| shared.shows) {
                self.preview(shared, number, &pixels);
            }
        };
        let mut watcher = Watcher {
            step: &mut step,
            stop: &|| self.is_stopped(),
        };
        let made = shared
            .making
            .make(number, &mut watcher)
            .map_err(|failure| by_maker(&failure))?;
        let request = GeneratedRequest {
            facts: made.facts,
            prompt: shared.prompt.clone(),
            source_picture: shared.making.source().map(<[u8]>::to_vec),
            options: IssueOptions {
                issued_at: self.service.now(),
                format: Some(shared.format),
                ..shared.options.clone()
            },
        };
        let destination = Destination {
            path: place(&self.service.served, &shared.tenant, shared.format)?,
            overwrite: false,
        };
        let returned;
        let output = match made.picture {
            MadePixels::Pixels(pixels) => ModelOutput::Pixels {
                width: pixels.width,
                height: pixels.height,
                rgb: pixels.rgb,
            },
            MadePixels::File(file) => {
                returned = file;
                ModelOutput::File(&returned)
            }
        };
        let issued = self
            .service
            .issuer
            .issue_generated(output, &request, destination)
            .map_err(|error| by_issuer(&error, PICTURE))?;
        let file = std::fs::read(&issued.path).map_err(|error| of_disk(&error))?;
        self.tell(Event::Issued(Box::new(One {
            number,
            issued,
            made: answer::Making {
                facts: request.facts,
                understood: made.understood,
                notes: made.notes,
            },
            file,
        })));
        Ok(())
    }

    fn preview(&self, shared: &Shared<'_>, number: u32, pixels: &Pixels) {
        let (size, facts) = ((pixels.width, pixels.height), shared.making.facts());
        let from_picture = shared.making.source().is_some();
        // A preview that cannot be written is no reason to give the picture up.
        if let Ok(file) = preview_file(size, &pixels.rgb, &facts, from_picture, shared.format) {
            self.tell(Event::Preview { number, file });
        }
    }

    /// Nobody listens any more when the caller has gone.
    fn tell(&self, event: Event) {
        let _ = self.sender.send(event);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// The field that asks for previews.
const PREVIEWS: &str = "partial_images";

fn read(
    start: Option<(Upload, Option<Upload>, Option<f32>)>,
) -> Result<Option<StartPicture>, Problem> {
    let Some((file, mask, strength)) = start else {
        return Ok(None);
    };
    Ok(Some(StartPicture {
        file: file.into_bytes()?,
        mask: mask.map(Upload::into_bytes).transpose()?,
        strength,
    }))
}

/// Says what was issued before a failure.
fn after(problem: Problem, number: u32, count: u32) -> Problem {
    if number == 0 {
        return problem;
    }
    let reason = problem
        .detail()
        .unwrap_or(problem.kind().title())
        .to_owned();
    problem.with_detail(format!(
        "{reason}; {number} of {count} pictures were issued before that, are recorded and stay"
    ))
}
