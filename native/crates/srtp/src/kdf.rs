//! Session keys from master keys (RFC 3711 §4.3, with longer keys RFC 6188 §3; key derivation rate 0).

use crate::cipher::Aes;

/// Labels of RFC 3711 §4.3.1 and §4.3.2.
#[derive(Clone, Copy)]
pub(crate) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Fills `out` with the key for `label`. A salt of 12 bytes is padded with zeros on the right (RFC 7714 §11).
pub(crate) fn derive(master: &Aes, salt: &[u8], label: Label, out: &mut [u8]) {
    // x = salt XOR (label << 48) with index DIV rate = 0; the counter starts at x * 2^16.
    let mut block = [0u8; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label as u8;
    out.fill(0);
    master.counter_mode(&block, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let master = Aes::new(&hex("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap();
        let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
        let derived = |label, length| {
            let mut out = vec![0; length];
            derive(&master, &salt, label, &mut out);
            out
        };
        assert_eq!(derived(Label::RtpEncryption, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(Label::RtpSalt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            derived(Label::RtpAuthentication, 94),
            hex(concat!(
                "CEBE321F6FF7716B6FD4AB49AF256A15",
                "6D38BAA48F0A0ACF3C34E2359E6CDBCE",
                "E049646C43D9327AD175578EF7227098",
                "6371C10C9A369AC2F94A8C5FBCDDDC25",
                "6D6E919A48B610EF17C2041E47403576",
                "6B68642C59BBFC2F34DB60DBDFB2",
            ))
        );
    }

    #[test]
    fn a_256_bit_master_key_gives_the_keys_of_rfc_6188_7_2() {
        let master =
            Aes::new(&hex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6")).unwrap();
        let salt = hex("3b04803de51ee7c96423ab5b78d2");
        let derived = |label, length| {
            let mut out = vec![0; length];
            derive(&master, &salt, label, &mut out);
            out
        };
        assert_eq!(
            derived(Label::RtpEncryption, 32),
            hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4")
        );
        assert_eq!(derived(Label::RtpSalt, 14), hex("fa31791685ca444a9e07c6c64e93"));
        assert_eq!(derived(Label::RtpAuthentication, 20), hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
    }

    #[test]
    fn a_192_bit_master_key_gives_the_keys_of_rfc_6188_7_4() {
        let master = Aes::new(&hex("73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1")).unwrap();
        let salt = hex("c8522f3acd4ce86d5add78edbb11");
        let derived = |label, length| {
            let mut out = vec![0; length];
            derive(&master, &salt, label, &mut out);
            out
        };
        assert_eq!(
            derived(Label::RtpEncryption, 24),
            hex("31874736a8f1143870c26e4857d8a5b2c4a354407faadabb")
        );
        assert_eq!(derived(Label::RtpSalt, 14), hex("2372b82d639b6d8503a47adc0a6c"));
        assert_eq!(derived(Label::RtpAuthentication, 20), hex("355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"));
    }
}
