/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ones' complement sums of 16-bit words as they lie in memory (RFC 1071). */
#pragma once

#include <linux/ip.h>

#include <bpf/bpf_helpers.h>

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static __always_inline __u32 words(__u32 value)
{
	return (value & 0xffff) + (value >> 16);
}

/* Of a header without options. */
static __always_inline int is_intact(const struct iphdr *ip)
{
	const __u32 *word = (const void *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return fold(sum) == 0xffff;
}
