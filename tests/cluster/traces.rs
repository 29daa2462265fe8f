//! Traces, as a collector gets them by OTLP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

use crate::manifests::team;
use crate::support::World;

/// Takes what is sent to it as a collector does.
struct Collector {
    address: String,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    heads: Vec<String>,
    requests: Vec<ExportTraceServiceRequest>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Heard::default()));
        let told = heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                take(stream, &told);
            }
        });
        Self { address, heard }
    }

    fn heads(&self) -> Vec<String> {
        self.heard.lock().unwrap().heads.clone()
    }

    fn spans(&self) -> Vec<Span> {
        let heard = self.heard.lock().unwrap();
        let resources = heard.requests.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
    }

    /// What the spans are said to come from.
    fn resource(&self, key: &str) -> String {
        let heard = self.heard.lock().unwrap();
        let resource = heard.requests[0].resource_spans[0].resource.clone().expect("a resource");
        text(&resource.attributes, key)
    }

    /// The only trace of a Team: its root, and what that consists of, in order of time.
    fn trace(&self, team: &str) -> (Span, Vec<Span>) {
        let key = format!("team default/{team}");
        let spans = self.spans();
        let mut roots =
            spans.iter().filter(|s| s.parent_span_id.is_empty() && text(&s.attributes, "kept.request") == key);
        let root = roots.next().unwrap_or_else(|| panic!("no trace of {key} in {spans:#?}")).clone();
        assert_eq!(roots.next(), None, "one trace for {key}");
        let parts = children(&spans, &root);
        (root, parts)
    }
}

/// One request on one connection.
fn take(mut stream: TcpStream, heard: &Mutex<Heard>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a stream"));
    let mut head = String::new();
    while lines.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    lines.read_exact(&mut body).expect("a body");
    let request = ExportTraceServiceRequest::decode(&body[..]).expect("a request for traces");
    let mut heard = heard.lock().unwrap();
    heard.heads.push(head);
    heard.requests.push(request);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
}

fn children(spans: &[Span], parent: &Span) -> Vec<Span> {
    let mut found: Vec<Span> = spans.iter().filter(|s| s.parent_span_id == parent.span_id).cloned().collect();
    for span in &found {
        assert_eq!(span.trace_id, parent.trace_id);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:#?}");
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano, "{parent:#?} {span:#?}");
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{parent:#?} {span:#?}");
    }
    found.sort_by_key(|span| (span.end_time_unix_nano, span.start_time_unix_nano));
    found
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.clone());
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        _ => String::new(),
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

#[test]
fn a_trace_goes_from_the_watch_event_to_the_push_and_the_status() {
    let collector = Collector::start();
    let mut world = World::new();
    world.give("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    world.give("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hidden-word");
    world.give("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    world.begin();
    world.apply(&team("default", "made", "Made"));
    world.wait_ready("team made");
    let commit = world.git("state", &["rev-parse", "main"]).trim().to_owned();
    world.pre_receive("state", "echo 'not on a Sunday' >&2; exit 1");
    world.apply(&team("default", "refused", "Refused"));
    world.wait_reason("team refused", "PushRejected");
    world.stop();

    let (root, parts) = collector.trace("made");
    assert_eq!(root.name, "request");
    assert_eq!(text(&root.attributes, "k8s.namespace.name"), "default");
    assert_eq!(text(&root.attributes, "kept.kind"), "Team");
    assert_eq!(text(&root.attributes, "kept.generation"), "1");
    assert_eq!(text(&root.attributes, "kept.uid"), world.get("team made")["metadata"]["uid"]);
    assert!(!is_error(&root));
    assert_eq!(names(&parts), ["queue", "finalizer", "render", "mailbox", "commit", "status"]);
    let commits = &parts[4];
    assert_eq!(text(&commits.attributes, "kept.commit"), commit);
    assert!(text(&commits.attributes, "kept.store").ends_with("state@main"), "{commits:#?}");
    let steps = children(&collector.spans(), commits);
    assert!(names(&steps).ends_with(&["build", "push"]), "{steps:#?}");

    let (root, parts) = collector.trace("refused");
    for span in [&root, &parts[4]] {
        assert!(is_error(span) && span.status.as_ref().expect("one").message.contains("not on a Sunday"), "{span:#?}");
    }
    assert_eq!(names(&parts), ["queue", "finalizer", "render", "mailbox", "commit", "status"]);

    let heads = collector.heads();
    assert!(heads.iter().all(|head| head.starts_with("post /v1/traces http/1.1")), "{heads:?}");
    assert!(heads.iter().all(|head| head.contains("authorization: bearer hidden-word")), "{heads:?}");
    assert!(!world.log().contains("hidden-word"));
    assert_eq!(collector.resource("service.name"), "kept");
    assert_eq!(collector.resource("deployment.environment.name"), "test");
}

#[test]
fn what_comes_to_nothing_leaves_no_trace_and_a_deletion_does() {
    let collector = Collector::start();
    let mut world = World::new();
    world.begin();
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");
    world.stop();
    world.give("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address);
    world.launch();
    world.readyz(200, "ready");
    world.kubectl(&["label", "team", "one", "look=here"]);
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");
    world.kubectl(&["delete", "team", "two", "--timeout=60s"]);
    world.stop();

    let spans = collector.spans();
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert!(roots.iter().all(|root| text(&root.attributes, "kept.request") == "team default/two"), "{roots:#?}");
    assert_eq!(roots.len(), 2, "{roots:#?}");
    let last = roots.iter().max_by_key(|root| root.end_time_unix_nano).expect("one");
    assert_eq!(names(&children(&spans, last)), ["queue", "render", "mailbox", "commit"]);
}

#[test]
fn an_endpoint_for_other_programs_keeps_nobody_from_working() {
    let mut world = World::new();
    world.give("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    world.begin();
    assert!(world.log().contains("no traces are sent"), "{}", world.log());
}

#[test]
fn a_collector_that_is_not_there_holds_up_nothing_and_is_told_of_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let mut world = World::new();
    world.give("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{nobody}"));
    world.give("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hidden-word");
    world.give("OTEL_BSP_SCHEDULE_DELAY", "100");
    world.begin();
    for id in ["one", "two"] {
        world.apply(&team("default", id, "Team"));
        world.wait_ready(&format!("team {id}"));
    }
    world.eventually("it says so", || world.log().contains("traces are not taken").then_some(()));
    world.stop();
    let log = world.log();
    assert_eq!(log.matches("traces are not taken").count(), 1);
    assert!(log.contains(&nobody.to_string()) && !log.contains("hidden-word"));
}
