/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sum of a whole datagram, for checksums that have to be made. A function of its own: verified once, apart. */
#pragma once

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"

#define LONGEST_HEADERS 127

/* At most LONGEST_OPEN bytes from `offset` on. */
__attribute__((noinline)) __u32 sum_datagram(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	void *end = (void *)(long)ctx->data_end, *at;
	__u64 sum = 0;

	if (offset > LONGEST_HEADERS || length > LONGEST_OPEN)
		return 0;
	at = (void *)(long)ctx->data + offset;
	for (__u32 i = 0; i < LONGEST_OPEN / 16; i++) {
		__u32 *word = at;

		if (i >= length / 16)
			break;
		barrier_var(word);
		if ((void *)(word + 4) > end)
			return 0;
		sum += (__u64)word[0] + word[1] + word[2] + word[3];
		at += 16;
	}
	for (__u32 i = 0; i < 7; i++) {
		__u16 *word = at;

		if (i >= (length & 15) / 2)
			break;
		barrier_var(word);
		if ((void *)(word + 1) > end)
			return 0;
		sum += *word;
		at += 2;
	}
	if (length & 1) {
		__u8 *last = at;

		barrier_var(last);
		if ((void *)(last + 1) > end)
			return 0;
		sum += bpf_htons(*last << 8);
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return fold((sum & 0xffff) + (sum >> 16));
}
