//! The same as events (`text/event-stream`), as the clients of the OpenAI API read them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::sse::{self, KeepAlive, KeepAliveStream, Sse};
use futures_core::Stream;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::answer::name_of;
use super::super::making::{Event, Running};
use super::answer::{Shape, base64_of, size_of};
use super::errors::ErrorObject;
use crate::api::service::Service;

/// How often a comment is sent while nothing happens, so that nobody between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events of a job that has begun. Whoever drops it, as happens when the caller goes away, stops the job.
pub(super) struct Events {
    running: Running,
    service: Arc<Service>,
    shape: Shape,
    /// Width and height asked for, as far as they are told.
    size: String,
    /// Picture whose previews are counted, and how many there were.
    previews: (u32, u32),
    ended: bool,
}

impl Events {
    pub fn new(running: Running, service: Arc<Service>, shape: Shape, size: String) -> Self {
        Self {
            running,
            service,
            shape,
            size,
            previews: (0, 0),
            ended: false,
        }
    }

    pub fn response(self) -> Sse<KeepAliveStream<Self>> {
        Sse::new(self).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
    }

    /// What is told of an event; nothing of some.
    fn told(&mut self, event: Event) -> Option<sse::Event> {
        match event {
            Event::Begun(_) => None,
            Event::Step { number, done, of } => self.shape.tells_steps.then(|| {
                let body = json!({ "picture": number, "step": done, "steps": of });
                named("colophon.progress", body)
            }),
            Event::Preview { number, file } => {
                let index = match self.previews {
                    (of, index) if of == number => index,
                    _ => 0,
                };
                self.previews = (number, index + 1);
                let mut body = self.common(&file, &self.size.clone());
                body["partial_image_index"] = index.into();
                body["colophon"] = json!({ "picture": number, "issued": false });
                Some(named(&format!("{}.partial_image", self.shape.event), body))
            }
            Event::Issued(one) => {
                let mut body = self.common(&one.file, &size_of(&one));
                // Nothing is counted in tokens here; clients expect the numbers.
                let none = json!({ "image_tokens": 0, "text_tokens": 0 });
                body["usage"] = json!({
                    "input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
                    "input_tokens_details": none,
                });
                body["colophon"] = value(&self.shape.issued(&one));
                body["colophon"]["picture"] = one.number.into();
                Some(named(&format!("{}.completed", self.shape.event), body))
            }
            Event::Failed(problem) => {
                self.ended = true;
                let body = json!({ "error": value(&ErrorObject::of(&problem)) });
                Some(named("error", body))
            }
        }
    }

    fn common(&self, file: &[u8], size: &str) -> Value {
        json!({
            "b64_json": base64_of(file),
            "background": "opaque",
            "created_at": self.service.now(),
            "output_format": name_of(self.shape.format),
            "quality": self.shape.quality,
            "size": size,
        })
    }
}

/// An event whose data repeats its name.
fn named(name: &str, mut body: Value) -> sse::Event {
    body["type"] = name.into();
    sse::Event::default().event(name).data(body.to_string())
}

fn value(body: &impl Serialize) -> Value {
    // Types of our own with names for keys always have a form in JSON.
    serde_json::to_value(body).unwrap_or_default()
}

impl Stream for Events {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            match self.running.events.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(event)) => {
                    if let Some(told) = self.told(event) {
                        return Poll::Ready(Some(Ok(told)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}
