/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sum of a whole datagram, for checksums that have to be made. Functions of their own: verified once, apart. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "packet.h"

/* A core's copy of the datagram. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[LONGEST_OPEN / 8 + 1]);
} scratch SEC(".maps");

/* At most LONGEST_OPEN bytes from `offset` on. Bytes lie in words as on a little-endian machine, which is what this is for. */
static __always_inline __u32 sum_bytes(void *ctx, enum hook hook, __u32 offset, __u32 length)
{
	__u32 zero = 0, left = length;
	__u64 *word = bpf_map_lookup_elem(&scratch, &zero), sum = 0;

	if (!word || length == 0 || length > LONGEST_OPEN)
		return 0;
	if (load_bytes(ctx, hook, offset, word, length))
		return 0;
	for (__u32 i = 0; i < LONGEST_OPEN / 8 && left >= 8; i++, left -= 8, word++)
		sum += (*word & 0xffffffff) + (*word >> 32);
	if (left > 0) {
		__u64 last = *word & ((1ULL << (left & 7) * 8) - 1);

		sum += (last & 0xffffffff) + (last >> 32);
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return fold((sum & 0xffff) + (sum >> 16));
}

__attribute__((noinline)) __u32 sum_frame(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	return sum_bytes(ctx, HOOK_XDP, offset, length);
}

__attribute__((noinline)) __u32 sum_packet(struct __sk_buff *ctx, __u32 offset, __u32 length)
{
	return sum_bytes(ctx, HOOK_TC, offset, length);
}
