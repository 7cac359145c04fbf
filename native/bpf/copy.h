/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Copies of relayed packets for whoever records or listens along. A packet is read before it is touched and handed over
 * when nothing can keep it from leaving any more: what goes up after all, the engine copies.
 */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "decide.h"
#include "maps.h"
#include "packet.h"
#include "relay.h"

/* A core's copy of the packet, since no helper of Linux 5.18 reserves a place of the packet's own length in the ring. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct relay_copy);
} copying SEC(".maps");

/* The packet as it arrived, from its IP header on, which lies at `offset`. NULL if it is too long. */
static __always_inline struct relay_copy *read_bytes(void *ctx, enum hook hook, __u32 offset, __u32 length, __u64 token)
{
	__u32 zero = 0;
	struct relay_copy *copy = bpf_map_lookup_elem(&copying, &zero);

	if (!copy || length == 0 || length > LONGEST_COPY)
		return NULL;
	if (load_bytes(ctx, hook, offset, copy->packet, length))
		return NULL;
	copy->token = token;
	copy->length = length;
	copy->unused = 0;
	return copy;
}

static __always_inline struct relay_copy *read_copy(const struct relaying *r, void *ctx, enum hook hook)
{
	const struct arrival *a = &r->arrival;
	__u32 ip = a->is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);

	return read_bytes(ctx, hook, a->headers - ip, ip + a->udp_length, r->found.state->copy_token);
}

/* A ring that is full loses the copy, never the packet. Nobody is woken: readers look by time. */
static __always_inline void hand_over(struct relay_copy *copy, struct relay_state *state, __u64 now)
{
	__u32 zero = 0, length = copy->length;
	__u64 *lost;

	copy->time_ns = now;
	if (length > LONGEST_COPY)
		return;
	if (bpf_ringbuf_output(&copies, copy, offsetof(struct relay_copy, packet) + length,
				  BPF_RB_NO_WAKEUP) == 0)
		return;
	__sync_fetch_and_add(&state->copies_lost, 1);
	lost = bpf_map_lookup_elem(&copies_lost, &zero);
	if (lost)
		__sync_fetch_and_add(lost, 1);
}
