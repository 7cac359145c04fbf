//! The certificates of this node, by what plans call them.

use std::sync::Arc;

use dtls::Certificate;

/// The one of new calls first; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Certificates(Arc<[(Box<str>, Certificate)]>);

impl Certificates {
    pub fn new(named: impl IntoIterator<Item = (Box<str>, Certificate)>) -> Self {
        Certificates(named.into_iter().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of this name; without a name, or if it is not there any more, that of new calls.
    pub fn named(&self, name: Option<&str>) -> Option<&Certificate> {
        let found = name.and_then(|name| self.0.iter().find(|(known, _)| **known == *name));
        found.or(self.0.first()).map(|(_, certificate)| certificate)
    }
}

impl From<Certificate> for Certificates {
    fn from(certificate: Certificate) -> Self {
        Certificates::new([(Box::default(), certificate)])
    }
}
