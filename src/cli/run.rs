//! `kept run`: the operator.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::Answer;
use crate::store::proxy_for;
use crate::telemetry::traces::{self, Traces};

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
OTLP over HTTP, such as http://collector:4318. Default: that of OTEL_EXPORTER_OTLP_ENDPOINT, if any. OpenTelemetry's \
variables for headers, sampler, resource and batches count, and those that turn it off",
        long,
        value_name = "URL"
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
        let traces = self.traces()?;
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

    fn traces(&self) -> Result<Traces, String> {
        let to = |url: &Url| {
            let proxy = proxy_for(url).map_err(|e| e.to_string())?;
            Traces::to(url, proxy)
        };
        match (&self.otlp_endpoint, traces::of_process()) {
            (Some(endpoint), _) => to(&traces::address(endpoint)?),
            (None, None) => Ok(Traces::default()),
            // It may be meant for other programs that run here.
            (None, Some(url)) => Ok(url.and_then(|url| to(&url)).unwrap_or_else(|error| {
                tracing::warn!("no traces are sent: {error}");
                Traces::default()
            })),
        }
    }
}
