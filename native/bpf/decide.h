/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Deciding how a packet of a rule leaves, and writing its new headers: the same at every hook. */
#pragma once

#include <linux/stddef.h>

#include "datagram_sum.h"
#include "find.h"
#include "maps.h"
#include "measure.h"
#include "packet.h"
#include "relay.h"

/* How a packet shall leave; all decided before it is touched. */
struct departure {
	struct relay_hop hop;
	const struct relay_details *details; /* for IPv6 */
	__u32 device;
	__u32 headers; /* bytes before the UDP header */
	__u16 checksum;
	__be32 ssrc;
	__be32 timestamp;
	__be16 sequence;
	__u8 first;
	__u8 second;
	__u8 tagged;
};

static __always_inline int is_payload(__u64 word, __u32 type)
{
	__u64 wanted = (__u64)type << PAYLOAD_ARRIVES_AS | PAYLOAD_KNOWN;

	return (word & (0xffULL << PAYLOAD_ARRIVES_AS | PAYLOAD_KNOWN)) == wanted;
}

/* The rule's word for a payload type. */
static __always_inline __u64 find_payload(const struct found *found, __u32 type)
{
	const struct relay_details *more;
	const __u64 *payload;

	if (is_payload(found->state->rule.payload, type))
		return found->state->rule.payload;
	more = bpf_map_lookup_elem(&details, &found->index);
	if (!more)
		return 0;
	payload = more->payloads;
	for (__u32 i = 0; i < MOST_PAYLOADS - 1; i++, payload++)
		if (is_payload(*payload, type))
			return *payload;
	return 0;
}

/* False while it changes. */
static __always_inline int read_hop(struct relay_hop *copy, __u32 index)
{
	const struct relay_hop *hop = bpf_map_lookup_elem(&hops, &index);
	__u32 before;

	if (!hop)
		return 0;
	before = *(volatile __u32 *)&hop->version;
	barrier();
	*copy = *hop;
	barrier();
	return !(before & 1) && before == *(volatile __u32 *)&hop->version && (copy->flags & HOP_RESOLVED);
}

static __always_inline void rewrite_rtp(struct departure *d, const struct arrival *a, const struct found *found,
					__u8 leaves_as)
{
	const struct relay_rule *rule = &found->state->rule;
	const struct relay_details *more;

	d->first = a->rtp->first;
	d->second = (a->rtp->second & 0x80) | leaves_as;
	d->ssrc = rule->leaving_ssrc;
	d->sequence = a->rtp->sequence;
	d->timestamp = a->rtp->timestamp;
	if (!(rule->flags & RULE_REWRITES))
		return;
	more = bpf_map_lookup_elem(&details, &found->index);
	if (more) {
		d->sequence = bpf_htons(bpf_ntohs(d->sequence) + more->sequence_offset);
		d->timestamp = bpf_htonl(bpf_ntohl(d->timestamp) + more->timestamp_offset);
	}
}

/* What the new RTP header adds to the checksum's sum. */
static __always_inline __u32 change_of_rtp(const struct departure *d, const struct arrival *a)
{
	const struct rtp_header *old = a->rtp;
	__u32 removed = bpf_htons(old->second) + old->sequence + words(old->timestamp) + words(old->ssrc);
	__u32 added = bpf_htons(d->second) + d->sequence + words(d->timestamp) + words(d->ssrc);

	return added + (__u16)~fold(removed);
}

/*
 * A local sender on veth or virtio leaves the checksum to offload: the field holds the sum of the pseudo header only. As a
 * frame it has to be completed here; as a packet of the stack it has to stay open. A complete checksum that looks open by
 * chance (1 of 65536) is the same in a frame; of a packet of the stack nobody can tell, so it goes up.
 */
static __always_inline enum relay_outcome make_checksum(struct departure *d, const struct arrival *a,
							const struct found *found, void *ctx, enum hook hook,
							int native)
{
	const struct relay_rule *rule = &found->state->rule;
	const struct relay_details *more;
	__u32 pseudo = bpf_htons(IPPROTO_UDP) + bpf_htons(a->udp_length);
	__u16 field = a->udp->check, complete;
	__u32 sum;
	int is_open = field && field == fold(rule->addresses_in + pseudo);
	int leaves_as_ipv4 = rule->flags & RULE_LEAVES_AS_IPV4;

	if (!field && a->is_ipv6)
		return PASSED_CHECKSUM;
	if (!field && leaves_as_ipv4) {
		d->checksum = 0;
		return FORWARDED;
	}
	if (!field || is_open) {
		if (a->udp_length > LONGEST_OPEN)
			return PASSED_TOO_BIG;
		sum = hook == HOOK_XDP ? sum_frame(ctx, a->headers, a->udp_length) :
					 sum_packet(ctx, a->headers, a->udp_length);
		complete = ~fold(rule->addresses_in + pseudo + sum + (__u16)~field);
		if (is_open && !native) {
			more = bpf_map_lookup_elem(&details, &found->index);
			if (complete == field || !more)
				return PASSED_CHECKSUM;
			d->checksum = fold(more->addresses_out + pseudo);
			return FORWARDED;
		}
		field = complete;
	}
	/* RFC 1624, equation 3. */
	d->checksum = ~fold((__u16)~field + rule->change + change_of_rtp(d, a));
	if (!d->checksum)
		d->checksum = 0xffff;
	return FORWARDED;
}

static __always_inline enum relay_outcome plan(struct departure *d, const struct arrival *a,
					       const struct found *found, __u8 leaves_as,
					       const struct relay_device *device, __u32 ingress, void *ctx,
					       enum hook hook)
{
	const struct relay_rule *rule = &found->state->rule;
	int native = device->flags & DEVICE_NATIVE;
	__u32 ip = rule->flags & RULE_LEAVES_AS_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	d->details = NULL;
	if ((device->flags & DEVICE_STRICT) || !(rule->flags & RULE_LEAVES_AS_IPV4)) {
		d->details = bpf_map_lookup_elem(&details, &found->index);
		if (!d->details)
			return PASSED_NO_RULE;
		if ((device->flags & DEVICE_STRICT) && d->details->arrival_device != ingress)
			return PASSED_INTERFACE;
	}
	if (!read_hop(&d->hop, rule->hop))
		return PASSED_NEXT_HOP;
	if (ip + a->udp_length > d->hop.mtu)
		return PASSED_TOO_BIG;
	d->device = native ? d->hop.device : d->hop.logical;
	if (native && !(d->hop.flags & HOP_SENDS_FRAMES))
		return PASSED_EGRESS;
	d->tagged = native && (d->hop.flags & HOP_TAGGED);
	d->headers = sizeof(struct ethernet) + ip + (d->tagged ? sizeof(struct vlan_tag) : 0);
	rewrite_rtp(d, a, found, leaves_as);
	return make_checksum(d, a, found, ctx, hook, native);
}

static __always_inline void write_ipv4(struct iphdr *ip, const struct relay_rule *rule, __u32 udp_length)
{
	__be16 total = bpf_htons(sizeof(*ip) + udp_length);

	ip->version = 4;
	ip->ihl = 5;
	ip->tos = rule->tos;
	ip->tot_len = total;
	ip->id = 0;
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip->ttl = rule->ttl;
	ip->protocol = IPPROTO_UDP;
	ip->check = ~fold(rule->ip_header + total);
	ip->saddr = rule->from;
	ip->daddr = rule->to;
}

static __always_inline void write_ipv6(struct ipv6hdr *ip, const struct relay_rule *rule,
				       const struct relay_details *more, __u32 udp_length)
{
	*(__be32 *)ip = bpf_htonl(6 << 28 | rule->tos << 20);
	ip->payload_len = bpf_htons(udp_length);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = rule->ttl;
	__builtin_memcpy(&ip->saddr, more->from, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, more->to, sizeof(ip->daddr));
}

/*
 * Everything before the UDP payload is made anew; in a frame the datagram lies where it lay. What tc
 * stores from has room enough.
 */
static __always_inline int write_frame(enum hook hook, void *data, void *end, const struct departure *d,
				       const struct relay_rule *rule, __u32 udp_length)
{
	int leaves_as_ipv4 = rule->flags & RULE_LEAVES_AS_IPV4;
	struct ethernet *ethernet = data;
	struct rtp_header *rtp;
	struct udphdr *udp;
	void *at = ethernet + 1;
	__be16 protocol = leaves_as_ipv4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);

	if (hook == HOOK_XDP && at + sizeof(struct vlan_tag) > end)
		return 0;
	__builtin_memcpy(ethernet->destination, d->hop.destination, sizeof(ethernet->destination));
	__builtin_memcpy(ethernet->source, d->hop.source, sizeof(ethernet->source));
	if (d->tagged) {
		struct vlan_tag *vlan = at;

		ethernet->protocol = bpf_htons(ETH_P_8021Q);
		vlan->tag = d->hop.tag;
		vlan->protocol = protocol;
		at = vlan + 1;
	} else {
		ethernet->protocol = protocol;
	}
	if (hook == HOOK_XDP && at + sizeof(struct ipv6hdr) > end)
		return 0;
	if (leaves_as_ipv4) {
		write_ipv4(at, rule, udp_length);
		at += sizeof(struct iphdr);
	} else {
		if (!d->details)
			return 0;
		write_ipv6(at, rule, d->details, udp_length);
		at += sizeof(struct ipv6hdr);
	}
	udp = at;
	rtp = (void *)(udp + 1);
	if (hook == HOOK_XDP && (void *)(rtp + 1) > end)
		return 0;
	udp->source = rule->from_port;
	udp->dest = rule->to_port;
	udp->len = bpf_htons(udp_length);
	udp->check = d->checksum;
	rtp->first = d->first;
	rtp->second = d->second;
	rtp->sequence = d->sequence;
	rtp->timestamp = d->timestamp;
	rtp->ssrc = d->ssrc;
	return 1;
}

/* A packet of a rule, read and decided. FORWARDED: it can leave, though nothing has been done to it yet. */
struct relaying {
	struct arrival arrival;
	struct departure departure;
	struct measured measured;
	struct found found;
	__u32 version; /* of the state */
};

static __always_inline enum relay_outcome decide(struct relaying *r, void *ctx, enum hook hook, void *data, void *end,
						 __u32 ingress, const struct relay_device *device)
{
	struct arrival *a = &r->arrival;
	enum relay_outcome outcome = read_frame(a, ctx, hook, data, end, device);
	__u64 payload;

	if (outcome != FORWARDED)
		return outcome;
	if (!find_rule(&r->found, a))
		return PASSED_NO_RULE;
	/* Read early, so that it is there when the clock has been: that waits for all reads before it. */
	r->version = *(volatile __u32 *)&r->found.state->version;
	payload = find_payload(&r->found, a->rtp->second & 0x7f);
	if (!payload)
		return PASSED_PAYLOAD_TYPE;
	r->measured.payload_type = a->rtp->second & 0x7f;
	r->measured.times = !!(payload & PAYLOAD_TIMES);
	r->measured.clock_rate = payload >> PAYLOAD_CLOCK_RATE;
	r->measured.epoch_ns = r->found.state->rule.epoch_ns;
	r->measured.sequence = bpf_ntohs(a->rtp->sequence);
	r->measured.timestamp = bpf_ntohl(a->rtp->timestamp);
	r->measured.length = a->udp_length - sizeof(struct udphdr);
	return plan(&r->departure, a, &r->found, payload & PAYLOAD_LEAVES_AS, device, ingress, ctx, hook);
}

static __always_inline const struct relay_device *find_device(__u32 interface)
{
	__u32 place = interface % NEAR_DEVICES;
	const struct near_device *near = bpf_map_lookup_elem(&near_devices, &place);

	if (near && near->interface == interface)
		return &near->device;
	return bpf_map_lookup_elem(&devices, &interface);
}

static __always_inline int send_by(struct xdp_md *ctx, const struct relay_device *device, __u32 out)
{
	return out == ctx->ingress_ifindex && !(device->flags & DEVICE_REDIRECTS) ? XDP_TX : bpf_redirect(out, 0);
}

static __always_inline void count(const struct relay_device *device, enum relay_outcome outcome)
{
	__u32 counter = device->slot * OUTCOMES + outcome;
	__u64 *packets = bpf_map_lookup_elem(&counters, &counter);

	if (packets)
		++*packets;
}
