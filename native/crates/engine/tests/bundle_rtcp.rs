//! RTCP of a bundle: each stream gets what concerns it.

use sim::{
    bundle::{AUDIO, Bundle, VIDEO},
    packets::{self, Block, receiver_report, sender_report},
};

/// Alice sends audio as 11 and video as 22, Bob audio as 33 and video as 44.
fn talking() -> Bundle {
    let mut call = Bundle::call();
    call.alice_sends(&packets::rtp(AUDIO, 1, 0, 11));
    call.alice_sends(&packets::rtp(VIDEO, 1, 0, 22));
    call.bob_sends(3, &packets::rtp(AUDIO, 1, 0, 33));
    call.bob_sends(4, &packets::rtp(VIDEO, 1, 0, 44));
    call.bob_hears();
    call.alice_hears();
    call
}

fn about(ssrc: u32) -> Block {
    Block { ssrc, ..Block::default() }
}

fn rtcp(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
    let mut packet = vec![0x80 | count, kind];
    packet.extend((words.len() as u16).to_be_bytes());
    packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    packet
}

/// One chunk per source: a CNAME of two letters.
fn description(ssrcs: &[u32]) -> Vec<u8> {
    let words: Vec<u32> = ssrcs.iter().flat_map(|ssrc| [*ssrc, 0x0102_6161, 0]).collect();
    rtcp(202, ssrcs.len() as u8, &words)
}

#[test]
fn a_sender_report_goes_where_its_media_goes() {
    let mut call = talking();
    let (audio, video) = (sender_report(11, 7 << 32, &[]), sender_report(22, 7 << 32, &[]));
    call.alice_sends(&audio);
    call.alice_sends(&video);
    assert_eq!(call.bob_hears(), [vec![audio], vec![video]]);
    assert_eq!(
        (call.scene.stats(1).rtcp.received_packets, call.scene.stats(2).rtcp.received_packets),
        (1, 1)
    );
}

#[test]
fn a_compound_is_taken_apart() {
    let mut call = talking();
    let report = sender_report(11, 7 << 32, &[about(33), about(44)]);
    let second = sender_report(22, 7 << 32, &[]);
    call.alice_sends(&[report, second.clone(), description(&[11, 22])].concat());
    let audio = [sender_report(11, 7 << 32, &[about(33)]), description(&[11])].concat();
    // 11 reports of the video, so it is introduced there.
    let video = [receiver_report(11, &[about(44)]), second, description(&[11, 22])].concat();
    assert_eq!(call.bob_hears(), [vec![audio], vec![video]]);
}

#[test]
fn feedback_goes_to_whose_media_it_is_about_with_a_report_before_it() {
    let mut call = talking();
    let picture_loss = rtcp(206, 1, &[7, 44]);
    let compound = [receiver_report(7, &[]), description(&[7]), picture_loss].concat();
    call.alice_sends(&compound);
    assert_eq!(call.bob_hears(), [vec![], vec![compound]]);
}

#[test]
fn feedback_without_a_media_source_goes_by_its_entries() {
    let mut call = talking();
    let full_intra = rtcp(206, 4, &[7, 0, 44, 1 << 24]);
    let bit_rate = rtcp(206, 15, &[7, 0, u32::from_be_bytes(*b"REMB"), 1 << 24 | 5, 44]);
    let compound = [full_intra, bit_rate].concat();
    call.alice_sends(&compound);
    assert_eq!(call.bob_hears(), [vec![], vec![compound]]);
}

#[test]
fn a_goodbye_is_said_to_each_stream_by_its_own_sources() {
    let mut call = talking();
    call.alice_sends(&rtcp(203, 2, &[11, 22]));
    assert_eq!(call.bob_hears(), [vec![rtcp(203, 1, &[11])], vec![rtcp(203, 1, &[22])]]);
}

#[test]
fn what_concerns_no_stream_is_counted_and_dropped() {
    let mut call = talking();
    call.alice_sends(&sender_report(99, 7 << 32, &[about(98)]));
    call.alice_sends(&receiver_report(99, &[]));
    let mut torn = sender_report(11, 7 << 32, &[about(33)]);
    torn.extend([0x80, 201, 0, 9]);
    call.alice_sends(&torn);
    assert_eq!(call.bob_hears(), [Vec::<Vec<u8>>::new(), vec![]]);
    assert_eq!(call.scene.stats(1).rtcp.unassigned, 3);
}

#[test]
fn reports_count_for_the_stream_whose_media_they_are_about() {
    let mut call = talking();
    let block = Block { fraction_lost: 64, ..about(44) };
    call.alice_sends(&receiver_report(11, &[block]));
    let reported = call.scene.stats(2).egress[0].reported.clone();
    assert_eq!(reported.map(|quality| quality.loss_percent), Some(25.0));
    assert!(call.scene.stats(1).egress[0].reported.is_none());
}

#[test]
fn rtcp_for_the_peer_is_multiplexed_on_the_transport() {
    let mut call = talking();
    let (audio, video) = (sender_report(33, 7 << 32, &[]), sender_report(44, 7 << 32, &[]));
    call.bob_reports(3, &audio);
    call.bob_reports(4, &video);
    let (alice, local) = (call.scene.alice, call.scene.local(1));
    let heard = call.scene.heard(alice);
    assert!(heard.iter().all(|packet| packet.from == local && !packet.on_rtcp_port));
    assert_eq!(heard.into_iter().map(|packet| packet.payload).collect::<Vec<_>>(), [audio, video]);
}
