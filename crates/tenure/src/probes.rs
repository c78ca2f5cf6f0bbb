//! `/healthz`, `/readyz` and `/metrics`.

use axum::Router;
use axum::extract::State as Of;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tenure_admission::ServingCertificate;
use tenure_controllers::Health;
use tokio::net::TcpListener;

/// What is asked about.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) health: Health,
    /// The webhook's certificate, where there is a webhook.
    pub(crate) certificate: Option<ServingCertificate>,
}

/// Answers until the program ends.
pub(crate) async fn serve(listener: TcpListener, state: State) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state);
    axum::serve(listener, router).await
}

async fn alive(Of(state): Of<State>) -> (StatusCode, &'static str) {
    if state.health.is_alive() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "a task ended\n")
    }
}

async fn ready(Of(state): Of<State>) -> (StatusCode, &'static str) {
    let certified = state.certificate.as_ref().is_none_or(|own| own.not_after().is_some());
    if !certified {
        (StatusCode::SERVICE_UNAVAILABLE, "the webhook has no certificate yet\n")
    } else if state.health.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the caches are not complete\n")
    }
}

async fn metrics(Of(state): Of<State>) -> impl IntoResponse {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], state.health.metrics())
}
