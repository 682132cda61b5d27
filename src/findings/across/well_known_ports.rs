//! Ports that belong to services which have nothing to do with WebSocket.

/// Whether a port is the usual one of a service that is neither HTTP nor WebSocket.
///
/// System ports (RFC 6335 §6) other than those of HTTP are; of the others, those of [`SERVICES`]. Ports that
/// are registered for something but commonly used for web servers (3000, 5000, 8080, 9000) are not.
pub(super) fn is_of_another_service(port: u16) -> bool {
    match port {
        // RFC 9110 §4.2 and RFC 6455 §3; 591 and 593 are registered for alternatives of HTTP.
        80 | 443 | 591 | 593 => false,
        0..1024 => true,
        _ => SERVICES.binary_search(&port).is_ok(),
    }
}

/// Registered ports of widespread services (IANA, Service Name and Transport Protocol Port Number Registry),
/// and those by which some others are known.
const SERVICES: [u16; 54] = [
    1194,  // OpenVPN
    1352,  // Lotus Notes
    1433,  // Microsoft SQL Server
    1434,  // its browser
    1521,  // Oracle
    1701,  // L2TP
    1720,  // H.323
    1723,  // PPTP
    1812,  // RADIUS
    1883,  // MQTT
    1935,  // RTMP
    2049,  // NFS
    2181,  // ZooKeeper
    2404,  // IEC 60870-5-104
    3205,  // iSNS
    3260,  // iSCSI
    3268,  // LDAP, global catalog
    3306,  // MySQL
    3389,  // RDP
    3478,  // STUN
    4369,  // Erlang port mapper
    4840,  // OPC UA
    5060,  // SIP
    5061,  // SIP over TLS
    5222,  // XMPP
    5269,  // XMPP between servers
    5353,  // multicast DNS
    5355,  // LLMNR
    5432,  // PostgreSQL
    5671,  // AMQP over TLS
    5672,  // AMQP
    5900,  // VNC
    5901,  // VNC, second display
    6000,  // X11
    6379,  // Redis
    6667,  // IRC
    6697,  // IRC over TLS
    6881,  // BitTorrent
    7001,  // AFS
    8883,  // MQTT over TLS
    9042,  // Cassandra
    9092,  // Kafka
    9418,  // Git
    10050, // Zabbix agent
    10051, // Zabbix server
    11211, // memcached
    13400, // DoIP
    20000, // DNP3
    25565, // Minecraft
    25672, // RabbitMQ between nodes
    27017, // MongoDB
    44818, // EtherNet/IP
    47808, // BACnet
    61616, // ActiveMQ
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ports_of_other_services_are_excluded() {
        assert!(SERVICES.is_sorted_by(|one, next| one < next));
        for port in [22, 25, 53, 139, 445, 1023, 1433, 3306, 5432, 6379, 27017, 61616] {
            assert!(is_of_another_service(port), "{port}");
        }
        for port in [80, 443, 591, 1024, 3000, 5000, 8000, 8080, 8443, 9000, 9001, 65535] {
            assert!(!is_of_another_service(port), "{port}");
        }
    }
}
