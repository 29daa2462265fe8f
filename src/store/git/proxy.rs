//! Which proxy a server is reached through, by the rules of Git's own HTTP client (curl).

use std::net::IpAddr;

use ureq::Proxy;
use url::{Host, Url};

use crate::store::Error;

/// What the environment says of proxies.
pub(crate) struct Environment<'a>(pub(crate) &'a dyn Fn(&str) -> Option<String>);

/// The environment of this process.
pub(crate) const PROCESS: Environment<'static> = Environment(&|name| std::env::var(name).ok());

/// The proxy by which this process reaches a URL, as its environment says.
pub(crate) fn of_process(url: &Url) -> Result<Option<Proxy>, Error> {
    choose(url, None, &PROCESS)
}

/// The proxy for a URL: the `given` one, or the environment's. This machine, the cluster and what `no_proxy` names
/// are reached without one.
pub(crate) fn choose(url: &Url, given: Option<&str>, environment: &Environment<'_>) -> Result<Option<Proxy>, Error> {
    // HTTP_PROXY in upper case is what a CGI program gets from a request's `Proxy` header.
    let own: &[&str] = if url.scheme() == "http" { &["http_proxy"] } else { &["https_proxy", "HTTPS_PROXY"] };
    let named = || own.iter().chain(&["all_proxy", "ALL_PROXY"]).find_map(|name| Some((*name, environment.get(name)?)));
    let (name, text) = match given {
        Some(given) => ("git's http.proxy", given.to_owned()),
        None => match named() {
            Some(named) => named,
            None => return Ok(None),
        },
    };
    let excepted = environment.get("no_proxy").or_else(|| environment.get("NO_PROXY")).unwrap_or_default();
    if text.is_empty() || is_internal(url) || is_excepted(url, &excepted) {
        return Ok(None);
    }
    // What is wrong with it may be a password, so it is not repeated.
    let unusable = || {
        Error::Unreachable(format!(
            "the proxy that {name} names cannot be used: it should read http://host:port, with https, socks5 or socks5h in \
             place of http, and user:password@ before the host if it asks for that"
        ))
    };
    Proxy::new(text.trim_end_matches('/')).map(Some).map_err(|_| unusable())
}

impl Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

/// This machine and the cluster's services: no proxy knows the way.
fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            [".localhost", ".svc", ".svc.cluster.local"].iter().any(|end| name.ends_with(end)) || name == "localhost"
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether a list such as `example.com,.internal,10.0.0.0/8,host:8080` has the URL's host. A name stands for all
/// below it too.
fn is_excepted(url: &Url, list: &str) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (entry, port) = with_port(entry);
        if port.is_some_and(|port| Some(port) != url.port_or_known_default()) {
            return false;
        }
        if let Some(ip) = ip {
            return has(entry, ip);
        }
        let name = entry.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase();
        !name.is_empty() && host.strip_suffix(&name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// `host:port`, `[address]:port`, or either without a port.
fn with_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (entry, None),
    }
}

/// Whether an address is this one, or in this network.
fn has(entry: &str, ip: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse::<u32>().ok()),
        None => (entry, Some(u32::MAX)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
    let same = |a: u128, b: u128, width: u32| (a ^ b).checked_shr(width.saturating_sub(bits)).unwrap_or(0) == 0;
    match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}
