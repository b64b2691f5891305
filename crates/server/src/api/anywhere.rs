//! What any address may answer, whatever it does: the bounds and guards that stand before all of them.

use axum::http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

use super::problem::ProblemKind;

/// Name of the answer among the document's parts.
const PROBLEM: &str = "Problem";

/// Of every address.
const ALWAYS: [ProblemKind; 7] = [
    // A key that is not known is never passed over.
    ProblemKind::Unauthenticated,
    ProblemKind::RequestTimeout,
    ProblemKind::TooLarge,
    ProblemKind::Misdirected,
    ProblemKind::TooManyRequests,
    ProblemKind::Overloaded,
    ProblemKind::TimedOut,
];

/// Adds them to each operation that does not tell more of them itself.
pub(super) fn document(document: &mut OpenApi) {
    let schema = Ref::from_schema_name(PROBLEM);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let problem = ResponseBuilder::new()
        .description(
            "The request was turned away before its address was asked; the problem says why",
        )
        .content("application/problem+json", content)
        .build();
    let parts = document.components.get_or_insert_default();
    parts
        .responses
        .insert(PROBLEM.to_owned(), RefOr::T(problem));
    for path in document.paths.paths.values_mut() {
        let operations = [
            (Method::GET, &mut path.get),
            (Method::POST, &mut path.post),
            (Method::PUT, &mut path.put),
            (Method::PATCH, &mut path.patch),
            (Method::DELETE, &mut path.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                add(operation, &method);
            }
        }
    }
}

fn add(operation: &mut Operation, method: &Method) {
    // Pages of other origins may not change anything.
    let guarded = (*method != Method::GET).then_some(ProblemKind::Forbidden);
    for kind in ALWAYS.into_iter().chain(guarded) {
        let status = kind.status().as_str().to_owned();
        let told = || RefOr::Ref(Ref::from_response_name(PROBLEM));
        let responses = &mut operation.responses.responses;
        responses.entry(status).or_insert_with(told);
    }
}
