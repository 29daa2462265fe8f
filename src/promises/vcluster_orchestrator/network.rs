//! Addresses: of one subnet many vclusters get one each, and keep it for life.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::api::vcluster_orchestrator::Exposure;
use crate::error::Mistake;
use crate::known::Known;
use crate::manifest::Claim;
use crate::values::RequestKey;

/// The kind of claim that an address is.
const VIP: &str = "vip";
/// What a request that v1 may have given an address offers: the address that would be.
const V1_VIP: &str = "vip-of-v1";
/// v1 gave every vcluster of a subnet its hundredth address.
const V1_OFFSET: u32 = 100;
/// How many holders an error names.
const NAMED: usize = 5;

/// An IPv4 subnet. An address with bits beyond the prefix stands for the network that it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    network: u32,
    prefix: u8,
}

impl FromStr for Subnet {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: Ipv4Addr = address.parse().map_err(|_| ())?;
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or(())?;
        Ok(Self { network: address.to_bits() & !host_bits(prefix), prefix })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.network), self.prefix)
    }
}

/// The bits that tell the addresses of a subnet apart.
fn host_bits(prefix: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(prefix)).unwrap_or_default()
}

impl Subnet {
    fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & !host_bits(self.prefix) == self.network
    }

    /// Whether it is an address of this subnet that somebody can have.
    fn has(self, address: Ipv4Addr) -> bool {
        let (first, last) = self.usable();
        (first..=last).contains(&address.to_bits())
    }

    /// The first and the last address that somebody can have: without the network's own and the
    /// broadcast address, but in a /31 both are (RFC 3021), and in a /32 there is just the one.
    fn usable(self) -> (u32, u32) {
        let last = self.network | host_bits(self.prefix);
        if self.prefix >= 31 { (self.network, last) } else { (self.network + 1, last - 1) }
    }

    /// The usable addresses, each once: from the network's address plus `offset` on, and round.
    fn addresses(self, offset: u32) -> impl Iterator<Item = Ipv4Addr> {
        let (first, last) = self.usable();
        let size = u64::from(last - first) + 1;
        let wanted = u64::from(self.network) + u64::from(offset);
        let start = wanted.saturating_sub(u64::from(first)) % size;
        let at = move |i: u64| u32::try_from(u64::from(first) + (start + i) % size).map(Ipv4Addr::from_bits);
        (0..size).filter_map(move |i| at(i).ok())
    }

    /// The address that v1 gave out, where this subnet has it.
    fn v1_address(self) -> Option<Ipv4Addr> {
        let (_, last) = self.usable();
        let address = self.network.checked_add(V1_OFFSET)?;
        (address <= last).then(|| Ipv4Addr::from_bits(address))
    }
}

/// Which address a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// None: the load balancer picks one.
    Any,
    /// This one.
    Given(Ipv4Addr),
    /// One of this subnet's.
    From(Subnet),
}

impl Address {
    /// What `spec.exposure` asks for. A given address lies in the subnet, if there is one.
    pub(super) fn wanted(exposure: &Exposure, found: &mut Vec<Mistake>) -> Self {
        let subnet = exposure.subnet.as_ref().map(|text| {
            let message = || format!("{text:?} is not an IPv4 subnet, such as 10.0.6.0/24");
            text.parse::<Subnet>().map_err(|()| Mistake::new("spec.exposure.subnet", message()))
        });
        let vip = exposure.vip.as_ref().map(|text| {
            let message = || format!("{text:?} is not an IPv4 address");
            text.parse::<Ipv4Addr>().map_err(|_| Mistake::new("spec.exposure.vip", message()))
        });
        let subnet = subnet.transpose().unwrap_or_else(|mistake| note(mistake, found));
        let vip = vip.transpose().unwrap_or_else(|mistake| note(mistake, found));
        match (vip, subnet) {
            (Some(vip), _) if !is_a_hosts(vip) => {
                found.push(Mistake::new("spec.exposure.vip", format!("{vip} is no address that a host can have")));
                Self::Any
            }
            (None, Some(subnet)) if !is_a_hosts(Ipv4Addr::from_bits(subnet.usable().0)) => {
                let message = format!("{subnet} has no addresses that hosts can have");
                found.push(Mistake::new("spec.exposure.subnet", message));
                Self::Any
            }
            (Some(vip), Some(subnet)) if !subnet.has(vip) => {
                let message = format!(
                    "{vip} does not lie in the subnet {subnet} that spec.exposure.subnet gives, or is no host's address there"
                );
                found.push(Mistake::new("spec.exposure.vip", message));
                Self::Any
            }
            (Some(vip), _) => Self::Given(vip),
            (None, Some(subnet)) => Self::From(subnet),
            (None, None) => Self::Any,
        }
    }

    /// The claim on a given address.
    pub(super) fn given(self) -> Option<Claim> {
        match self {
            Self::Given(vip) => Some(claim(vip)),
            Self::Any | Self::From(_) => None,
        }
    }

    /// What others need to know of it: the address that is given, or the one that v1 would have
    /// taken from the subnet, which matters as long as kept has not written the request itself.
    pub(super) fn offer(self) -> Option<Claim> {
        match self {
            Self::Any => None,
            Self::Given(vip) => Some(claim(vip)),
            Self::From(subnet) => subnet.v1_address().map(claim_of_v1),
        }
    }

    /// The address: a given one, the recorded one, the one that it had `before` or that v1 must have given it, or
    /// the first free one of the subnet from the network's address plus `offset` on. The error says who is in the
    /// way.
    pub(super) fn resolve(
        self,
        request: &RequestKey,
        known: &Known,
        before: Option<Ipv4Addr>,
        offset: u32,
    ) -> Result<Option<Ipv4Addr>, String> {
        let pool = Pool { request, known, before, left_over: before.is_some() || known.is_left_over(request) };
        match self {
            Self::Any => Ok(None),
            Self::Given(vip) => match pool.elder(vip) {
                Some(holder) => Err(format!("spec.exposure.vip: {vip} is the address of {holder}: choose another one")),
                None => Ok(Some(vip)),
            },
            Self::From(subnet) => pool.from(subnet, offset).map(Some),
        }
    }
}

/// Neither nobody's, nor this host's own, nor a group's, nor reserved.
fn is_a_hosts(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && !address.is_loopback() && first < 224
}

fn note<T>(mistake: Mistake, found: &mut Vec<Mistake>) -> Option<T> {
    found.push(mistake);
    None
}

/// The claim on an address.
pub(super) fn claim(vip: Ipv4Addr) -> Claim {
    Claim::new(VIP, &vip.to_string())
}

fn claim_of_v1(vip: Ipv4Addr) -> Claim {
    Claim::new(V1_VIP, &vip.to_string())
}

/// Who has which address, as one request sees it.
struct Pool<'a> {
    request: &'a RequestKey,
    known: &'a Known,
    /// The address that v1 is seen to have given it.
    before: Option<Ipv4Addr>,
    /// v1 wrote the request's files, and kept has not yet.
    left_over: bool,
}

impl<'a> Pool<'a> {
    fn from(&self, subnet: Subnet, offset: u32) -> Result<Ipv4Addr, String> {
        if let Some(own) = self.own(subnet) {
            return Ok(own);
        }
        let before = self.before.filter(|vip| subnet.has(*vip));
        if let Some(vip) = before.or_else(|| subnet.v1_address().filter(|_| self.left_over)) {
            return match self.elder(vip) {
                Some(holder) => Err(format!(
                    "spec.exposure.subnet: v1 gave {vip} to this vcluster and to that of {holder}, which keeps it: \
                     nothing is changed here until spec.exposure.vip gives another address"
                )),
                None => Ok(vip),
            };
        }
        let mut holders = Vec::new();
        for vip in subnet.addresses(offset) {
            match self.holder(vip) {
                None => return Ok(vip),
                Some(holder) => holders.push(holder),
            }
        }
        let more = holders.len().saturating_sub(NAMED);
        let named: Vec<String> = holders.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Err(format!(
            "spec.exposure.subnet: every address of {subnet} is taken, by {}{more}: choose a larger subnet, or remove one of them",
            named.join(", ")
        ))
    }

    /// The address that this request has in the subnet already.
    fn own(&self, subnet: Subnet) -> Option<Ipv4Addr> {
        let own = self.known.claims(self.request).filter(|held| held.kind() == VIP);
        let mut addresses = own.filter_map(|held| held.as_str().split_once('/')?.1.parse().ok());
        addresses.find(|vip| subnet.contains(*vip) && self.known.holder(&claim(*vip)) == Some(self.request))
    }

    /// Who has an address, or asks for it.
    fn holder(&self, vip: Ipv4Addr) -> Option<&'a RequestKey> {
        self.recorded(vip).or_else(|| self.others(claim(vip)).next()).or_else(|| self.left_over_of_v1(vip).next())
    }

    /// Who goes before this request where both ask for an address.
    fn elder(&self, vip: Ipv4Addr) -> Option<&'a RequestKey> {
        let recorded = self.recorded(vip);
        if recorded.is_some() || self.known.holder(&claim(vip)) == Some(self.request) {
            return recorded;
        }
        let is_elder =
            |other: &&RequestKey| self.known.peers.seniority(other) < self.known.peers.seniority(self.request);
        if self.left_over {
            // What v1 wrote lies in the repository, and the address is in use: only another one of those goes before.
            let given = self.others(claim(vip)).filter(|other| self.known.is_left_over(other));
            return given.chain(self.left_over_of_v1(vip)).find(is_elder);
        }
        let given = self.others(claim(vip)).filter(|other| self.known.is_left_over(other) || is_elder(other));
        given.chain(self.left_over_of_v1(vip)).next()
    }

    fn recorded(&self, vip: Ipv4Addr) -> Option<&'a RequestKey> {
        self.known.holder(&claim(vip)).filter(|holder| *holder != self.request)
    }

    fn left_over_of_v1(&self, vip: Ipv4Addr) -> impl Iterator<Item = &'a RequestKey> {
        self.others(claim_of_v1(vip)).filter(|other| self.known.is_left_over(other))
    }

    fn others(&self, offer: Claim) -> impl Iterator<Item = &'a RequestKey> {
        let request = self.request;
        self.known.peers.offering(&offer).into_iter().filter(move |other| *other != request)
    }
}
