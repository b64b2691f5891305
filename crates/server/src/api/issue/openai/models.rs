//! `GET /v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use colophon_accounts::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::refused::by_maker;
use super::errors::ErrorBody;
use crate::api::caller::From;
use crate::api::makes::{MakeFailure, ModelEntry};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::service::Service;

/// What can be asked for pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// The default first.
    data: Vec<ModelBody>,
}

/// A model in the words of the OpenAI API.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(super) struct ModelBody {
    /// Its name in requests.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// When it came here, Unix seconds; 0 where that is not known.
    created: i64,
    /// `embedded` (part of the program), `local` (a folder of the home) or `remote` (another server).
    owned_by: &'static str,
    /// What else is known of it.
    colophon: ModelExtras,
}

/// What is known of a model beside its name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelExtras {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Licence of its weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    /// Sizes it was made for, the default first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<String>,
    /// Whether it can start from a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    edits: Option<bool>,
}

impl ModelBody {
    fn new(model: ModelEntry) -> Self {
        let sizes = model.sizes.iter();
        Self {
            id: model.id,
            object: "model",
            created: model.created,
            owned_by: model.place.as_str(),
            colophon: ModelExtras {
                name: model.name,
                license: model.license,
                sizes: sizes.map(|(w, h)| format!("{w}x{h}")).collect(),
                edits: model.edits,
            },
        }
    }
}

/// Models that can be asked for pictures
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "issue",
    responses(
        (status = 200, description = "The default first", body = ModelList),
        (status = 401, description = "It needs a key", body = ErrorBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn models(
    State(service): State<Arc<Service>>,
    caller: From,
) -> Result<Json<ModelList>, Problem> {
    caller.need(Scope::Issue)?;
    let data = listed(service).await?;
    Ok(Json(ModelList {
        object: "list",
        data: data.into_iter().map(ModelBody::new).collect(),
    }))
}

/// One model
#[utoipa::path(
    get,
    path = "/v1/models/{model}",
    tag = "issue",
    params(("model" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "What is known of it", body = ModelBody),
        (status = 401, description = "It needs a key", body = ErrorBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ErrorBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn model(
    State(service): State<Arc<Service>>,
    caller: From,
    Path(name): Path<String>,
) -> Result<Json<ModelBody>, Problem> {
    caller.need(Scope::Issue)?;
    let mut all = listed(service).await?.into_iter();
    match all.find(|model| model.id == name) {
        Some(model) => Ok(Json(ModelBody::new(model))),
        None => Err(by_maker(&MakeFailure::NoModel(name))),
    }
}

async fn listed(service: Arc<Service>) -> Result<Vec<ModelEntry>, Problem> {
    let Some(makes) = service.makes.clone() else {
        return Ok(Vec::new());
    };
    let listed = tokio::task::spawn_blocking(move || makes.models()).await;
    listed
        .map_err(|_| Problem::new(ProblemKind::Internal))?
        .map_err(|failure| by_maker(&failure))
}
