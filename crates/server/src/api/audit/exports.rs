//! `GET /v1/exports`: a table of entries with its signed statement, in one archive, written as it is read.
//!
//! One archive and not two addresses: table and statement then are of one state of the log and cannot be mixed up, and
//! the statement, which holds the table's hash, is written when the table is through.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use colophon_accounts::{Caller, Scope};
use colophon_audit::export_zip;
use colophon_ledger::{Filter, Ledger, Query};
use colophon_policy::Operation;
use colophon_tabular::Form;
use hyper::body::Frame;
use tokio::sync::{mpsc, oneshot};

use super::super::caller::From as Asking;
use super::super::problem::{Problem, ProblemBody, ProblemKind};
use super::super::service::Service;
use super::params::{Exporting, Params};
use super::{decisions, file_headers, problem};

/// Bytes handed over at once.
const PIECE: usize = 64 << 10;
/// Pieces that wait for a slow reader before the writer does.
const WAITING: usize = 8;

/// A table of entries (CSV, JSON lines or Parquet) with its signed statement, the ledger's key and how to check both (ZIP)
///
/// The statement names the question, the number of rows, the hash of the table and the state of the log, so that a part
/// cannot be passed off as the whole. It is the last file but two: an archive that broke off has none.
#[utoipa::path(
    get,
    path = "/v1/exports",
    tag = "audit",
    params(Exporting),
    responses(
        (status = 200, description = "The archive", content_type = "application/zip", body = [u8]),
        (status = 400, description = "A parameter is wrong", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "It needs a key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The key is not for this", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many are written already", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn exports(
    State(service): State<Arc<Service>>,
    asking: Asking,
    Params(asked): Params<Exporting>,
) -> Result<Response, Problem> {
    let caller = asking.need(Scope::Export)?;
    let private = asked.private.unwrap_or_default();
    if private {
        may_see_private(caller)?;
    }
    service.ask_ledger(caller, Operation::Export, private)?;
    let form = Form::named(&asked.format)
        .ok_or_else(|| Problem::invalid("expected `csv`, `jsonl` or `parquet`").at("format"))?;
    let filter = asked.filter(caller)?;
    let (begun, began) = oneshot::channel();
    let (pieces, body) = mpsc::channel(WAITING);
    let written = tokio::spawn(async move {
        let wanted = Wanted {
            service: Arc::clone(&service),
            filter,
            form,
            private,
        };
        service
            .audit
            .scans
            .run(move || wanted.write(begun, pieces))
            .await
    });
    match began.await {
        Ok(Ok(())) => {
            let mut response = Response::new(Body::new(Piped(body)));
            let name = format!("ledger-{}.zip", form.name());
            *response.headers_mut() = file_headers("application/zip", &name);
            Ok(response)
        }
        Ok(Err(problem)) => Err(problem),
        // It was never begun.
        Err(_) => match written.await {
            Ok(Err(problem)) => Err(problem),
            _ => Err(Problem::new(ProblemKind::Internal)),
        },
    }
}

/// Tables hold the records of all tenants.
fn may_see_private(caller: &Caller) -> Result<(), Problem> {
    if caller.owner && caller.may(Scope::Personal) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Forbidden)
        .with_detail("private columns are of all tenants: they are told to the owner alone")
        .at("private"))
}

/// What is to be written.
struct Wanted {
    service: Arc<Service>,
    filter: Filter,
    form: Form,
    private: bool,
}

impl Wanted {
    fn write(
        self,
        begun: oneshot::Sender<Result<(), Problem>>,
        pieces: mpsc::Sender<io::Result<Bytes>>,
    ) {
        let service = Arc::clone(&self.service);
        let mut begun = Some(begun);
        let written = if self.private {
            self.write_from(service.issuer.ledger(), &mut begun, pieces)
        } else {
            let readers = Arc::clone(&service.audit.readers);
            readers.with(|ledger| self.write_from(ledger, &mut begun, pieces))
        };
        if let (Err(problem), Some(begun)) = (written, begun) {
            // Whoever asked may have gone.
            let _ = begun.send(Err(problem));
        }
    }

    fn write_from(
        &self,
        ledger: &Ledger,
        begun: &mut Option<oneshot::Sender<Result<(), Problem>>>,
        pieces: mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<(), Problem> {
        let logged = match self.filter.verdict {
            Some(_) => decisions(&self.service)?,
            None => None,
        };
        let query = Query::new(ledger, self.filter.clone(), logged.as_ref(), self.private);
        let query = query.map_err(|error| problem(&error))?;
        if let Some(begun) = begun.take() {
            let _ = begun.send(Ok(()));
        }
        let mut pipe = Pipe {
            piece: Vec::new(),
            pieces,
        };
        let signer = self.service.issuer.attester().statements();
        if let Err(error) = export_zip(&query, &mut pipe, self.form, self.private, signer) {
            // The head is out: the answer breaks off, without an end and without a statement.
            let broken = io::Error::other(error.to_string());
            let _ = pipe.pieces.blocking_send(Err(broken));
        }
        Ok(())
    }
}

/// Writes to an answer. Only for threads that may wait.
struct Pipe {
    piece: Vec<u8>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl Pipe {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.pieces.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone"))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        self.send()
    }
}

/// What comes out of a pipe, as the body of an answer.
struct Piped(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Piped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = self.0.poll_recv(context);
        next.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
