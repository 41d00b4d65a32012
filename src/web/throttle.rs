//! How often somebody may be wrong: a bounded table of recent failures per key (a name, an address).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Keys remembered at once; the one that was quiet longest makes room.
const KEY_LIMIT: usize = 10_000;

/// Allows `most` failures per key within `span`.
pub struct Throttle {
    most: u32,
    span: Duration,
    table: Mutex<HashMap<String, (u32, Instant)>>,
}

impl Throttle {
    pub fn new(most: u32, span: Duration) -> Self {
        Self { most, span, table: Mutex::new(HashMap::new()) }
    }

    /// How long `key` must still wait, when it was wrong too often.
    pub fn wait(&self, key: &str, now: Instant) -> Option<Duration> {
        let table = self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (count, since) = table.get(key)?;
        let rest = self.span.checked_sub(now.saturating_duration_since(*since))?;
        (*count >= self.most && !rest.is_zero()).then_some(rest)
    }

    /// Counts a try of `key` before it is judged, so that tries at the same time are counted too.
    pub fn count(&self, key: &str, now: Instant) {
        let mut table = self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if table.len() >= KEY_LIMIT && !table.contains_key(key) {
            table.retain(|_, (_, since)| now.saturating_duration_since(*since) < self.span);
            let oldest = table.iter().min_by_key(|(_, (_, since))| *since).map(|(k, _)| k.clone());
            if let Some(oldest) = oldest.filter(|_| table.len() >= KEY_LIMIT) {
                table.remove(&oldest);
            }
        }
        let entry = table.entry(key.to_owned()).or_insert((0, now));
        if now.saturating_duration_since(entry.1) >= self.span {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }

    /// The key was right: its failures are forgotten.
    pub fn forgive(&self, key: &str) {
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(key);
    }
}

/// The key of an address: an IPv6 client owns its whole /64.
pub fn address_key(peer: &str) -> String {
    match peer.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => peer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_failures_wait_and_time_heals() {
        let throttle = Throttle::new(3, Duration::from_secs(60));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(throttle.wait("anna", start), None);
            throttle.count("anna", start);
        }
        assert!(throttle.wait("anna", start).is_some());
        assert_eq!(throttle.wait("bert", start), None, "others are not kept waiting");
        assert_eq!(throttle.wait("anna", start + Duration::from_secs(61)), None);
        throttle.forgive("anna");
        assert_eq!(throttle.wait("anna", start), None);
    }

    #[test]
    fn the_table_stays_bounded() {
        let throttle = Throttle::new(1, Duration::from_secs(60));
        let start = Instant::now();
        for n in 0..KEY_LIMIT + 50 {
            throttle.count(&n.to_string(), start);
        }
        assert_eq!(throttle.table.lock().unwrap().len(), KEY_LIMIT);
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(address_key("2001:db8:1:2::1"), address_key("2001:db8:1:2:ffff::9"));
        assert_ne!(address_key("10.0.0.1"), address_key("10.0.0.2"));
    }
}
