//! `feedback`: what people said of the checks.

use colophon_server::{Feedback, FeedbackKind, Message};

use super::Context;
use crate::args::FeedbackCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::{clean, counted};

/// Runs `feedback`.
pub fn run(context: &Context<'_>, command: &FeedbackCommand) -> Result<Exit, Failure> {
    let feedback = Feedback::of(&context.home()?);
    match command {
        FeedbackCommand::List { json } => list(context, &feedback, *json)?,
        FeedbackCommand::Remove { ids } => {
            for id in ids {
                feedback.remove(id)?;
            }
            let removed = counted(ids.len(), "message");
            context.printer.say(&format!("removed {removed}"))?;
        }
    }
    Ok(Exit::DONE)
}

fn list(context: &Context<'_>, feedback: &Feedback, json: bool) -> Result<(), Failure> {
    let messages = feedback.list()?;
    if messages.is_empty() && !json {
        context.printer.note("there are no messages");
    }
    for message in &messages {
        if json {
            context.printer.json(message)?;
        } else {
            context.printer.say(&told(message))?;
        }
    }
    Ok(())
}

/// A message in a few lines; what strangers wrote cannot steer a terminal.
fn told(message: &Message) -> String {
    let kind = match message.kind {
        FeedbackKind::WrongFinding => "wrong finding",
        FeedbackKind::Missed => "missed",
        FeedbackKind::Unclear => "unclear",
        FeedbackKind::Other => "other",
    };
    let mut lines = vec![format!("{}  {}  {kind}", message.id, message.received_at)];
    let facts = [
        ("rule", &message.rule),
        ("sha256", &message.sha256),
        ("contact", &message.contact),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            lines.push(format!("  {name} {}", clean(value)));
        }
    }
    lines.extend(
        message
            .text
            .lines()
            .map(|line| format!("  {}", clean(line))),
    );
    lines.join("\n")
}
