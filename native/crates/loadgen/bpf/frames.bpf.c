/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Traffic as a network card's driver hands it over: frames, not packets of the stack. `generate` makes them (run by
 * BPF_PROG_TEST_RUN with live frames), `swallow` counts what has come out of the proxy, and `redirect_bare` is the
 * least a relay in XDP can do, to compare with.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../../../bpf/sums.h"

/* As in src/frame.rs. */
#define HEAD_WORDS 10
#define MAGIC 0x7a6db31c

/* As a relay sees it: aligned as if the packet began at an address of its own. */
struct ethernet {
	__u16 destination[3];
	__u16 source[3];
	__be16 protocol;
};

/* RTP, and the mark in its payload. */
struct rtp {
	__u8 first;
	__u8 second;
	__be16 packet;
	__be32 timestamp;
	__be32 ssrc;
	__be32 magic;
	__be32 stream;
	__be32 phase;
	__be32 sequence;
	__be32 sent_ns[2];
	__u16 balance; /* keeps the UDP checksum of all frames of a stream the same */
};

#define IP_AT sizeof(struct ethernet)
#define UDP_AT (IP_AT + sizeof(struct iphdr))
#define RTP_AT (UDP_AT + sizeof(struct udphdr))

_Static_assert(RTP_AT + sizeof(struct rtp) - 2 == 8 * HEAD_WORDS, "a head is whole words");

struct stream {
	__u64 head[HEAD_WORDS];
	__u32 packets;
	__u32 sequence;
};

/*
 * `burst` frames every `interval_ns`, from `due_ns` until `until_ns`; a longer backlog than `patience_ns` is given up.
 * Frames of a burst have one time: reading the clock is dearer than all the rest.
 */
struct pace {
	__u64 now_ns;
	__u64 due_ns;
	__u64 interval_ns;
	__u64 until_ns;
	__u64 patience_ns;
	__u32 burst;
	__u32 owed;
	__u32 next;
	__u32 streams;
	__u32 phase;
	__u32 out;
};

struct tally {
	__u64 first_ns;
	__u32 received;
	__u32 reordered;
	__u32 duplicated;
	__u32 broken;
	__u32 next;
	__u32 unused;
};

/* How the bare redirect rewrites. Sums as they lie in memory. */
struct detour {
	__u16 destination[3];
	__u16 source[3];
	__be32 from;
	__be32 to;
	__u32 out;
};

#define LATENCIES 65536
/* One of so many packets of a stream is timed; a power of two. */
#define TIMED 16

#define ARRAY(name, entry, entries)                    \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);      \
		__uint(max_entries, entries);          \
		__type(key, __u32);                    \
		__type(value, entry);                  \
	} name SEC(".maps")

ARRAY(pacing, struct pace, 1);
/* The loader says how many. */
ARRAY(streams, struct stream, 1);
ARRAY(tallies, struct tally, 1);
/* Microseconds; the last one is for all that are longer. */
ARRAY(latencies, __u32, LATENCIES);
ARRAY(detours, struct detour, 1);

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 now, *word = data;
	__u32 zero = 0, index;
	struct pace *pace = bpf_map_lookup_elem(&pacing, &zero);
	struct rtp *rtp = data + RTP_AT;
	struct stream *stream;

	if (!pace || (void *)(rtp + 1) > end)
		return XDP_ABORTED;
	if (!pace->owed) {
		now = bpf_ktime_get_ns();
		pace->now_ns = now;
		if (now < pace->due_ns || now >= pace->until_ns)
			return XDP_DROP;
		pace->owed = pace->burst;
		pace->due_ns += pace->interval_ns;
		if (pace->due_ns + pace->patience_ns < now)
			pace->due_ns = now;
	}
	now = pace->now_ns;
	pace->owed--;
	index = pace->next;
	pace->next = index + 1 < pace->streams ? index + 1 : 0;
	stream = bpf_map_lookup_elem(&streams, &index);
	if (!stream)
		return XDP_ABORTED;
#pragma unroll
	for (int i = 0; i < HEAD_WORDS; i++)
		word[i] = stream->head[i];
	rtp->packet = bpf_htons(stream->packets);
	rtp->timestamp = bpf_htonl(stream->packets * 160);
	rtp->phase = bpf_htonl(pace->phase);
	rtp->sequence = bpf_htonl(stream->sequence);
	rtp->sent_ns[0] = bpf_htonl(now >> 32);
	rtp->sent_ns[1] = bpf_htonl(now);
	rtp->balance = ~fold(rtp->packet + words(rtp->timestamp) + words(rtp->phase) + words(rtp->sequence) +
			     words(rtp->sent_ns[0]) + words(rtp->sent_ns[1]));
	stream->packets++;
	stream->sequence++;
	return bpf_redirect(pace->out, 0);
}

SEC("xdp")
int swallow(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct rtp *rtp = data + RTP_AT;
	__u64 now, late;
	__u32 index, sequence, *latency;
	struct tally *tally;

	if ((void *)(rtp + 1) > end || rtp->magic != bpf_htonl(MAGIC))
		return XDP_PASS;
	index = bpf_ntohl(rtp->stream);
	tally = bpf_map_lookup_elem(&tallies, &index);
	if (!tally)
		return XDP_DROP;
	sequence = bpf_ntohl(rtp->sequence);
	if (!is_intact(data + IP_AT))
		tally->broken++;
	if (!tally->received++)
		tally->first_ns = bpf_ktime_get_ns();
	if (sequence + 1 == tally->next)
		tally->duplicated++;
	else if (sequence < tally->next)
		tally->reordered++;
	if (sequence >= tally->next)
		tally->next = sequence + 1;
	if (sequence % TIMED)
		return XDP_DROP;
	now = bpf_ktime_get_ns();
	late = (now - ((__u64)bpf_ntohl(rtp->sent_ns[0]) << 32 | bpf_ntohl(rtp->sent_ns[1]))) / 1000;
	index = late < LATENCIES ? late : LATENCIES - 1;
	latency = bpf_map_lookup_elem(&latencies, &index);
	if (latency)
		++*latency;
	return XDP_DROP;
}

static __always_inline void replace(__u16 *checksum, __be32 from, __be32 to)
{
	*checksum = ~fold((__u16)~*checksum + words(~from) + words(to));
}

/* Link-layer and network addresses, and the checksums that are about them. */
SEC("xdp")
int redirect_bare(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethernet *ethernet = data;
	struct iphdr *ip = data + IP_AT;
	struct udphdr *udp = data + UDP_AT;
	const struct detour *detour;
	__u32 zero = 0;

	if ((void *)(udp + 1) > end || ethernet->protocol != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	detour = bpf_map_lookup_elem(&detours, &zero);
	if (!detour)
		return XDP_PASS;
	__builtin_memcpy(ethernet->destination, detour->destination, sizeof(ethernet->destination));
	__builtin_memcpy(ethernet->source, detour->source, sizeof(ethernet->source));
	if (udp->check) {
		replace(&udp->check, ip->saddr, detour->from);
		replace(&udp->check, ip->daddr, detour->to);
	}
	replace(&ip->check, ip->saddr, detour->from);
	replace(&ip->check, ip->daddr, detour->to);
	ip->saddr = detour->from;
	ip->daddr = detour->to;
	return bpf_redirect(detour->out, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
