//! What the integration tests share: conversations made in memory, and what the analyzer says of them.

pub(crate) mod observed;
pub(crate) mod scenario;
