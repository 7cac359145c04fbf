/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Measuring a source exactly as the engine does (crates/engine/src/measurement.rs), so that either can go on for the other. */
#pragma once

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet.h"
#include "relay.h"

#define MOST_DROPPED 3000
#define MOST_MISORDERED 100
#define LOCK_ATTEMPTS 8

static __always_inline __u64 expected(const struct relay_state *s)
{
	return ((__u64)s->cycles << 16) + s->highest + 1 - s->base;
}

/* A packet overtaken by the very first one began the sequence. */
static __always_inline void begin_at(struct relay_state *s, __u16 sequence)
{
	__u16 before_base = s->base - sequence;

	if (before_base == 0 || before_base > MOST_MISORDERED || expected(s) > MOST_MISORDERED)
		return;
	if (sequence > s->base)
		s->cycles++;
	s->base = sequence;
}

static __always_inline void place_late(struct relay_state *s, __u16 behind)
{
	if (behind < 64) {
		__u64 bit = 1ULL << behind;

		if (s->seen & bit) {
			s->duplicates++;
			return;
		}
		s->seen |= bit;
	}
	s->reordered++;
}

/* RFC 3550 A.1, except that the first packet counts at once. */
static __always_inline void follow_sequence(struct relay_state *s, __u16 sequence)
{
	__u16 ahead = sequence - s->highest;

	if (s->received == 0) {
		s->base = sequence;
		s->highest = sequence;
		s->received = 1;
		s->seen = 1;
	} else if (ahead == 0 || ahead > 0xffff - MOST_MISORDERED) {
		s->has_jumped = 0;
		s->received++;
		place_late(s, -ahead);
		begin_at(s, sequence);
	} else if (ahead < MOST_DROPPED) {
		s->has_jumped = 0;
		s->received++;
		if (sequence < s->highest)
			s->cycles++;
		s->highest = sequence;
		s->seen = (ahead < 64 ? s->seen << ahead : 0) | 1;
	} else if (s->has_jumped && s->jumped_to == sequence) {
		s->expected_before += expected(s);
		s->received_before += s->received;
		s->cycles = 0;
		s->base = sequence - 1;
		s->highest = sequence;
		s->received = 2;
		s->seen = 3;
		s->has_jumped = 0;
	} else {
		s->jumped_to = sequence + 1;
		s->has_jumped = 1;
	}
}

/* RFC 3550 A.8; a jump of the timestamps is a new source behind the same SSRC, not jitter. */
static __always_inline void measure_jitter(struct relay_state *s, __u64 since_epoch_ns, __u32 timestamp)
{
	__u32 transit = (__u32)(since_epoch_ns / 1000 * s->clock_rate / 1000000) - timestamp;
	__s32 step = transit - s->transit;
	__u32 difference = step < 0 ? -step : step, decay;
	__u8 known = s->has_transit;

	s->transit = transit;
	s->has_transit = 1;
	if (!known || difference >= s->clock_rate * 2)
		return;
	decay = (s->jitter + 8) >> 4;
	s->jitter += difference;
	s->jitter -= s->jitter < decay ? s->jitter : decay;
}

struct measured {
	__u64 epoch_ns;
	__u32 timestamp;
	__u32 length;
	__u32 clock_rate;
	__u16 sequence;
	__u8 payload_type;
	__u8 times;
};

/*
 * Two cores may have packets of one source at once; who writes is alone, and readers see whole values. What the version
 * was a moment ago is mostly what it still is.
 */
static __always_inline int lock_state(struct relay_state *s, __u32 version)
{
#pragma unroll
	for (int i = 0; i < LOCK_ATTEMPTS; i++) {
		__u32 even = version & ~1;

		version = __sync_val_compare_and_swap(&s->version, even, even + 1);
		if (version == even)
			return 1;
	}
	return 0;
}

static __always_inline void measure(struct relay_state *s, __u32 version, const struct measured *m, __u64 now)
{
	if (!lock_state(s, version)) {
		__sync_fetch_and_add(&s->unmeasured_packets, 1);
		__sync_fetch_and_add(&s->unmeasured_bytes, m->length);
		return;
	}
	s->packets++;
	s->bytes += m->length;
	s->last_seen_ns = now;
	s->last_sequence = m->sequence;
	s->last_timestamp = m->timestamp;
	if (m->times) {
		s->payload_type = m->payload_type;
		if (s->clock_rate != m->clock_rate) {
			s->clock_rate = m->clock_rate;
			s->has_transit = 0;
		}
		if (s->clock_rate)
			measure_jitter(s, now - m->epoch_ns, m->timestamp);
	}
	follow_sequence(s, m->sequence);
	__sync_fetch_and_add(&s->version, 1);
}
