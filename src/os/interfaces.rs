//! The machine's network interfaces and their addresses, as the kernel has them now.

use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

/// An address of an interface, with the length of its network's prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub interface: String,
    pub ip: IpAddr,
    pub prefix: u32,
}

/// Every IP address of every interface, in the kernel's order.
pub fn addresses() -> io::Result<Vec<Address>> {
    let found = getifaddrs()?.filter_map(|one| {
        let ip = ip(one.address.as_ref()?)?;
        let prefix = one.netmask.as_ref().and_then(self::ip).map_or(0, ones);
        Some(Address { interface: one.interface_name, ip, prefix })
    });
    Ok(found.collect())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    address.family()?;
    let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
}

fn ones(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_its_address() {
        let loopback = addresses().unwrap().into_iter().find(|one| one.ip == IpAddr::from([127, 0, 0, 1])).unwrap();
        assert_eq!((loopback.interface.as_str(), loopback.prefix), ("lo", 8));
    }
}
