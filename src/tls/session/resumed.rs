//! Sessions that continue earlier ones (TLS 1.2 and older).

use super::super::keylog::KeyLog;
use super::Session;

impl Session {
    /// The client wants to resume a session whose `ClientHello` had this random: its master secret is used if the
    /// server agrees.
    pub fn may_resume(&mut self, random: [u8; 32], log: &KeyLog) {
        self.decryptor.may_resume(random);
        self.collect(log);
    }

    /// The random of the `ClientHello` of the session that this one resumes, if that is known.
    pub fn resumed(&self) -> Option<[u8; 32]> {
        self.decryptor.resumed()
    }

    /// The random by which a key log has its master secret.
    pub fn original(&self) -> Option<[u8; 32]> {
        self.resumed().or_else(|| self.client_random())
    }
}
