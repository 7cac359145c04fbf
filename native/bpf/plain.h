/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The short way for what most packets are: IPv4 in and out without tags, options and extensions, nothing but addresses and
 * ports to rewrite. Whatever is not like that takes the long way (decide.h), which does the same for these. The clock is read
 * before the rule, so that the one is waited for while the other comes from memory; and the packet is written last, because
 * a lock waits for all writes before it, and this one's goes to memory another core had.
 */
#pragma once

#include "copy.h"
#include "decide.h"
#include "find.h"
#include "maps.h"
#include "measure.h"
#include "packet.h"
#include "relay.h"

#define PLAIN_IPV4 0x45
#define PLAIN_RULE (RULE_IN_USE | RULE_ARRIVES_AS_IPV4 | RULE_LEAVES_AS_IPV4)
#define PLAIN_HOP (HOP_RESOLVED | HOP_SENDS_FRAMES)

struct plain {
	struct ethernet *ethernet;
	struct iphdr *ip;
	struct udphdr *udp;
	struct rtp_header *rtp;
	__u32 udp_length;
};

/* Of RTP without contributing sources and extension; padding is none of our business. */
static __always_inline int is_plain_rtp(const struct rtp_header *rtp)
{
	return (rtp->first & (0xc0 | RTP_EXTENSION | RTP_CSRCS)) == 0x80 && (rtp->second & 0x60) != 0x40;
}

/* True if the frame is intact and for us, besides. */
static __always_inline int read_plain(struct plain *p, struct xdp_md *ctx, const struct relay_device *device)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	p->ethernet = data;
	p->ip = (void *)(p->ethernet + 1);
	p->udp = (void *)(p->ip + 1);
	p->rtp = (void *)(p->udp + 1);
	if ((void *)(p->rtp + 1) > end)
		return 0;
	if (p->ethernet->protocol != bpf_htons(ETH_P_IP) || !is_ours(p->ethernet, device))
		return 0;
	if (*(__u8 *)p->ip != PLAIN_IPV4 || p->ip->protocol != IPPROTO_UDP || !is_plain_rtp(p->rtp))
		return 0;
	if ((p->ip->frag_off & bpf_htons(IPV4_FRAGMENT)) || !is_intact(p->ip))
		return 0;
	p->udp_length = bpf_ntohs(p->udp->len);
	if (p->udp_length < sizeof(*p->udp) + sizeof(*p->rtp))
		return 0;
	if (sizeof(*p->ip) + p->udp_length != bpf_ntohs(p->ip->tot_len))
		return 0;
	return sizeof(*p->ethernet) + sizeof(*p->ip) + p->udp_length <= bpf_xdp_get_buff_len(ctx);
}

static __always_inline struct relay_state *find_plain(const struct plain *p, __u64 *now)
{
	__u32 place = place_of(p->ip->daddr, p->udp->dest), index;
	const __u64 *near = bpf_map_lookup_elem(&places, &place);
	const struct relay_rule *rule;
	struct relay_state *state;

	if (!near || !*near)
		return NULL;
	*now = bpf_ktime_get_ns();
	index = *near - 1;
	state = bpf_map_lookup_elem(&states, &index);
	if (!state)
		return NULL;
	rule = &state->rule;
	if ((rule->flags & ~RULE_COPIES) != PLAIN_RULE || !is_payload(rule->payload, p->rtp->second & 0x7f))
		return NULL;
	if ((rule->local ^ p->ip->daddr) | (rule->source ^ p->ip->saddr))
		return NULL;
	if ((rule->ssrc ^ p->rtp->ssrc) | (rule->leaving_ssrc ^ p->rtp->ssrc))
		return NULL;
	if ((rule->local_port ^ p->udp->dest) | (rule->source_port ^ p->udp->source))
		return NULL;
	if ((rule->payload & PAYLOAD_LEAVES_AS) != (p->rtp->second & 0x7f))
		return NULL;
	return state;
}

static __always_inline void write_plain(const struct plain *p, const struct relay_rule *rule, const struct relay_hop *hop,
					__u16 checksum)
{
	__builtin_memcpy(p->ethernet->destination, hop->destination, sizeof(hop->destination));
	__builtin_memcpy(p->ethernet->source, hop->source, sizeof(hop->source));
	write_ipv4(p->ip, rule, p->udp_length);
	p->udp->source = rule->from_port;
	p->udp->dest = rule->to_port;
	p->udp->check = checksum;
}

/*
 * True if it has been relayed; the verdict is set then. Else nothing has happened, but that the time may be known.
 */
static __always_inline int relay_plain(struct xdp_md *ctx, const struct relay_device *device, __u64 *now, int *verdict)
{
	const struct relay_rule *rule;
	struct relay_copy *copy = NULL;
	struct relay_state *state;
	struct relay_hop hop;
	struct measured m;
	__u32 version, pseudo;
	struct plain p;
	__u16 checksum;

	if ((device->flags & (DEVICE_NATIVE | DEVICE_STRICT)) != DEVICE_NATIVE || !read_plain(&p, ctx, device))
		return 0;
	state = find_plain(&p, now);
	if (!state)
		return 0;
	rule = &state->rule;
	version = *(volatile __u32 *)&state->version;
	if (!read_hop(&hop, rule->hop) || (hop.flags & (PLAIN_HOP | HOP_TAGGED)) != PLAIN_HOP)
		return 0;
	if (sizeof(*p.ip) + p.udp_length > hop.mtu)
		return 0;
	checksum = p.udp->check;
	pseudo = bpf_htons(IPPROTO_UDP) + p.udp->len;
	if (checksum) {
		/* It may be left to offload. */
		if (checksum == fold(rule->addresses_in + pseudo))
			return 0;
		checksum = ~fold((__u16)~checksum + rule->change);
		if (!checksum)
			checksum = 0xffff;
	}
	m.epoch_ns = rule->epoch_ns;
	m.timestamp = bpf_ntohl(p.rtp->timestamp);
	m.length = p.udp_length - sizeof(*p.udp);
	m.clock_rate = rule->payload >> PAYLOAD_CLOCK_RATE;
	m.sequence = bpf_ntohs(p.rtp->sequence);
	m.payload_type = p.rtp->second & 0x7f;
	m.times = !!(rule->payload & PAYLOAD_TIMES);
	if (__builtin_expect(rule->flags & RULE_COPIES, 0)) {
		copy = read_bytes(ctx, HOOK_XDP, sizeof(*p.ethernet), sizeof(*p.ip) + p.udp_length, state->copy_token);
		if (!copy)
			return 0;
	}
	measure(state, version, &m, *now);
	if (__builtin_expect(!!copy, 0))
		hand_over(copy, state, *now);
	write_plain(&p, rule, &hop, checksum);
	*verdict = send_by(ctx, device, hop.device);
	return 1;
}
