//! Traces, for whoever collects them by the OpenTelemetry protocol (OTLP over HTTP, protobuf). What a trace is made of
//! is known only when it is over: it is handed on as a whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::{Span as _, SpanBuilder, Status, TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, OTEL_BSP_MAX_QUEUE_SIZE, SdkTracer, SdkTracerProvider,
};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};
use url::Url;

use crate::values::Span;

/// What the service calls itself, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say otherwise.
const SERVICE: &str = "kept";
/// Where OTLP takes traces, below the endpoint (OTLP specification, "OTLP/HTTP Request").
const PATH: &str = "v1/traces";
/// How long one delivery may take.
const DELIVERY: Duration = Duration::from_secs(10);
/// How long what is left may take at the end, when the writers have had their 10 seconds.
const FAREWELL: Duration = Duration::from_secs(2);
/// Spans that wait for delivery; more are dropped. A thousand requests at once have some ten each.
const QUEUE: usize = 16_384;
/// The most that is read of a collector's answer.
const ANSWER: u64 = 1 << 20;

/// Where traces go. By default nowhere, at no cost.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<(SdkTracerProvider, SdkTracer)>);

/// One part of a trace.
#[derive(Clone, Debug)]
pub struct Part {
    /// What was done, and when.
    pub span: Span,
    /// What there is to know of it.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it consisted of.
    pub parts: Vec<Self>,
}

impl Part {
    /// A part of which there is no more to say.
    pub fn plain(span: Span) -> Self {
        Self { span, attributes: Vec::new(), error: None, parts: Vec::new() }
    }
}

impl Traces {
    /// To a collector, through `proxy`. What else the OpenTelemetry specification has environment variables for is
    /// taken from there: headers, sampler, resource, batches.
    pub fn to(url: &Url, proxy: Option<Proxy>) -> Result<Self, String> {
        let collector = url.origin().ascii_serialization();
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .timeout_global(Some(DELIVERY))
            .user_agent(concat!("kept/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        let client = Client { agent, collector: collector.clone(), fails: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(url.as_str())
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|e| format!("traces cannot be sent to {collector}: {e}"))?;
        let mut batches = BatchConfigBuilder::default();
        if std::env::var_os(OTEL_BSP_MAX_QUEUE_SIZE).is_none() {
            batches = batches.with_max_queue_size(QUEUE);
        }
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource()).build();
        let tracer = provider.tracer(SERVICE);
        Ok(Self(Some((provider, tracer))))
    }

    /// Whether anybody is interested.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Hands on a trace.
    pub fn record(&self, trace: &Part) {
        if let Some((_, tracer)) = &self.0 {
            record(tracer, trace, &Context::new());
        }
    }

    /// Delivers what is left, as far as that takes two seconds at most.
    pub fn finish(&self) {
        if let Some((provider, _)) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(FAREWELL)
        {
            tracing::warn!(%error, "the last traces are lost");
        }
    }
}

fn record(tracer: &SdkTracer, part: &Part, parent: &Context) {
    let attributes = part.attributes.iter().map(|(key, value)| KeyValue::new(*key, value.clone()));
    let mut span = SpanBuilder::from_name(part.span.name)
        .with_start_time(part.span.from)
        .with_attributes(attributes)
        .start_with_context(tracer, parent);
    if let Some(error) = &part.error {
        span.set_status(Status::error(error.clone()));
    }
    let inside = parent.with_remote_span_context(span.span_context().clone());
    for part in &part.parts {
        record(tracer, part, &inside);
    }
    span.end_with_timestamp(part.span.to);
}

/// Where the environment of this process says that traces go, if it does (OpenTelemetry specification, "Environment
/// Variable Specification" and "OTLP Exporter").
pub fn of_process() -> Option<Result<Url, String>> {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let is_off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if is_off {
        return None;
    }
    let own = said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").map(|own| checked(&own));
    own.or_else(|| said("OTEL_EXPORTER_OTLP_ENDPOINT").map(|endpoint| address(&endpoint)))
}

/// Where an endpoint takes traces.
pub fn address(endpoint: &str) -> Result<Url, String> {
    let mut url = checked(endpoint)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(PATH.split('/'));
    }
    Ok(url)
}

fn checked(endpoint: &str) -> Result<Url, String> {
    let wrong = |what: &str| {
        format!(
            "the OTLP endpoint {what}: name the collector's address for OTLP over HTTP, such as http://collector:4318"
        )
    };
    let url = Url::parse(endpoint).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is not an http:// or https:// URL"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("holds credentials or a query, which belong into OTEL_EXPORTER_OTLP_HEADERS"));
    }
    Ok(url)
}

fn resource() -> Resource {
    let said = Resource::builder_empty()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())]);
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => said.with_service_name(name).build(),
        _ => said.build(),
    }
}

/// Sends what the exporter has made, from the thread that it has for that, and says when that begins to fail, and
/// when it works again.
#[derive(Debug)]
struct Client {
    agent: Agent,
    /// Without the path, in which some have a token.
    collector: String,
    fails: AtomicBool,
}

impl Client {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    fn mind(&self, sent: &Result<Response<Bytes>, ureq::Error>) {
        let trouble = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed = self.fails.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(error) if !failed => {
                tracing::warn!(collector = self.collector, error, "traces are not taken, and lost until they are");
            }
            None if failed => tracing::info!(collector = self.collector, "traces are taken again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.mind(&sent);
        Ok(sent?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_base_of_an_address() {
        let good = [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("https://collector/otlp/", "https://collector/otlp/v1/traces"),
        ];
        for (endpoint, url) in good {
            assert_eq!(address(endpoint).as_ref().map(Url::as_str), Ok(url));
        }
        for (endpoint, words) in [
            ("collector:4318", "http://"),
            ("grpc://collector:4317", "http://"),
            ("nonsense", "not a URL"),
            ("https://me:secret@collector", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("https://collector/?key=secret", "OTEL_EXPORTER_OTLP_HEADERS"),
        ] {
            let error = address(endpoint).expect_err(endpoint);
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
    }
}
