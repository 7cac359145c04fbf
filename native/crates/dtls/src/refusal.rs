//! What a handshake was kept from.

/// What was kept from a handshake, as its source may be forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// An alert in the clear, with its description.
    Alert(u8),
    /// A flight that is signed with another certificate than is expected.
    Certificate,
    /// A flight without a certificate.
    NoCertificate,
    /// A flight that is not signed with the certificate in it.
    Signature,
    /// Anything else that belongs into no handshake, or not there.
    Untimely,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Alert(description) => match alert_name(*description) {
                Some(name) => write!(formatter, "the alert {name}"),
                None => write!(formatter, "alert {description}"),
            },
            Refusal::Certificate => formatter.write_str("another certificate than announced"),
            Refusal::NoCertificate => formatter.write_str("no certificate"),
            Refusal::Signature => formatter.write_str("a wrong signature"),
            Refusal::Untimely => formatter.write_str("what belongs into no handshake, or not there"),
        }
    }
}

/// RFC 5246 §7.2: those with which handshakes are refused.
fn alert_name(description: u8) -> Option<&'static str> {
    Some(match description {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        _ => return None,
    })
}
