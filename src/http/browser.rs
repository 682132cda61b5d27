//! Browsers, as they name themselves.

use memchr::memmem;

/// A browser and its version, as User-Agent gives them (RFC 9110 §10.1.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Browser {
    /// Its engine.
    pub family: BrowserFamily,
    /// The first number of its version.
    pub version: u16,
}

/// The engine of a browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrowserFamily {
    /// Chrome, Edge, Opera and others that are made of Chromium.
    Chromium,
    /// Firefox.
    Firefox,
}

impl Browser {
    /// The browser that a value of User-Agent names.
    pub fn of(user_agent: &[u8]) -> Option<Self> {
        if !user_agent.starts_with(b"Mozilla/") {
            return None;
        }
        FAMILIES.iter().find_map(|(name, family)| {
            let at = memmem::find(user_agent, name)?.saturating_add(name.len());
            let digits = user_agent.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit());
            let number: Vec<u8> = digits.take(MOST_DIGITS).copied().collect();
            let version = str::from_utf8(&number).ok()?.parse().ok()?;
            Some(Self { family: *family, version })
        })
    }

    /// Whether it opens no WebSocket from a page to the local network without the user's permission.
    pub fn guards_local_network(self) -> bool {
        match self.family {
            BrowserFamily::Chromium => self.version >= CHROMIUM,
            BrowserFamily::Firefox => self.version >= FIREFOX,
        }
    }

    /// Its name and version: `Chrome 150`.
    pub fn name(self) -> String {
        let name = match self.family {
            BrowserFamily::Chromium => "Chrome",
            BrowserFamily::Firefox => "Firefox",
        };
        format!("{name} {}", self.version)
    }
}

/// The products whose version counts.
const FAMILIES: &[(&[u8], BrowserFamily)] = &[
    (b"Chrome/", BrowserFamily::Chromium),
    (b"Chromium/", BrowserFamily::Chromium),
    (b"Firefox/", BrowserFamily::Firefox),
];

/// Digits of a version.
const MOST_DIGITS: usize = 5;

/// The first version of Chromium in which a WebSocket needs the permission.
const CHROMIUM: u16 = 147;

/// The first version of Firefox in which it does.
const FIREFOX: u16 = 154;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_their_engine() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome";
        for (user_agent, expected) in [
            (format!("{chrome}/150.0.0.0 Safari/537.36"), Some(("Chrome 150", true))),
            (
                format!("{chrome}/146.0.0.0 Safari/537.36 Edg/146.0.0.0"),
                Some(("Chrome 146", false)),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:154.0) Gecko/20100101 Firefox/154.0".to_owned(),
                Some(("Firefox 154", true)),
            ),
            ("Mozilla/5.0 (X11) HeadlessChrome/147.0.1".to_owned(), Some(("Chrome 147", true))),
            ("curl/8.5.0".to_owned(), None),
            ("Mozilla/5.0 Chrome/".to_owned(), None),
            (String::new(), None),
        ] {
            let browser = Browser::of(user_agent.as_bytes());
            let seen = browser.map(|it| (it.name(), it.guards_local_network()));
            let expected = expected.map(|(name, guards)| (name.to_owned(), guards));
            assert_eq!(seen, expected, "{user_agent}");
        }
    }
}
