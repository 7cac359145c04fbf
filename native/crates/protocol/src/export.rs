//! Prints the schema as TypeScript. `npm run gen` runs this test; `npm run check` compares the result.

use std::{fs, hash::Hasher, path::Path};

use ts_rs::TS;

use crate::*;

const HEADER: &str = "// Generated from native/crates/protocol by `npm run gen`. Do not edit.\n";

#[test]
fn typescript_matches_the_schema() {
    let config = ts_rs::Config::new().with_large_int("number");
    let mut body = String::new();
    macro_rules! export {
        ($($name:ty),+ $(,)?) => {$(
            if let Some(docs) = <$name as TS>::docs() {
                body.push_str(&docs);
            }
            body.push_str("export ");
            body.push_str(&<$name as TS>::decl(&config));
            body.push_str("\n\n");
        )+};
    }
    export!(
        SessionId,
        StreamId,
        LocalId,
        SessionPlan,
        TimeoutPlan,
        StreamPlan,
        SecurityPlan,
        SrtpKeyPlan,
        DtlsRole,
        FingerprintPlan,
        StreamSnapshot,
        KeysSnapshot,
        KeySnapshot,
        SourceSnapshot,
        BundledSource,
        IcePlan,
        IceRole,
        BundlePlan,
        IceState,
        IceStats,
        IcePair,
        IceSnapshot,
        ValidPair,
        LocalPlan,
        RelayPlan,
        RelayServerPlan,
        RelayOutcome,
        PortSpan,
        StreamKind,
        RtcpMode,
        RtcpRules,
        FeedbackKind,
        ReportsPlan,
        ReportsWhen,
        RemotePlan,
        LearningPlan,
        LearningMode,
        PayloadPlan,
        RoutePlan,
        MediaAction,
        EventAction,
        ToDataPlane,
        FromDataPlane,
        Request,
        Response,
        SessionSnapshot,
        Configuration,
        CertificatePem,
        CertificatePlan,
        CertificateKey,
        InterfacePlan,
        BoundLocal,
        Component,
        Event,
        DtlsState,
        TimeoutReason,
        FastPathPlan,
        FastPathMode,
        FastPathHook,
        FastPathStatus,
        FastPathState,
        FastPathDevice,
        PassedCount,
        DeviceMode,
        UserspaceCount,
        StreamPath,
        UserspaceReason,
        Status,
        DataPath,
        InterfaceStatus,
        InterfaceTraffic,
        NodeCounters,
        SuspectCause,
        SuspectCounts,
        Suspect,
        ErrorCode,
        PatternPlan,
        OutcomePlan,
        RequestPart,
        PlacesPlan,
        ValuePlan,
        Spelling,
        TextPlan,
        PlanGap,
        PlanPlace,
        RemoteKind,
        DrawPlan,
        RoomPlan,
        CredentialKind,
        ReplyPlan,
        RemoteGap,
        FormedText,
        FormedValue,
        ValueForm,
        RepeatCounters,
        LogPosition,
        SessionStats,
        StreamStats,
        ComponentStats,
        RemoteState,
        SsrcStats,
        MeasuredQuality,
        ReportedQuality,
        MosSample,
        MosProgression,
        TapId,
        TapPlan,
        TapSide,
        TapTarget,
        PcapLink,
        TapStats,
    );
    let fingerprint = fingerprint(&body);
    let text = format!(
        "{HEADER}\n/** Hash of this schema; the data plane refuses another one. */\nexport const FINGERPRINT = '{fingerprint}';\n\n{body}"
    );

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let typescript = root.join("../../../src/dataplane/protocol.gen.ts");
    let hash = root.join("src/fingerprint.txt");
    if std::env::var_os("TANDEM_GENERATE").is_some() {
        fs::write(typescript, text).unwrap();
        fs::write(hash, fingerprint).unwrap();
    } else {
        assert_eq!(FINGERPRINT, fingerprint, "the schema changed: run `npm run gen`");
        let committed = fs::read_to_string(typescript).unwrap();
        assert!(committed == text, "protocol.gen.ts is not what the schema prints: run `npm run gen`");
    }
}

fn fingerprint(text: &str) -> String {
    // FNV-1a, 64 bit: only has to tell two builds apart.
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}
