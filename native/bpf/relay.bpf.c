/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Relays RTP of known sources without leaving the kernel: parse, look up, rewrite, send. Whatever no rule owns goes up
 * untouched, and so does what a rule owns but cannot be sent from here.
 *
 * This program alone is dual-licensed, so that the kernel lets it use every helper; the rest of the project is under
 * Apache-2.0.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "copy.h"
#include "decide.h"
#include "plain.h"

static __always_inline enum relay_outcome relay_frame(struct xdp_md *ctx, const struct relay_device *device,
						      __u64 now, int *verdict)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct relay_copy *copy = NULL;
	enum relay_outcome outcome;
	struct relaying r;
	int shift;

	r.arrival.length = bpf_xdp_get_buff_len(ctx);
	outcome = decide(&r, ctx, HOOK_XDP, data, end, ctx->ingress_ifindex, device);
	if (outcome != FORWARDED)
		return outcome;
	if (__builtin_expect(r.found.state->rule.flags & RULE_COPIES, 0)) {
		copy = read_copy(&r, ctx, HOOK_XDP);
		if (!copy)
			return PASSED_TOO_BIG;
	}
	shift = (int)r.arrival.headers - (int)r.departure.headers;
	if (shift != 0 && bpf_xdp_adjust_head(ctx, shift))
		return PASSED_HEADROOM;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (!write_frame(HOOK_XDP, data, end, &r.departure, &r.found.state->rule, r.arrival.udp_length)) {
		*verdict = XDP_ABORTED;
		return FAILED;
	}
	if (!now)
		now = bpf_ktime_get_ns();
	measure(r.found.state, r.version, &r.measured, now);
	if (__builtin_expect(!!copy, 0))
		hand_over(copy, r.found.state, now);
	*verdict = send_by(ctx, device, r.departure.device);
	return FORWARDED;
}

SEC("xdp")
int tandem_relay(struct xdp_md *ctx)
{
	const struct relay_device *device = find_device(ctx->ingress_ifindex);
	int verdict = XDP_PASS;
	__u64 now = 0;

	if (!device)
		return verdict;
	if (relay_plain(ctx, device, &now, &verdict))
		count(device, FORWARDED);
	else
		count(device, relay_frame(ctx, device, now, &verdict));
	return verdict;
}

/* Where no XDP is to be had. Packets keep their length here: there is no translation between the families. */
static __always_inline enum relay_outcome relay_packet(struct __sk_buff *ctx, const struct relay_device *device,
						       int *verdict)
{
	__u32 pull = ctx->len < LONGEST_HEADERS ? ctx->len : LONGEST_HEADERS, headers;
	__u8 room[2 + LONGEST_HEADERS] __attribute__((aligned(8))) = {};
	struct relay_copy *copy = NULL;
	enum relay_outcome outcome;
	struct relaying r;
	__u64 now;

	if (ctx->vlan_present)
		return PASSED_INTERFACE;
	if ((void *)(long)ctx->data + LONGEST_HEADERS > (void *)(long)ctx->data_end && bpf_skb_pull_data(ctx, pull))
		return PASSED_MALFORMED;
	r.arrival.length = ctx->len;
	outcome = decide(&r, ctx, HOOK_TC, (void *)(long)ctx->data, (void *)(long)ctx->data_end, ctx->ifindex, device);
	if (outcome != FORWARDED)
		return outcome;
	if (r.departure.headers != r.arrival.headers)
		return PASSED_EGRESS;
	if (__builtin_expect(r.found.state->rule.flags & RULE_COPIES, 0)) {
		copy = read_copy(&r, ctx, HOOK_TC);
		if (!copy)
			return PASSED_TOO_BIG;
	}
	/* Two bytes ahead, so that what follows the Ethernet header is aligned. */
	write_frame(HOOK_TC, room + 2, NULL, &r.departure, &r.found.state->rule, r.arrival.udp_length);
	headers = r.found.state->rule.flags & RULE_LEAVES_AS_IPV4 ? LONGEST_HEADERS - 20 : LONGEST_HEADERS;
	if (bpf_skb_store_bytes(ctx, 0, room + 2, headers, BPF_F_RECOMPUTE_CSUM))
		return PASSED_EGRESS;
	now = bpf_ktime_get_ns();
	measure(r.found.state, r.version, &r.measured, now);
	if (__builtin_expect(!!copy, 0))
		hand_over(copy, r.found.state, now);
	*verdict = bpf_redirect(r.departure.device, 0);
	return FORWARDED;
}

SEC("classifier")
int tandem_tc(struct __sk_buff *ctx)
{
	const struct relay_device *device = find_device(ctx->ifindex);
	int verdict = TC_ACT_UNSPEC;

	if (device)
		count(device, relay_packet(ctx, device, &verdict));
	return verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
