//! Keys whose value is more than one number for one field, or which other defaults depend on.

use super::{
    ProducerConfig, address,
    read::{Applied, boolean, int, int_millis, millis, rule, whole},
};
use crate::{Acks, Compression};

pub(super) fn acks(config: &mut ProducerConfig, value: &str) -> Applied {
    config.acks = match value {
        "all" | "-1" => Acks::All,
        "0" => Acks::None,
        "1" => Acks::Leader,
        _ => return rule("must be all, -1, 0 or 1"),
    };
    config.follow_idempotence();
    Ok(None)
}

pub(super) fn idempotence(config: &mut ProducerConfig, value: &str) -> Applied {
    config.enable_idempotence = boolean(value)?;
    config.explicit.enable_idempotence = true;
    Ok(None)
}

pub(super) fn retries(config: &mut ProducerConfig, value: &str) -> Applied {
    config.retries = int(value, 0)?;
    config.follow_idempotence();
    Ok(None)
}

pub(super) fn bootstrap_servers(config: &mut ProducerConfig, value: &str) -> Applied {
    let servers: Vec<_> = value
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    if servers.is_empty() {
        return rule("must name at least one address, host:port");
    }
    for (server, number) in servers.iter().zip(1..) {
        if let Err(broken) = address::split(server) {
            return rule(format!("entry {number} {broken}"));
        }
    }
    config.bootstrap_servers = servers.into_iter().map(str::to_owned).collect();
    Ok(None)
}

pub(super) fn client_id(config: &mut ProducerConfig, value: &str) -> Applied {
    if value.len() > i16::MAX as usize {
        return rule("must not be longer than 32767 bytes");
    }
    config.client_id = value.to_owned();
    Ok(None)
}

pub(super) fn batch_size(config: &mut ProducerConfig, value: &str) -> Applied {
    config.batch_size = int(value, 0)?;
    if !config.explicit.batch_adaptive {
        config.batch_adaptive = false;
    }
    Ok(None)
}

pub(super) fn per_partition(config: &mut ProducerConfig, value: &str) -> Applied {
    config.max_in_flight_per_partition = int(value, 1)?;
    config.explicit.max_in_flight_per_partition = true;
    Ok(None)
}

pub(super) fn batch_adaptive(config: &mut ProducerConfig, value: &str) -> Applied {
    config.batch_adaptive = boolean(value)?;
    config.explicit.batch_adaptive = true;
    Ok(None)
}

pub(super) fn linger(config: &mut ProducerConfig, value: &str) -> Applied {
    config.linger = millis(value, 0)?;
    config.follow_delivery_timeout();
    Ok(None)
}

pub(super) fn request_timeout(config: &mut ProducerConfig, value: &str) -> Applied {
    config.request_timeout = int_millis(value)?;
    config.follow_delivery_timeout();
    Ok(None)
}

pub(super) fn delivery_timeout(config: &mut ProducerConfig, value: &str) -> Applied {
    config.delivery_timeout = int_millis(value)?;
    config.explicit.delivery_timeout = true;
    Ok(None)
}

pub(super) fn compression(config: &mut ProducerConfig, value: &str) -> Applied {
    config.compression = match value {
        "none" => Compression::None,
        "gzip" => Compression::Gzip(-1),
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4(9),
        "zstd" => Compression::Zstd(3),
        _ => return rule("must be none, gzip, snappy, lz4 or zstd"),
    };
    config.follow_levels();
    Ok(None)
}

pub(super) fn gzip_level(config: &mut ProducerConfig, value: &str) -> Applied {
    let level = whole(value, -1, 9).ok().filter(|level| *level != 0);
    if level.is_none() {
        return rule("must be a whole number from 1 to 9, or -1");
    }
    config.explicit.gzip = level;
    config.follow_levels();
    Ok(None)
}

pub(super) fn lz4_level(config: &mut ProducerConfig, value: &str) -> Applied {
    config.explicit.lz4 = Some(whole(value, 1, 17)?);
    config.follow_levels();
    Ok(None)
}

pub(super) fn zstd_level(config: &mut ProducerConfig, value: &str) -> Applied {
    config.explicit.zstd = Some(whole(value, -131_072, 22)?);
    config.follow_levels();
    Ok(None)
}

pub(super) fn dns_lookup(_: &mut ProducerConfig, value: &str) -> Applied {
    match value {
        "use_all_dns_ips" => Ok(None),
        "resolve_canonical_bootstrap_servers_only" => rule(
            "must be use_all_dns_ips: names are made canonical for Kerberos, which alone needs it, by \
             its library (dns_canonicalize_hostname and rdns of krb5.conf)",
        ),
        _ => rule("must be use_all_dns_ips"),
    }
}

/// What they provide is in the values already, where these come with the rest of the settings.
pub(super) fn config_providers(_: &mut ProducerConfig, value: &str) -> Applied {
    match value {
        "" => Ok(None),
        _ => rule("is read together with other settings only: use from_properties"),
    }
}

/// Java's classes cannot run here, but some of them say what is done anyway.
pub(super) fn partitioner_class(_: &mut ProducerConfig, value: &str) -> Applied {
    const INTERNALS: &str = "org.apache.kafka.clients.producer.internals.";
    match value.strip_prefix(INTERNALS).unwrap_or(value) {
        "" => Ok(None),
        "DefaultPartitioner" => Ok(Some("Kafka's own rule applies without it")),
        "UniformStickyPartitioner" => rule("is set by partitioner.ignore.keys=true instead"),
        _ => rule("names a Java class; implement Partitioner and start the producer with it"),
    }
}
