//! Network interfaces, and what each is used for.

use std::net::IpAddr;

/// A network interface that packets can be captured on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The name to open it by.
    pub name: String,
    /// The system's description.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether packets can pass.
    pub link: Link,
    /// Whether it is the machine's own loopback interface.
    pub loopback: bool,
    /// Whether it is wireless.
    pub wireless: bool,
}

/// Whether packets can pass an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Link {
    /// They can.
    Up,
    /// It is switched on, but not connected.
    Unplugged,
    /// It is switched off.
    Off,
}

/// What an interface is used for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InterfacePurpose {
    /// Connections within this machine.
    Loopback,
    /// Everything.
    Any,
    /// All containers of one network.
    ContainerBridge,
    /// One container.
    ContainerEnd,
    /// Virtual machines.
    MachineBridge,
    /// One virtual machine, or a tunnel.
    Tunnel,
    /// Other machines, wireless.
    Wireless,
    /// Other machines, wired.
    Network,
    /// Not network traffic: a bus, another kind of radio, the system's log.
    Other,
}

/// The pseudo-interface for all interfaces, on Linux only.
pub const ANY: &str = "any";

impl Device {
    /// What it is used for, judging by its name and the system.
    pub fn purpose(&self) -> InterfacePurpose {
        if self.loopback {
            return InterfacePurpose::Loopback;
        }
        if self.name == ANY {
            return InterfacePurpose::Any;
        }
        let known = NAMES.iter().find(|(start, _)| self.name.starts_with(start));
        let otherwise =
            if self.wireless { InterfacePurpose::Wireless } else { InterfacePurpose::Network };
        known.map_or(otherwise, |(_, purpose)| *purpose)
    }
}

impl InterfacePurpose {
    /// All of them, with the name in ndjson and the text for people.
    #[rustfmt::skip]
    pub const TABLE: [(Self, &'static str, &'static str); 9] = [
        (Self::Loopback,        "loopback",         "clients and servers on this machine"),
        (Self::Any,             "any",              "all interfaces at once; a packet seen on two of them is used once"),
        (Self::ContainerBridge, "container_bridge", "containers of one network, and their ports"),
        (Self::ContainerEnd,    "container_end",    "one container"),
        (Self::MachineBridge,   "machine_bridge",   "virtual machines"),
        (Self::Tunnel,          "tunnel",           "traffic inside a tunnel or a virtual machine"),
        (Self::Wireless,        "wireless",         "other machines, wireless"),
        (Self::Network,         "network",          "other machines"),
        (Self::Other,           "other",            "not network traffic"),
    ];

    /// The word for programs.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The words for people.
    pub fn words(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Self, &'static str, &'static str) {
        let row = Self::TABLE.iter().find(|(purpose, ..)| *purpose == self);
        row.copied().unwrap_or((self, "other", ""))
    }
}

impl Link {
    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unplugged => "unplugged",
            Self::Off => "off",
        }
    }
}

/// The name of this machine's loopback interface; the usual name if the system does not list it.
pub fn loopback() -> String {
    let devices = super::devices().unwrap_or_default();
    let found = devices.into_iter().find(|device| device.loopback);
    found.map_or_else(|| LOOPBACK.to_owned(), |device| device.name)
}

/// The usual name of the loopback interface.
const LOOPBACK: &str = if cfg!(target_os = "linux") {
    "lo"
} else if cfg!(windows) {
    "\\Device\\NPF_Loopback"
} else {
    "lo0"
};

/// Name prefixes of interfaces created by well-known programs.
#[rustfmt::skip]
const NAMES: &[(&str, InterfacePurpose)] = &[
    ("docker",      InterfacePurpose::ContainerBridge),
    ("br-",         InterfacePurpose::ContainerBridge),
    ("podman",      InterfacePurpose::ContainerBridge),
    ("cni",         InterfacePurpose::ContainerBridge),
    ("lxcbr",       InterfacePurpose::ContainerBridge),
    ("lxdbr",       InterfacePurpose::ContainerBridge),
    ("veth",        InterfacePurpose::ContainerEnd),
    ("cali",        InterfacePurpose::ContainerEnd),
    ("lxc",         InterfacePurpose::ContainerEnd),
    ("virbr",       InterfacePurpose::MachineBridge),
    ("bridge",      InterfacePurpose::MachineBridge),
    ("vmnet",       InterfacePurpose::MachineBridge),
    ("vboxnet",     InterfacePurpose::MachineBridge),
    ("tun",         InterfacePurpose::Tunnel),
    ("tap",         InterfacePurpose::Tunnel),
    ("utun",        InterfacePurpose::Tunnel),
    ("wg",          InterfacePurpose::Tunnel),
    ("tailscale",   InterfacePurpose::Tunnel),
    ("ppp",         InterfacePurpose::Tunnel),
    ("vnet",        InterfacePurpose::Tunnel),
    ("wl",          InterfacePurpose::Wireless),
    ("bluetooth",   InterfacePurpose::Other),
    ("usbmon",      InterfacePurpose::Other),
    ("nflog",       InterfacePurpose::Other),
    ("nfqueue",     InterfacePurpose::Other),
    ("dbus-",       InterfacePurpose::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_follow_from_name_and_kind() {
        let device = |name: &str| Device {
            name: name.to_owned(),
            description: None,
            addresses: Vec::new(),
            link: Link::Up,
            loopback: false,
            wireless: false,
        };
        #[rustfmt::skip]
        let cases = [
            (Device { loopback: true, ..device("lo") },    InterfacePurpose::Loopback),
            (Device { loopback: true, ..device("lo0") },   InterfacePurpose::Loopback),
            (Device { wireless: true, ..device("en0") },   InterfacePurpose::Wireless),
            (device("any"),                                InterfacePurpose::Any),
            (device("docker0"),                            InterfacePurpose::ContainerBridge),
            (device("br-1a2b3c"),                          InterfacePurpose::ContainerBridge),
            (device("veth12ab"),                           InterfacePurpose::ContainerEnd),
            (device("virbr0"),                             InterfacePurpose::MachineBridge),
            (device("wg0"),                                InterfacePurpose::Tunnel),
            (device("wlp3s0"),                             InterfacePurpose::Wireless),
            (Device { wireless: true, ..device("bluetooth-monitor") }, InterfacePurpose::Other),
            (device("eth0"),                               InterfacePurpose::Network),
            (device("br0"),                                InterfacePurpose::Network),
            (device("anything"),                           InterfacePurpose::Network),
        ];
        for (device, expected) in cases {
            assert_eq!(device.purpose(), expected, "{}", device.name);
        }
    }

    #[test]
    fn every_purpose_has_words() {
        for (purpose, name, words) in InterfacePurpose::TABLE {
            assert_eq!((purpose.name(), purpose.words()), (name, words));
        }
    }

    #[test]
    fn loopback_has_a_name() {
        assert!(!loopback().is_empty());
    }
}
