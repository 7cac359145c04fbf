/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the relay program and the process that loads it both know: the maps' keys and values. crates/fastpath/src/layout.rs
 * has the same. Addresses are 16 bytes, IPv4 in its mapped form (::ffff:a.b.c.d); addresses, ports, the SSRC and tags are
 * in network order, all else in the host's. Sums are ones' complement sums of 16-bit words as they lie in memory
 * (RFC 1071).
 */
#pragma once

#include <linux/types.h>

#define MOST_PAYLOADS 16

/* A source of RTP at one of our addresses: by it the index of its state is found. */
struct relay_key {
	__be32 local[4];
	__be32 source[4];
	__be16 local_port;
	__be16 source_port;
	__be32 ssrc;
};

/* A payload type that may pass, as one word; 0: none. */
enum relay_payload {
	PAYLOAD_LEAVES_AS = 0xff,
	PAYLOAD_TIMES = 0x100, /* its timestamps tell of jitter */
	PAYLOAD_KNOWN = 0x200,
	PAYLOAD_ARRIVES_AS = 16, /* bits further up */
	PAYLOAD_CLOCK_RATE = 32,
};

enum relay_rule_flags {
	RULE_LEAVES_AS_IPV4 = 1,
	RULE_REWRITES = 2, /* sequence or timestamp */
	RULE_ARRIVES_AS_IPV4 = 4,
	RULE_IN_USE = 8,
	RULE_COPIES = 16,
};

/*
 * All that most packets need: one cache line. Of IPv6 addresses the last words; the others and whatever is wanted seldom
 * are among its details.
 */
struct relay_rule {
	__be32 local;
	__be32 source;
	__be16 local_port;
	__be16 source_port;
	__be32 ssrc;
	__u64 payload; /* its first */
	__u64 epoch_ns;
	__be32 from;
	__be32 to;
	__be16 from_port;
	__be16 to_port;
	__be32 leaving_ssrc;
	__u32 hop;
	__u16 addresses_in; /* sum of the addresses a packet arrives with */
	__u16 change;	    /* what new addresses and ports add to the checksum's sum */
	__u16 ip_header;    /* sum of an IPv4 header of what leaves, total length 0 */
	__u8 tos;
	__u8 ttl;
	__u8 flags;
	__u8 unused[3];
};

/* The rest of it. */
struct relay_details {
	__u32 version; /* nobody minds: it is written while no packet finds the rule */
	__u32 arrival_device;
	__u32 timestamp_offset;
	__u16 sequence_offset;
	__u16 addresses_out;
	__be32 local[4];
	__be32 source[4];
	__be32 from[4];
	__be32 to[4];
	__u64 payloads[MOST_PAYLOADS - 1];
};

/*
 * A rule and the measurement of its packets, the same as the engine's (measurement.rs). What most packets change and what
 * they need are two lines side by side.
 */
struct relay_state {
	__u32 version; /* odd while somebody writes */
	__u32 clock_rate;
	__u64 packets;
	__u64 bytes;
	__u64 last_seen_ns;
	__u64 seen;
	__u32 received;
	__u32 jitter;
	__u32 transit;
	__u32 last_timestamp;
	__u16 last_sequence;
	__u16 highest;
	__u8 payload_type;
	__u8 has_transit;
	__u8 has_jumped;
	__u8 in_use;
	struct relay_rule rule;
	__u64 expected_before;
	__u64 received_before;
	__u32 unmeasured_packets;
	__u32 unmeasured_bytes;
	__u32 cycles;
	__u32 duplicates;
	__u32 reordered;
	__u16 base;
	__u16 jumped_to;
	__u64 copy_token; /* what copies bear, if the rule has them made */
	__u64 copies_lost;
	__u8 unused[8];
};

/* Bytes of the ring; half a second of a thousand streams. */
#define COPIES_SIZE (8 << 20)
/* Longer packets of rules with copies go up. */
#define LONGEST_COPY 1536

/* An entry of the ring, as long as its packet. */
struct relay_copy {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 token;
	__u32 length;
	__u32 unused;
	__u8 packet[LONGEST_COPY]; /* as it arrived, from the IP header on */
};

enum relay_hop_flags {
	HOP_RESOLVED = 1,
	HOP_TAGGED = 2,
	HOP_SENDS_FRAMES = 4, /* the driver sends what XDP redirects to it */
};

/* The next machine on the way. `logical` is the interface of the route, `device` the one below its VLAN tag. */
struct relay_hop {
	__u32 version; /* odd while it changes */
	__u32 logical;
	__u32 device;
	__u32 mtu;
	__be16 tag;
	__u8 flags;
	__u8 unused;
	__u16 destination[3];
	__u16 source[3];
};

enum relay_device_flags {
	/* Frames, not packets of the stack: tags are in them, and what a local sender left to checksum offload is lost. */
	DEVICE_NATIVE = 1,
	/* Tags may be hidden in the stack's packet: only what the rule expects on this very interface is ours. */
	DEVICE_STRICT = 2,
	/* XDP_TX is not to be relied on: what leaves by the interface it came by is redirected as well. */
	DEVICE_REDIRECTS = 4,
};

struct relay_device {
	__u32 slot; /* of its counters */
	__u16 address[3];
	__u8 flags;
	__u8 unused;
};

/*
 * Where the index of a rule is looked for first, plus one: ports of an address lie together there, as they are given out.
 * Who finds it taken is in the table only.
 */
#define PLACES 65536
#define PLACE_OF_ADDRESS 0x9e3779b1u

#define NEAR_DEVICES 256

struct near_device {
	__u32 interface;
	struct relay_device device;
};

/* What became of a packet. Everything but FORWARDED and FAILED went up untouched. */
enum relay_outcome {
	FORWARDED,
	PASSED_OTHER,	     /* not UDP, or not for our link-layer address */
	PASSED_FRAGMENT,
	PASSED_OPTIONS,	     /* IPv4 options, IPv6 extension headers */
	PASSED_MALFORMED,    /* lengths that contradict each other */
	PASSED_NOT_RTP,
	PASSED_RTCP,
	PASSED_NO_RULE,
	PASSED_PAYLOAD_TYPE,
	PASSED_NEXT_HOP,     /* not resolved */
	PASSED_EGRESS,	     /* the driver cannot send it */
	PASSED_TOO_BIG,
	PASSED_HEADROOM,
	PASSED_CHECKSUM,     /* none where one is due, or not known whether it is complete */
	PASSED_INTERFACE,    /* arrived where it is not expected */
	FAILED,
	OUTCOMES,
};

/* Interfaces that may be counted; the counters of one lie together, one per outcome. */
#define MOST_DEVICES 64
