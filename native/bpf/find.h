/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Finding the rule that owns a packet. */
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "packet.h"
#include "relay.h"

struct found {
	struct relay_state *state;
	__u32 index;
};

static __always_inline int is_same(const __be32 one[4], const struct in6_addr *other)
{
	const __be32 *words = other->in6_u.u6_addr32;

	return ((one[0] ^ words[0]) | (one[1] ^ words[1]) | (one[2] ^ words[2]) | (one[3] ^ words[3])) == 0;
}

static __always_inline int owns(const struct relay_rule *rule, __u32 index, const struct arrival *a)
{
	__u8 wanted = a->is_ipv6 ? RULE_IN_USE : RULE_IN_USE | RULE_ARRIVES_AS_IPV4;
	const struct relay_details *more;

	if ((rule->flags & (RULE_IN_USE | RULE_ARRIVES_AS_IPV4)) != wanted)
		return 0;
	if ((rule->local ^ a->local) | (rule->source ^ a->source) | (rule->ssrc ^ a->ssrc))
		return 0;
	if ((rule->local_port ^ a->local_port) | (rule->source_port ^ a->source_port))
		return 0;
	if (!a->is_ipv6)
		return 1;
	more = bpf_map_lookup_elem(&details, &index);
	return more && is_same(more->local, &a->ipv6->daddr) && is_same(more->source, &a->ipv6->saddr);
}

static __always_inline void map_ipv4(__be32 mapped[4], __be32 address)
{
	mapped[0] = 0;
	mapped[1] = 0;
	mapped[2] = bpf_htonl(0xffff);
	mapped[3] = address;
}

static __always_inline __u32 *find_in_table(const struct arrival *a)
{
	struct relay_key key;

	if (a->is_ipv6) {
		__builtin_memcpy(key.local, &a->ipv6->daddr, sizeof(key.local));
		__builtin_memcpy(key.source, &a->ipv6->saddr, sizeof(key.source));
	} else {
		map_ipv4(key.local, a->local);
		map_ipv4(key.source, a->source);
	}
	key.local_port = a->local_port;
	key.source_port = a->source_port;
	key.ssrc = a->ssrc;
	return bpf_map_lookup_elem(&rules, &key);
}

static __always_inline __u32 place_of(__be32 local, __be16 port)
{
	return ((local * PLACE_OF_ADDRESS >> 16) + (bpf_ntohs(port) >> 1)) % PLACES;
}

/* False if no rule owns it. */
static __always_inline int find_rule(struct found *found, const struct arrival *a)
{
	__u32 place = place_of(a->local, a->local_port), *index;
	const __u64 *near;

	near = bpf_map_lookup_elem(&places, &place);
	if (near && *near) {
		found->index = *near - 1;
		found->state = bpf_map_lookup_elem(&states, &found->index);
		if (found->state && owns(&found->state->rule, found->index, a))
			return 1;
	}
	index = find_in_table(a);
	if (!index)
		return 0;
	found->index = *index;
	found->state = bpf_map_lookup_elem(&states, &found->index);
	return found->state && owns(&found->state->rule, found->index, a);
}
