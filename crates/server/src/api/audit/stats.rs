//! `GET /v1/stats`: counts of what was issued and checked, and their drawings.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use colophon_accounts::{Caller, Scope};
use colophon_audit::{Statistics, charts};
use colophon_ledger::{Ledger, Query};
use colophon_policy::Operation;

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::params::{Counting, Params};
use super::{audit_problem, decisions, fresh, problem};

/// Counts that are kept.
const KEPT: usize = 16;

/// Counts of questions that were asked, each of one state of the ledger; the newest last.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<Vec<(String, Arc<Statistics>)>>);

impl Counted {
    fn get(&self, question: &str) -> Option<Arc<Statistics>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|(of, _)| of == question);
        found.map(|(_, counts)| Arc::clone(counts))
    }

    fn keep(&self, question: String, counts: &Arc<Statistics>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(of, _)| *of != question);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((question, Arc::clone(counts)));
    }
}

/// Counts: pictures by day, week, model, signer and kind; checks by rule and action; requests by decision
#[utoipa::path(
    get,
    path = "/v1/stats",
    tag = "audit",
    params(Counting),
    responses(
        (status = 200, description = "The counts, or a drawing", content(
            (Object = "application/json"),
            (String = "image/svg+xml"),
        )),
        (status = 400, description = "A parameter is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is nothing to draw", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too much is counted already", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stats(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Params(asked): Params<Counting>,
) -> Result<Response, Problem> {
    let caller = asking.need(Scope::Read)?.clone();
    service.ask_ledger(&caller, Operation::Query, false)?;
    let chart = chart(&asked)?;
    let work = {
        let service = Arc::clone(&service);
        move || {
            let readers = Arc::clone(&service.audit.readers);
            readers.with(|ledger| count(&service, ledger, &caller, &asked))
        }
    };
    let counts = service.audit.scans.run(work).await??;
    let Some(chart) = chart else {
        return Ok(fresh(Json(counts)));
    };
    let drawn = charts(&counts).into_iter().find(|(name, _)| *name == chart);
    let (_, svg) = drawn.ok_or_else(|| {
        Problem::new(ProblemKind::NotFound).with_detail("nothing was counted that could be drawn")
    })?;
    let svg = ([(header::CONTENT_TYPE, "image/svg+xml")], svg);
    Ok(fresh(svg).into_response())
}

/// Which drawing is asked for; `None` for the numbers.
fn chart(asked: &Counting) -> Result<Option<String>, Problem> {
    match (asked.format.as_deref(), &asked.chart) {
        (None | Some("json"), None) => Ok(None),
        (None | Some("svg"), Some(chart)) => Ok(Some(chart.clone())),
        (Some("svg"), None) => Err(Problem::invalid(
            "say which drawing: issued, models, signers, verdicts or requests",
        )
        .at("chart")),
        (Some("json"), Some(_)) => Err(Problem::invalid("a drawing is no JSON").at("chart")),
        _ => Err(Problem::invalid("expected `json` or `svg`").at("format")),
    }
}

fn count(
    service: &Service,
    ledger: &Ledger,
    caller: &Caller,
    asked: &Counting,
) -> Result<Statistics, Problem> {
    let filter = asked.filter(caller)?;
    let logged = decisions(service)?;
    let query = Query::new(ledger, filter, logged.as_ref(), false);
    let query = query.map_err(|error| problem(&error))?;
    let mut question = query.filter().to_string();
    for state in query.checkpoints() {
        let _ = write!(
            question,
            "\n{} {} {}",
            state.origin, state.size.0, state.root
        );
    }
    // A question by verdict rests on a log that changes by itself.
    let kept = service.audit.counted.get(&question);
    let counts = if let Some(counts) = kept.filter(|_| query.filter().verdict.is_none()) {
        counts
    } else {
        let counts = Statistics::count(&query, None);
        let counts = Arc::new(counts.map_err(|error| audit_problem(&error))?);
        service.audit.counted.keep(question, &counts);
        counts
    };
    let mut counts = (*counts).clone();
    if let Some(logged) = &logged {
        let added = counts.add_decisions(logged);
        added.map_err(|error| problem(&error))?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_question_and_not_without_end() {
        let counted = Counted::default();
        let of = |pictures| {
            Arc::new(Statistics {
                pictures,
                ..Statistics::default()
            })
        };
        for number in 0..=(KEPT as u64) {
            counted.keep(number.to_string(), &of(number));
        }
        assert!(counted.get("0").is_none(), "the oldest went");
        assert_eq!(counted.get("7").map(|it| it.pictures), Some(7));
        counted.keep("7".to_owned(), &of(70));
        assert_eq!(counted.get("7").map(|it| it.pictures), Some(70));
    }
}
