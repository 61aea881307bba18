//! Free ports on loopback.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

/// Ports below the range from which systems take the ports of outgoing connections: a node that is down for a while
/// must find its own port free when it comes back.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// `count` ports that nothing listens on now. Somebody else may take one before it is used, so starting on them may
/// fail and is then tried again with others.
pub(crate) fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let mut held = Vec::with_capacity(count);
    let mut refusals = 0;
    while held.len() < count {
        // Held until all are found, lest one is found twice.
        match TcpListener::bind(loopback(fastrand::u16(RANGE))) {
            Ok(listener) => held.push(listener),
            Err(error) if refusals == 1_000 => return Err(error),
            Err(_) => refusals += 1,
        }
    }
    held.iter()
        .map(|listener| Ok(listener.local_addr()?.port()))
        .collect()
}

pub(super) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
