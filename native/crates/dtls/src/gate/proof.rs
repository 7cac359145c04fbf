//! Which of the messages that were heard are a flight of one peer, and of the one that is expected.

use openssl::pkey::{PKey, Public};
use openssl::x509::X509;

use super::Gate;
use crate::allowance::Allowance;
use crate::certificate::fingerprint;
use crate::message::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, Message, SERVER_HELLO,
    SERVER_HELLO_DONE, SERVER_KEY_EXCHANGE,
};
use crate::refusal::Refusal;
use crate::signature::{self, is_signed, signature_starts};

/// What a flight may turn out to be.
pub enum Trial {
    Proven(Vec<usize>),
    Refused(Refusal),
    Incomplete,
}

impl Gate {
    /// Whole messages of a kind at a place of the flight, the latest first.
    fn whole(&self, place: u16, kind: u8) -> Vec<(usize, &Message)> {
        let is_it = |message: &Message| {
            message.kind == kind && message.sequence == self.first + place && message.body().is_some()
        };
        let mut found: Vec<_> = self.heard.iter().enumerate().filter(|(_, message)| is_it(message)).collect();
        found.sort_by_key(|(_, message)| std::cmp::Reverse(message.seen));
        found
    }

    /// False if these have been tried together.
    fn is_new(&self, messages: &[&Message]) -> bool {
        messages.iter().any(|message| message.completed > self.tried)
    }

    fn is_expected(&self, certificate: &X509) -> bool {
        self.expected.is_empty()
            || self.expected.iter().any(|(hash, value)| {
                let found = hash.and_then(|hash| fingerprint(certificate, hash).ok());
                found.is_some_and(|found| found.eq_ignore_ascii_case(value))
            })
    }

    /// Certificate, ClientKeyExchange, CertificateVerify.
    pub fn try_client(&self, allowance: &mut Allowance) -> Trial {
        let mut trial = Trial::Incomplete;
        for (at, message) in self.whole(0, CERTIFICATE) {
            let Some(certificate) = message.body().and_then(signature::certificate) else {
                if self.is_new(&[message]) {
                    trial = Trial::Refused(Refusal::NoCertificate);
                }
                continue;
            };
            for (exchange_at, exchange) in self.whole(1, CLIENT_KEY_EXCHANGE) {
                for (proof_at, proof) in self.whole(2, CERTIFICATE_VERIFY) {
                    if !self.is_new(&[message, exchange, proof]) {
                        continue;
                    }
                    let content = [&self.transcript[..], &message.whole(), &exchange.whole()].concat();
                    let signature = proof.body().unwrap_or_default();
                    let is_signed = |key: &_| is_signed(key, self.version, signature, &content);
                    match self.judge(certificate, allowance, is_signed) {
                        Some(Ok(())) => return Trial::Proven(vec![at, exchange_at, proof_at]),
                        Some(Err(refusal)) => trial = trial.or(refusal),
                        None => {}
                    }
                }
            }
        }
        trial
    }

    /// ServerHello, Certificate, ServerKeyExchange, and what follows.
    pub fn try_server(&mut self, allowance: &mut Allowance) -> Trial {
        let mut trial = Trial::Incomplete;
        let mut proven = None;
        'search: for (hello_at, hello) in self.whole(0, SERVER_HELLO) {
            let Some((version, random)) = hello.body().and_then(read_hello) else { continue };
            for (at, message) in self.whole(1, CERTIFICATE) {
                let Some(certificate) = message.body().and_then(signature::certificate) else { continue };
                for (exchange_at, exchange) in self.whole(2, SERVER_KEY_EXCHANGE) {
                    let Some(rest) = self.rest_of_flight(3, exchange.seen) else { continue };
                    let is_ended = rest.iter().any(|at| self.heard[*at].seen > self.tried);
                    if !self.is_new(&[hello, message, exchange]) && !is_ended {
                        continue;
                    }
                    let body = exchange.body().unwrap_or_default();
                    let is_signed = |key: &_| {
                        signature_starts(body).any(|start| {
                            let content = [&self.client_random[..], random, &body[..start]].concat();
                            is_signed(key, version, &body[start..], &content)
                        })
                    };
                    match self.judge(certificate, allowance, is_signed) {
                        Some(Ok(())) => {
                            let flight = [&[hello_at, at, exchange_at], &rest[..]].concat();
                            proven = Some((flight, version));
                            break 'search;
                        }
                        Some(Err(refusal)) => trial = trial.or(refusal),
                        None => {}
                    }
                }
            }
        }
        let Some((flight, version)) = proven else { return trial };
        self.version = version;
        Trial::Proven(flight)
    }

    /// A CertificateRequest, which a server of DTLS-SRTP should make, and the ServerHelloDone. What says which messages
    /// there are counts only if it came behind what is signed: anybody could have sent it before.
    fn rest_of_flight(&self, place: u16, behind: u64) -> Option<Vec<usize>> {
        let latest = |place, kind| self.whole(place, kind).first().copied();
        let request = latest(place, CERTIFICATE_REQUEST).filter(|(_, request)| request.seen > behind);
        if let Some((request, _)) = request {
            let (done, _) = latest(place + 1, SERVER_HELLO_DONE)?;
            return Some(vec![request, done]);
        }
        let (done, _) = latest(place, SERVER_HELLO_DONE).filter(|(_, done)| done.seen > behind)?;
        Some(vec![done])
    }

    /// Nothing if it has to wait, as too much was verified.
    fn judge(
        &self,
        certificate: &[u8],
        allowance: &mut Allowance,
        is_signed: impl FnOnce(&PKey<Public>) -> bool,
    ) -> Option<Result<(), Refusal>> {
        let Ok(certificate) = X509::from_der(certificate) else { return Some(Err(Refusal::NoCertificate)) };
        let Some(key) = signature::key(&certificate) else { return Some(Err(Refusal::Signature)) };
        let is_expected = self.is_expected(&certificate);
        let verdict = |is_signed| match (is_signed, is_expected) {
            (false, _) => Err(Refusal::Signature),
            (true, false) => Err(Refusal::Certificate),
            (true, true) => Ok(()),
        };
        allowance.take(is_expected).then(|| verdict(is_signed(&key)))
    }
}

impl Trial {
    /// Another certificate than expected says more than a wrong signature.
    fn or(self, refusal: Refusal) -> Trial {
        match self {
            Trial::Refused(Refusal::Certificate) => self,
            Trial::Proven(_) | Trial::Refused(_) | Trial::Incomplete => Trial::Refused(refusal),
        }
    }
}

/// Version and random of a ServerHello.
fn read_hello(body: &[u8]) -> Option<([u8; 2], &[u8])> {
    Some((*body.first_chunk::<2>()?, body.get(2..34)?))
}
