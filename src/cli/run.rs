//! `kept run`: the operator.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Answer;
use crate::telemetry::traces::Traces;

/// Run the operator, against the cluster that KUBECONFIG or the service account names.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Install the kinds, then serve them
  kept crd | kubectl apply -f -
  kept run

  # With settings, and logs for a collector
  kept run --config settings.yaml --log-format json

Logs go to standard error; KEPT_LOG sets the level (debug, info, warn, error).")]
pub(super) struct Run {
    /// The settings, the same file that the other commands read.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The form of logs.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Where /metrics, /healthz and /readyz are served: HOST:PORT, or :PORT of all addresses; '' for nowhere.
    #[arg(long, value_name = "ADDRESS", env = "KEPT_LISTEN", default_value = ":8080")]
    listen: String,
    #[arg(
        help = "\
Where traces go, each the way of a request from the watch event to the push and the status: a collector's address for \
OTLP over HTTP, such as http://collector:4318. Other variables of OpenTelemetry count too, among them \
OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS",
        long,
        value_name = "URL",
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        hide_env_values = true
    )]
    otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Run {
    /// Runs until SIGTERM or SIGINT.
    pub(super) fn run(&self) -> Answer {
        let settings = super::session::settings(self.config.as_deref())?;
        crate::telemetry::start(self.log_format == LogFormat::Json);
        let listener = crate::telemetry::http::listen(&self.listen)?;
        let traces = match self.otlp_endpoint.as_deref() {
            Some(endpoint) if !endpoint.is_empty() => Traces::to(endpoint)?,
            _ => Traces::default(),
        };
        let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("no threads for the operator: {e}"))?;
        let stop = async {
            let terminated = async {
                if let Ok(mut signal) = signal(SignalKind::terminate()) {
                    signal.recv().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = terminated => {}
            }
        };
        let ended = runtime.block_on(crate::controller::run(settings, listener, traces.clone(), stop));
        // What is still asking a remote would otherwise be waited for.
        runtime.shutdown_background();
        traces.finish();
        ended.map_err(|e| e.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
