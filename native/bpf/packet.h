/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a frame up to the fixed RTP header. No packet pointer moves by a variable distance: only CAP_PERFMON would allow
 * that.
 */
#pragma once

#include <linux/bpf.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "relay.h"
#include "sums.h"

#define MOST_TAGS 2
#define IPV4_FRAGMENT 0x3fff /* offset and "more fragments" */
#define IPV4_DONT_FRAGMENT 0x4000
#define RTP_EXTENSION 0x10
#define RTP_CSRCS 0x0f
#define LONGEST_HEADERS 74 /* untagged, up to the fixed RTP header */
#define LONGEST_OPEN 1472 /* bytes of a datagram whose checksum has to be made */

struct ethernet {
	__u16 destination[3];
	__u16 source[3];
	__be16 protocol;
};

struct vlan_tag {
	__be16 tag;
	__be16 protocol;
};

struct rtp_header {
	__u8 first;
	__u8 second;
	__be16 sequence;
	__be32 timestamp;
	__be32 ssrc;
};

/* Source and destination as a rule has them. */
struct arrival {
	__be32 local;
	__be32 source;
	__be16 local_port;
	__be16 source_port;
	__be32 ssrc;
	int is_ipv6;
	const struct ipv6hdr *ipv6; /* its header, if it is that */
	struct udphdr *udp;
	struct rtp_header *rtp;
	__u32 length;  /* of the frame */
	__u32 headers; /* bytes before the UDP header */
	__u32 udp_length;
};

/* Lengths have to agree exactly: whatever else there is, the stack shall judge. */
static __always_inline enum relay_outcome read_ipv4(struct arrival *a, void *at, void *end)
{
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > end)
		return PASSED_MALFORMED;
	if (ip->protocol != IPPROTO_UDP)
		return PASSED_OTHER;
	if (ip->version != 4)
		return PASSED_MALFORMED;
	if (ip->ihl != 5)
		return PASSED_OPTIONS;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return PASSED_FRAGMENT;
	if (!is_intact(ip))
		return PASSED_MALFORMED;
	a->udp = (void *)(ip + 1);
	a->headers += sizeof(*ip);
	a->udp_length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	a->is_ipv6 = 0;
	a->ipv6 = at;
	a->local = ip->daddr;
	a->source = ip->saddr;
	return FORWARDED;
}

static __always_inline enum relay_outcome read_ipv6(struct arrival *a, void *at, void *end)
{
	struct ipv6hdr *ip = at;

	if ((void *)(ip + 1) > end)
		return PASSED_MALFORMED;
	if (ip->version != 6)
		return PASSED_MALFORMED;
	switch (ip->nexthdr) {
	case IPPROTO_UDP:
		break;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return PASSED_OPTIONS;
	case IPPROTO_FRAGMENT:
		return PASSED_FRAGMENT;
	default:
		return PASSED_OTHER;
	}
	a->udp = (void *)(ip + 1);
	a->headers += sizeof(*ip);
	a->udp_length = bpf_ntohs(ip->payload_len);
	a->is_ipv6 = 1;
	a->ipv6 = ip;
	a->local = ip->daddr.in6_u.u6_addr32[3];
	a->source = ip->saddr.in6_u.u6_addr32[3];
	return FORWARDED;
}

static __always_inline enum relay_outcome read_udp(struct arrival *a, void *end)
{
	struct udphdr *udp = a->udp;

	if ((void *)(udp + 1) > end)
		return PASSED_MALFORMED;
	if (a->udp_length != bpf_ntohs(udp->len) || a->headers + a->udp_length > a->length)
		return PASSED_MALFORMED;
	a->local_port = udp->dest;
	a->source_port = udp->source;
	return FORWARDED;
}

/* Which hook the program runs at: its helpers and its context are others. Always a constant. */
enum hook { HOOK_XDP, HOOK_TC };

static __always_inline long load_bytes(void *ctx, enum hook hook, __u32 offset, void *to, __u32 length)
{
	return hook == HOOK_XDP ? bpf_xdp_load_bytes(ctx, offset, to, length) : bpf_skb_load_bytes(ctx, offset, to, length);
}

/* The same packets as for the engine (wire/src/demux.rs and rtp.rs), but no payload types 64 to 95 (RFC 5761 §4). */
static __always_inline enum relay_outcome read_rtp(struct arrival *a, void *ctx, enum hook hook, void *end)
{
	struct rtp_header *rtp = (void *)(a->udp + 1);
	__u32 length = sizeof(*rtp);
	__u8 type;

	if ((void *)(rtp + 1) > end || a->udp_length < sizeof(*a->udp) + sizeof(*rtp))
		return PASSED_NOT_RTP;
	if (rtp->first >> 6 != 2)
		return PASSED_NOT_RTP;
	type = rtp->second & 0x7f;
	if (type >= 64 && type <= 95)
		return PASSED_RTCP;
	length += (rtp->first & RTP_CSRCS) * 4;
	if (rtp->first & RTP_EXTENSION) {
		__be16 extension[2];

		if (load_bytes(ctx, hook, a->headers + sizeof(*a->udp) + length, extension, sizeof(extension)))
			return PASSED_NOT_RTP;
		length += 4 + bpf_ntohs(extension[1]) * 4;
	}
	if (length > a->udp_length - sizeof(*a->udp))
		return PASSED_NOT_RTP;
	a->rtp = rtp;
	a->ssrc = rtp->ssrc;
	return FORWARDED;
}

static __always_inline int is_ours(const struct ethernet *ethernet, const struct relay_device *device)
{
	const __u16 *to = ethernet->destination, *ours = device->address;

	return ((to[0] ^ ours[0]) | (to[1] ^ ours[1]) | (to[2] ^ ours[2])) == 0;
}

/* The caller has set the length. FORWARDED: it is RTP of whatever source. Else the reason why it goes up. */
static __always_inline enum relay_outcome read_frame(struct arrival *a, void *ctx, enum hook hook, void *data, void *end,
						     const struct relay_device *device)
{
	struct ethernet *ethernet = data;
	enum relay_outcome outcome;
	__be16 protocol;
	void *at;

	if ((void *)(ethernet + 1) > end || !is_ours(ethernet, device))
		return PASSED_OTHER;
	protocol = ethernet->protocol;
	at = ethernet + 1;
	a->headers = sizeof(*ethernet);
#pragma unroll
	for (int tags = 0; tags < MOST_TAGS; tags++) {
		struct vlan_tag *vlan = at;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return PASSED_MALFORMED;
		protocol = vlan->protocol;
		at = vlan + 1;
		a->headers += sizeof(*vlan);
	}
	if (protocol == bpf_htons(ETH_P_IP))
		outcome = read_ipv4(a, at, end);
	else if (protocol == bpf_htons(ETH_P_IPV6))
		outcome = read_ipv6(a, at, end);
	else
		outcome = PASSED_OTHER;
	if (outcome != FORWARDED)
		return outcome;
	outcome = read_udp(a, end);
	if (outcome != FORWARDED)
		return outcome;
	return read_rtp(a, ctx, hook, end);
}
