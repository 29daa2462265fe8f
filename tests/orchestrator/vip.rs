//! Addresses: given ones, those of a subnet's pool, and those that v1 gave.

use std::collections::HashSet;

use kept::known::Known;
use kept::manifest::Claim;
use kept::promises::{Refusal, Request};
use kept::store::LeftOver;
use serde_json::{Value, json};

use crate::support::{address, arrive, demo, mistakes, promise, record, render, render_with, request, site, value};

fn exposed(name: &str, exposure: Value) -> Request {
    request("platform-requests", name, json!({ "name": name, "exposure": exposure }))
}

fn in_subnet(name: &str, subnet: &str) -> Request {
    exposed(name, json!({ "subnet": subnet }))
}

#[track_caller]
fn given_to(request: &Request, known: &Known) -> String {
    address(&render_with(request, known).unwrap_or_else(|e| panic!("{}: {e}", request.key)))
}

#[track_caller]
fn taken(request: &Request, known: &Known) -> String {
    match render_with(request, known) {
        Err(refusal @ Refusal::Taken(_)) => refusal.to_string(),
        other => panic!("{} gets {other:?}", request.key),
    }
}

fn vip(address: &str) -> Claim {
    Claim::new("vip", address)
}

/// Kratix's files of these requests lie there, and kept has not written them yet.
fn left_over(known: &mut Known, requests: &[&Request]) {
    let keys = requests.iter().map(|request| (request.key.clone(), String::new())).collect();
    known.found_left_over(&site(), LeftOver { requests: keys, ..LeftOver::default() });
}

#[test]
fn without_a_subnet_the_load_balancer_picks_one() {
    let output = render(&demo(json!({ "exposure": {} })));
    assert_eq!(address(&output), "");
    assert_eq!(value(&output, "/controlPlane/proxy/extraSANs"), json!(["demo.integratn.tech"]));
}

#[test]
fn a_given_address_is_one_and_lies_in_the_subnet() {
    let output = render(&exposed("demo", json!({ "vip": "192.0.2.7" })));
    assert_eq!(address(&output), "192.0.2.7");
    assert_eq!(value(&output, "/controlPlane/proxy/extraSANs"), json!(["demo.integratn.tech", "192.0.2.7"]));
    assert_eq!(address(&render(&exposed("demo", json!({ "vip": "10.0.6.9", "subnet": "10.0.6.0/24" })))), "10.0.6.9");
    for (exposure, mistake) in [
        (
            json!({ "vip": "10.0.7.9", "subnet": "10.0.6.0/24" }),
            "spec.exposure.vip: 10.0.7.9 does not lie in the subnet 10.0.6.0/24",
        ),
        (json!({ "vip": "10.0.6.255", "subnet": "10.0.6.0/24" }), "spec.exposure.vip: 10.0.6.255 does not lie in"),
        (json!({ "vip": "0.0.0.0" }), "spec.exposure.vip: 0.0.0.0 is no address that a host can have"),
        (json!({ "vip": "127.0.0.1" }), "spec.exposure.vip: 127.0.0.1 is no address"),
        (json!({ "vip": "224.0.0.1" }), "spec.exposure.vip: 224.0.0.1 is no address"),
        (json!({ "subnet": "0.0.0.0/0" }), "spec.exposure.subnet: 0.0.0.0/0 has no addresses that hosts can have"),
        (json!({ "subnet": "255.255.255.0/24" }), "spec.exposure.subnet: 255.255.255.0/24 has no addresses"),
        (json!({ "vip": "999.1.1.1" }), "spec.exposure.vip: \"999.1.1.1\" is not an IPv4 address"),
        (json!({ "vip": "10.0.06.9" }), "spec.exposure.vip: \"10.0.06.9\" is not"),
        (json!({ "subnet": "10.0.256.0/24" }), "spec.exposure.subnet: \"10.0.256.0/24\" is not an IPv4 subnet"),
    ] {
        let found = mistakes(&exposed("demo", exposure));
        assert!(found.starts_with(mistake), "{found}");
    }
}

#[test]
fn the_first_free_address_from_the_hundredth_on() {
    let mut known = Known::default();
    let me = in_subnet("me", "10.0.6.0/24");
    assert_eq!(given_to(&me, &known), "10.0.6.100");
    // Recorded, about to be recorded, given to somebody who is not written yet.
    record(&mut known, &in_subnet("a", "10.0.6.0/24").key, &[vip("10.0.6.100")]);
    known.reserve(&in_subnet("b", "10.0.6.0/24").key, &[vip("10.0.6.101")].into());
    arrive(&mut known, &exposed("c", json!({ "vip": "10.0.6.102" })), 59);
    assert_eq!(given_to(&me, &known), "10.0.6.103");
    // A network is meant, whatever address of it is named.
    assert_eq!(given_to(&in_subnet("me", "10.0.6.77/24"), &known), "10.0.6.103");
    assert_eq!(given_to(&in_subnet("me", "10.0.0.0/16"), &Known::default()), "10.0.0.100");
}

#[test]
fn two_at_the_same_moment_get_two() {
    let mut known = Known::default();
    let [one, two] = ["one", "two"].map(|name| in_subnet(name, "10.0.6.0/24"));
    arrive(&mut known, &one, 1);
    arrive(&mut known, &two, 1);
    let output = render_with(&one, &known).expect("it renders");
    assert_eq!(address(&output), "10.0.6.100");
    known.reserve(&one.key, &output.claims);
    assert_eq!(given_to(&two, &known), "10.0.6.101");
    assert_eq!(given_to(&one, &known), "10.0.6.100", "and again");
}

#[test]
fn it_is_kept_for_life() {
    let mut known = Known::default();
    let me = in_subnet("me", "10.0.6.0/24");
    record(&mut known, &me.key, &[vip("10.0.6.117")]);
    assert_eq!(given_to(&me, &known), "10.0.6.117");
    // Even if somebody older asks for it by name: that one is refused.
    let other = exposed("other", json!({ "vip": "10.0.6.117" }));
    arrive(&mut known, &other, 0);
    arrive(&mut known, &me, 30);
    assert_eq!(given_to(&me, &known), "10.0.6.117");
    assert!(taken(&other, &known).contains("10.0.6.117 is the address of vcluster-orchestrator platform-requests/me"));
    // Another subnet is another matter.
    assert_eq!(given_to(&in_subnet("me", "10.0.7.0/24"), &known), "10.0.7.100");
    assert_eq!(given_to(&in_subnet("me", "10.0.6.112/28"), &known), "10.0.6.117");
}

#[test]
fn small_subnets_are_walked_round() {
    let order = |subnet: &str| {
        let mut known = Known::default();
        let mut found = Vec::new();
        for i in 0.. {
            let me = in_subnet(&format!("n{i}"), subnet);
            match render_with(&me, &known) {
                Ok(output) => {
                    found.push(address(&output));
                    record(&mut known, &me.key, &output.claims.into_iter().collect::<Vec<_>>());
                }
                Err(refusal) => return (found, refusal.to_string()),
            }
        }
        unreachable!("the loop ends when the subnet is full");
    };
    let (found, _) = order("10.0.6.128/25");
    assert_eq!((found[0].as_str(), found.len()), ("10.0.6.228", 126));
    assert_eq!(found[26..28], ["10.0.6.254", "10.0.6.129"], "neither the network's own address nor broadcast");
    let (found, full) = order("10.0.6.16/29");
    // 99 steps from the first of six.
    assert_eq!(found, ["10.0.6.20", "10.0.6.21", "10.0.6.22", "10.0.6.17", "10.0.6.18", "10.0.6.19"]);
    assert!(full.starts_with("spec.exposure.subnet: every address of 10.0.6.16/29 is taken, by vcluster-orchestrator platform-requests/n0"), "{full}");
    assert!(full.contains("/n4 and 1 more"), "{full}");
    // Two ends of a line, and a single host.
    let two: HashSet<String> = order("10.0.6.4/31").0.into_iter().collect();
    assert_eq!(two, ["10.0.6.4", "10.0.6.5"].map(String::from).into());
    assert_eq!(order("10.0.6.9/32").0, ["10.0.6.9"]);
    assert_eq!(order("10.255.255.252/30").0.len(), 2);
}

#[test]
fn a_given_address_belongs_to_the_older_one() {
    let mut known = Known::default();
    let [old, new] = ["old", "new"].map(|name| exposed(name, json!({ "vip": "10.0.6.50" })));
    arrive(&mut known, &old, 1);
    arrive(&mut known, &new, 2);
    assert_eq!(given_to(&old, &known), "10.0.6.50");
    assert!(
        taken(&new, &known)
            .starts_with("spec.exposure.vip: 10.0.6.50 is the address of vcluster-orchestrator platform-requests/old")
    );
    // Who is recorded has it, however young.
    record(&mut known, &new.key, &[vip("10.0.6.50")]);
    assert_eq!(given_to(&new, &known), "10.0.6.50");
    assert!(taken(&old, &known).contains("platform-requests/new"));
}

#[test]
fn what_v1_gave_stays() {
    let mut known = Known::default();
    let [mine, other] = ["mine", "other"].map(|name| in_subnet(name, "10.0.6.0/24"));
    arrive(&mut known, &mine, 1);
    left_over(&mut known, &[&mine]);
    // A new one, although it comes first, keeps clear of it.
    arrive(&mut known, &other, 0);
    assert_eq!(given_to(&other, &known), "10.0.6.101");
    assert_eq!(given_to(&mine, &known), "10.0.6.100");
    // As does one that would have it by name.
    let by_name = exposed("name", json!({ "vip": "10.0.6.100" }));
    arrive(&mut known, &by_name, 0);
    assert!(taken(&by_name, &known).contains("platform-requests/mine"));
    assert_eq!(given_to(&mine, &known), "10.0.6.100");
    // Once kept has written it, the record alone counts.
    record(&mut known, &mine.key, &[vip("10.0.6.100")]);
    assert_eq!(given_to(&mine, &known), "10.0.6.100");
    assert!(taken(&by_name, &known).contains("platform-requests/mine"));
    assert_eq!(given_to(&other, &known), "10.0.6.101");
}

#[test]
fn of_two_that_v1_gave_the_same_the_older_keeps_it() {
    let mut known = Known::default();
    let [old, new] = ["z-old", "a-new"].map(|name| in_subnet(name, "10.0.6.0/24"));
    arrive(&mut known, &old, 1);
    arrive(&mut known, &new, 2);
    left_over(&mut known, &[&old, &new]);
    assert_eq!(given_to(&old, &known), "10.0.6.100");
    let refused = taken(&new, &known);
    assert!(refused.contains("10.0.6.100") && refused.contains("platform-requests/z-old"), "{refused}");
    assert!(refused.contains("spec.exposure.vip"), "{refused}");
    // The way out that it names.
    let moved = exposed("a-new", json!({ "subnet": "10.0.6.0/24", "vip": "10.0.6.101" }));
    assert_eq!(given_to(&moved, &known), "10.0.6.101");
    // The older one is recorded meanwhile; nothing changes for the other.
    record(&mut known, &old.key, &[vip("10.0.6.100")]);
    assert!(taken(&new, &known).contains("platform-requests/z-old"));
    assert_eq!(given_to(&old, &known), "10.0.6.100");
    // Or it is one that has the address by name.
    let mut known = Known::default();
    let named = exposed("named", json!({ "vip": "10.0.6.100" }));
    arrive(&mut known, &named, 0);
    arrive(&mut known, &new, 2);
    left_over(&mut known, &[&named, &new]);
    assert!(taken(&new, &known).contains("platform-requests/named"));
    assert_eq!(given_to(&named, &known), "10.0.6.100");
}

#[test]
fn what_v1_cannot_have_given_is_chosen_anew() {
    let mut known = Known::default();
    let small = in_subnet("small", "10.0.6.0/28");
    arrive(&mut known, &small, 1);
    left_over(&mut known, &[&small]);
    assert_eq!(given_to(&small, &known), "10.0.6.2");
    assert_eq!(
        promise()
            .peer(&small, &kept::config::Settings::default())
            .offers
            .iter()
            .filter(|c| c.kind().starts_with("vip"))
            .count(),
        0
    );
}

#[test]
fn a_mistake_elsewhere_is_told_before_who_has_the_address() {
    let mut known = Known::default();
    record(&mut known, &in_subnet("other", "10.0.6.0/24").key, &[vip("10.0.6.50")]);
    let spec = json!({ "name": "me", "exposure": { "vip": "10.0.6.50" }, "vcluster": { "k8sVersion": "1.1" } });
    let me = request("platform-requests", "me", spec);
    assert!(matches!(render_with(&me, &known), Err(Refusal::Invalid(_))));
}
