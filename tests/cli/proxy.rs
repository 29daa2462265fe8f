//! Proxies, as git understands them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::server::Server;
use crate::sshd::generate;
use crate::support::{Desk, Run, finish, team};

/// A proxy for HTTP and SOCKS that leads every host to one server, for there is no name service.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// `only` is what `Proxy-Authorization` must read.
    fn start(to: &str, only: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (shared, to) = (asked.clone(), to.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, to) = (shared.clone(), to.clone());
                std::thread::spawn(move || serve(stream, &to, only, &asked));
            }
        });
        Self { address, asked }
    }

    /// What was asked for since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("no panic"))
    }
}

fn serve(client: TcpStream, to: &str, only: Option<&str>, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let answer: &[u8] = if reader.fill_buf().ok()?.first() == Some(&5) {
        let mut head = [0; 2];
        reader.read_exact(&mut head).ok()?;
        reader.read_exact(&mut vec![0; head[1].into()]).ok()?;
        (&client).write_all(&[5, 0]).ok()?;
        let mut head = [0; 5];
        reader.read_exact(&mut head).ok()?;
        assert_eq!(head[3], 3, "the proxy is given the name, not an address");
        let mut rest = vec![0; usize::from(head[4]) + 2];
        reader.read_exact(&mut rest).ok()?;
        let name = String::from_utf8_lossy(&rest[..usize::from(head[4])]).into_owned();
        asked.lock().expect("no panic").push(format!("SOCKS {name}"));
        &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    } else {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).ok().filter(|count| *count > 0)?;
        }
        asked.lock().expect("no panic").push(head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned());
        if only.is_some_and(|only| !head.contains(&format!("{only}\r\n"))) {
            // It repeats what it was sent, as nothing should.
            let refusal = format!("HTTP/1.1 407 {}\r\nContent-Length: 0\r\n\r\n", head.replace("\r\n", " "));
            return (&client).write_all(refusal.as_bytes()).ok();
        }
        b"HTTP/1.1 200 OK\r\n\r\n"
    };
    (&client).write_all(answer).ok()?;
    let server = TcpStream::connect(to).ok()?;
    let (mut from, mut into) = (server.try_clone().ok()?, client);
    let back = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut into);
        into.shutdown(std::net::Shutdown::Both)
    });
    let _ = std::io::copy(&mut reader, &mut &server);
    let _ = server.shutdown(std::net::Shutdown::Both);
    back.join().ok().map(drop)
}

/// A desk with a repository `r` that a server serves.
fn desk() -> (Desk, Server) {
    let desk = Desk::new();
    desk.git(".", "init --quiet --bare --initial-branch=main r");
    desk.git("r", "config http.receivepack true");
    desk.write("a.yaml", team("alpha"));
    let server = Server::start(&desk.path("."));
    (desk, server)
}

const STORE: &str = "http://git.invalid/r";

fn apply(desk: &Desk, store: &str, env: &[(&str, &str)]) -> Run {
    let mut command = desk.command(&format!("apply -f a.yaml --store {store}"));
    for name in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]
    {
        command.env_remove(name);
    }
    command.envs(env.iter().copied());
    finish(&command.output().expect("kept starts"))
}

#[test]
fn the_environment_names_them() {
    let (desk, server) = desk();
    let proxy = Proxy::start(&server.url, None);
    let (http, bare) = (format!("http://{}/", proxy.address), proxy.address.clone());
    let socks = format!("socks5h://{}", proxy.address);
    for (name, value, expected) in [
        ("http_proxy", &http, "CONNECT git.invalid:80"),
        ("http_proxy", &bare, "CONNECT git.invalid:80"),
        ("all_proxy", &http, "CONNECT git.invalid:80"),
        ("ALL_PROXY", &socks, "SOCKS git.invalid"),
    ] {
        apply(&desk, STORE, &[(name, value)]).exits(0).is_quiet();
        let asked = proxy.asked();
        assert!(!asked.is_empty() && asked.iter().all(|line| line == expected), "{name}={value}: {asked:?}");
    }
    assert!(desk.files("r").iter().any(|f| f.contains("backstage-team-alpha")));
    // A CGI program would get that from whoever calls it.
    apply(&desk, STORE, &[("HTTP_PROXY", &http)]).exits(2).says(&["git.invalid"]);
    apply(&desk, STORE, &[("https_proxy", &http)]).exits(2).says(&["git.invalid"]);
    assert!(proxy.asked().is_empty());
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy"] {
        // What is behind it speaks no TLS; that it was asked is enough.
        apply(&desk, "https://git.invalid:8443/r", &[(name, &http)]).exits(2);
        assert_eq!(proxy.asked().first().map(String::as_str), Some("CONNECT git.invalid:8443"), "{name}");
    }
    apply(&desk, STORE, &[("http_proxy", "gopher://user:hunter2@x")]).exits(2).says(&["http_proxy", "socks5"]);
}

#[test]
fn no_proxy_excepts_hosts() {
    let (desk, server) = desk();
    let proxy = Proxy::start(&server.url, None);
    let with = |store: &str, excepted: &str| {
        let run = apply(&desk, store, &[("http_proxy", &proxy.address), ("no_proxy", excepted)]);
        let asked = !proxy.asked().is_empty();
        assert_eq!(run.code == 0, asked, "{store} with no_proxy={excepted}: {}", run.err);
        asked
    };
    for excepted in ["git.invalid", "x, .invalid", "INVALID", "*.invalid", "*", "git.invalid:80", "git.invalid."] {
        assert!(!with(STORE, excepted), "{excepted}");
    }
    for excepted in ["it.invalid", "git.invalid.org", "git.invalid:81", "10.0.0.0/8", "."] {
        assert!(with(STORE, excepted), "{excepted}");
    }
    // An address that nobody can answer at.
    assert!(!with("http://255.255.255.255/r", "255.255.255.254,255.255.255.0/24"));
    assert!(with("http://255.255.255.255/r", "255.255.255.254,255.255.254.0/24"));
    let server_port = server.url.rsplit(':').next().expect("a port").to_owned();
    for excepted in ["127.0.0.1", "127.0.0.0/8"] {
        let run = apply(&desk, &server.repo("r"), &[("http_proxy", &proxy.address), ("NO_PROXY", excepted)]);
        run.exits(0);
    }
    assert!(proxy.asked().is_empty());
    // What is on this machine or in the cluster is never a proxy's.
    apply(&desk, &format!("http://127.0.0.1:{server_port}/r"), &[("http_proxy", &proxy.address)]).exits(0);
    apply(&desk, "http://git.shop.svc/r", &[("http_proxy", &proxy.address)]).exits(2);
    apply(&desk, "http://git.shop.svc.cluster.local/r", &[("all_proxy", &proxy.address)]).exits(2);
    assert!(proxy.asked().is_empty());
}

#[test]
fn their_passwords_are_sent_and_never_shown() {
    let (desk, server) = desk();
    // jane:hunter two
    let proxy = Proxy::start(&server.url, Some("Basic amFuZTpodW50ZXIgdHdv"));
    let url = |password: &str| format!("http://jane:{password}@{}", proxy.address);
    apply(&desk, STORE, &[("http_proxy", &url("hunter%20two"))]).exits(0).is_quiet();
    for name in ["http_proxy", "all_proxy"] {
        let run = apply(&desk, STORE, &[(name, &url("hunter%20three"))]);
        run.exits(2).says(&["git.invalid", "407"]);
        for secret in ["hunter", "amFuZTpodW50ZXIgdGhyZWU"] {
            assert!(!run.err.contains(secret), "{}", run.err);
        }
    }
}

#[test]
fn gits_own_configuration_goes_before_the_environment() {
    let (desk, server) = desk();
    let (proxy, other) = (Proxy::start(&server.url, None), Proxy::start(&server.url, None));
    let config = format!("[http]\n  proxy = {}\n[http \"http://direct.invalid\"]\n  proxy = \"\"\n", proxy.address);
    desk.write(".gitconfig", config);
    apply(&desk, STORE, &[("http_proxy", &other.address)]).exits(0);
    assert!(!proxy.asked().is_empty() && other.asked().is_empty());
    apply(&desk, "http://direct.invalid/r", &[("http_proxy", &other.address)]).exits(2);
    apply(&desk, STORE, &[("no_proxy", "git.invalid")]).exits(2);
    assert!(proxy.asked().is_empty() && other.asked().is_empty());
}

#[test]
fn the_api_of_a_github_app_is_found_and_reached_through_them() {
    let (desk, server) = desk();
    let proxy = Proxy::start(&server.url, None);
    generate(&desk.path("key"), &["-t", "rsa", "-b", "2048", "-m", "PEM"]);
    let key = std::fs::read_to_string(desk.path("key")).expect("a key");
    let key: String = key.lines().map(|line| format!("    {line}\n")).collect();
    let object = |kind: &str, spec: &str| {
        format!("---\napiVersion: platform.kratix.io/v1alpha1\nkind: {kind}\nmetadata: {{name: s}}\nspec: {spec}\n")
    };
    let secret = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData:\n  appID: '1'\n  installationID: '2'\n  privateKey: |\n{key}"
    );
    for (host, api) in [
        ("github.com", "CONNECT api.github.com:443"),
        ("acme.ghe.com", "CONNECT api.acme.ghe.com:443"),
        ("github.invalid:8443", "CONNECT github.invalid:8443"),
    ] {
        let store = format!("{{url: 'https://{host}/o/r.git', authMethod: githubApp, secretRef: {{name: app}}}}");
        let destination = object("Destination", "{path: ., stateStoreRef: {kind: GitStateStore, name: s}}");
        desk.write("stores.yaml", object("GitStateStore", &store) + &destination + &secret);
        let mut command = desk.command("apply -f stores.yaml -f a.yaml");
        command.env("https_proxy", format!("http://{}", proxy.address)).env_remove("no_proxy").env_remove("NO_PROXY");
        // What is behind it is not GitHub; that it was asked for is enough.
        finish(&command.output().expect("kept starts")).exits(2).says(&["a token for the GitHub App 1"]);
        assert_eq!(proxy.asked(), [api]);
    }
}
