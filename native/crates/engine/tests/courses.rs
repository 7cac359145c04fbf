//! Whole calls with ICE, bundles, keys and rules for RTCP, in which anything happens in any order: see `sim::course`.
//! Here the courses are the same each time; `npm run fuzz -- courses` looks for others.

use proptest::{prelude::*, test_runner::RngSeed};
use sim::course::{Kind, Step, run};

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(64)
    })]

    #[test]
    fn the_laws_hold_on_every_course(
        kind in any::<[u8; 2]>().prop_map(Kind::from),
        steps in prop::collection::vec(any::<[u8; 4]>().prop_map(Step::from), 0..40),
    ) {
        run(kind, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2),
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn the_laws_hold_where_rtcp_has_a_port_of_its_own(
        (is_protected, rules) in any::<(bool, u8)>(),
        steps in prop::collection::vec(any::<[u8; 4]>().prop_map(Step::from), 0..40),
    ) {
        let kind = Kind::from([32 | u8::from(is_protected) << 2, rules]);
        assert!(kind.separate_rtcp);
        run(kind, &steps);
    }
}
