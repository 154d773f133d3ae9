/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Software segmentation against a model that knows nothing of it: each segment
 * expected is written from scratch, byte for byte, from the same description
 * as the super-frame.
 */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/offload/segment.h"

#define ROOM      2048
#define SUPER_MAX 70000
#define ECN       VIRTIO_NET_HDR_GSO_ECN
#define TCPV4     VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6     VIRTIO_NET_HDR_GSO_TCPV6
#define UDP_L4    VIRTIO_NET_HDR_GSO_UDP_L4

/* One frame of TCP or UDP over IPv4 or IPv6. */
struct model {
	int version, tags, ip_options, ext_headers, tcp_options;
	bool udp, udp_no_sum;
	uint16_t id;
	uint32_t seq;
	uint8_t tcp_flags;
	size_t first, len; /* payload: bytes of an endless pattern */
};

struct frame {
	size_t len, l3, l4, payload;
	uint8_t data[SUPER_MAX];
};

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void
put(struct frame *f, const void *data, size_t len)
{
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void
put_byte(struct frame *f, unsigned int b)
{
	f->data[f->len++] = (uint8_t)b;
}

static void
put_16(struct frame *f, size_t v)
{
	put_byte(f, (unsigned int)(v >> 8 & 255));
	put_byte(f, (unsigned int)(v & 255));
}

/* RFC 1071, one 16-bit word after the other. */
static uint32_t
sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i < len; i++)
		start += (uint32_t)(i % 2 == 0 ? p[i] << 8 : p[i]);
	while (start > 0xffff)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void
set_16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void
write_l3(struct frame *f, const struct model *m, size_t l4_len)
{
	static const uint8_t addrs[32] = {
	    0xfd, 1, 2, 3, [15] = 4, 0xfd, 9, [31] = 5};
	const uint8_t proto = m->udp ? 17 : 6;
	const size_t options = (size_t)m->ip_options;

	f->l3 = f->len;
	if (m->version == 4) {
		put_byte(f, 0x45 + (unsigned int)options / 4);
		put_byte(f, 0x12);
		put_16(f, 20 + options + l4_len);
		put_16(f, m->id);
		put(f, "\x40\x00\x3f", 3);
		put_byte(f, proto);
		put(f, "\x00\x00\x0a\x00\x01\x02\x0a\x00\x02\x03", 10);
		for (size_t i = 0; i < options; i++)
			put_byte(f, 1);
		set_16(f->data + f->l3 + 10,
		    ~sum(f->data + f->l3, 20 + options, 0));
		return;
	}
	put(f, "\x60\x12\x34\x56", 4);
	put_16(f, (size_t)m->ext_headers * 8 + l4_len);
	put_byte(f, m->ext_headers != 0 ? 60 : proto);
	put_byte(f, 0x3f);
	put(f, addrs, sizeof(addrs));
	for (int i = 1; i <= m->ext_headers; i++) {
		put_byte(f, i < m->ext_headers ? 60 : proto);
		put(f, "\x00\x01\x04\x00\x00\x00\x00", 7);
	}
}

/* The sum of the pseudo header. */
static uint32_t
pseudo(const struct frame *f, const struct model *m, size_t l4_len)
{
	const uint32_t start = (m->udp ? 17 : 6) + (uint32_t)l4_len;

	if (m->version == 4)
		return sum(f->data + f->l3 + 12, 8, start);
	return sum(f->data + f->l3 + 8, 32, start);
}

/* Write the frame; partial: its checksum is the pseudo header's sum only. */
static void
write_frame(struct frame *f, const struct model *m, bool partial)
{
	const size_t head = m->udp ? 8 : 20 + (size_t)m->tcp_options;
	const size_t l4_len = head + m->len;
	const uint32_t seq = htonl(m->seq);
	uint32_t total;
	size_t at;

	f->len = 0;
	put(f, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	for (int i = 0; i < m->tags; i++)
		put(f, "\x81\x00\x00\x05", 4);
	put_16(f, m->version == 4 ? 0x0800 : 0x86dd);
	write_l3(f, m, l4_len);
	f->l4 = f->len;
	put(f, "\x30\x39\x00\x50", 4);
	if (m->udp) {
		put_16(f, l4_len);
	} else {
		put(f, &seq, 4);
		put(f, "\x01\x02\x03\x04", 4);
		put_byte(f, (unsigned int)head / 4 << 4);
		put_byte(f, m->tcp_flags);
		put(f, "\x20\x00", 2);
	}
	at = f->len;
	put(f, "\x00\x00\x00\x00", m->udp ? 2 : 4);
	for (int i = 0; i < m->tcp_options; i++)
		put_byte(f, 1);
	f->payload = f->len;
	for (size_t i = 0; i < m->len; i++)
		put_byte(f, pattern(m->first + i));
	if (m->udp_no_sum)
		return;
	total = pseudo(f, m, l4_len);
	if (!partial)
		total = ~sum(f->data + f->l4, l4_len, total) & 0xffff;
	set_16(f->data + at, total == 0 && m->udp && !partial ? 0xffff : total);
}

static struct virtio_net_hdr
header(const struct frame *f, const struct model *m, uint8_t gso, size_t size)
{
	return (struct virtio_net_hdr){
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    .gso_type = gso,
	    .hdr_len = (uint16_t)f->payload,
	    .gso_size = (uint16_t)size,
	    .csum_start = (uint16_t)f->l4,
	    .csum_offset = m->udp ? 6 : 16,
	};
}

/* What segment number i of m must be. */
static struct model
segment_of(const struct model *m, size_t size, size_t i)
{
	struct model s = *m;
	const bool last = (i + 1) * size >= m->len;

	s.id = (uint16_t)(m->id + i);
	s.seq = (uint32_t)(m->seq + i * size);
	s.first = m->first + i * size;
	s.len = last ? m->len - i * size : size;
	if (!last)
		s.tcp_flags &= (uint8_t)~0x09; /* FIN, PSH */
	if (i != 0)
		s.tcp_flags &= (uint8_t)~0x80; /* CWR */
	return s;
}

static void
check(const struct model *m, uint8_t gso, size_t size)
{
	struct frame *super = malloc(sizeof(*super)),
		     *expect = malloc(sizeof(*expect));
	uint8_t *out = malloc(ROOM); /* sanitizers see its end */
	struct virtio_net_hdr vh;
	struct offload_segment s;
	size_t n, i = 0;

	write_frame(super, m, true);
	vh = header(super, m, gso, size);
	if (m->udp_no_sum)
		vh.flags = 0;
	cr_assert_eq(
	    offload_segment_begin(&s, &vh, super->data, super->len, ROOM), 0);
	for (; (n = offload_segment_next(&s, out)) != 0; i++) {
		const struct model part = segment_of(m, size, i);

		write_frame(expect, &part, false);
		cr_assert_eq(n, expect->len, "segment %zu: %zu bytes", i, n);
		cr_assert_arr_eq(out, expect->data, n);
	}
	cr_assert_eq(i, m->len == 0 ? 1 : (m->len + size - 1) / size);
	free(out);
	free(expect);
	free(super);
}

Test(offload_segment, cuts_tcp_over_ipv4)
{
	const struct model m = {.version = 4,
	    .id = 65530,
	    .seq = 0xfffffff0,
	    .tcp_options = 12,
	    .tcp_flags = 0x19,
	    .len = 60000};

	check(&m, TCPV4, 1448);
	check(&m, TCPV4, 536);
	check(&m, TCPV4, 8);
}

Test(offload_segment, cuts_at_every_boundary)
{
	struct model m = {.version = 4, .seq = 1, .tcp_flags = 0x18};

	for (m.len = 0; m.len < 400; m.len++) {
		check(&m, TCPV4, 100);
		check(&m, TCPV4, 99);
	}
}

Test(offload_segment, clears_cwr_after_the_first)
{
	const struct model m = {
	    .version = 4, .seq = 7, .tcp_flags = 0x90, .len = 5000};

	check(&m, TCPV4 | ECN, 1000);
}

Test(offload_segment, keeps_ip_options_and_vlan_tags)
{
	const struct model m = {.version = 4,
	    .tags = 2,
	    .ip_options = 8,
	    .tcp_flags = 0x10,
	    .len = 5001};

	check(&m, TCPV4, 1000);
}

Test(offload_segment, cuts_tcp_over_ipv6)
{
	struct model m = {.version = 6, .tcp_flags = 0x11, .len = 9999};

	check(&m, TCPV6, 1428);
	m.ext_headers = 3;
	check(&m, TCPV6, 1400);
}

Test(offload_segment, cuts_udp)
{
	struct model m = {.version = 4, .udp = true, .id = 5, .len = 30001};

	check(&m, UDP_L4, 1472);
	m.udp_no_sum = true;
	check(&m, UDP_L4, 1200);
	m = (struct model){.version = 6, .udp = true, .len = 4000};
	check(&m, UDP_L4, 1452);
}

/* Some payload makes the sum 0, which UDP must send as 0xffff. */
Test(offload_segment, never_sends_a_udp_checksum_of_zero)
{
	struct model m = {.version = 4, .udp = true, .len = 8};

	for (m.first = 0; m.first < 70000; m.first++)
		check(&m, UDP_L4, 8);
}

Test(offload_segment, finishes_a_partial_checksum)
{
	const struct model models[] = {
	    {.version = 4, .tcp_flags = 0x18, .len = 101},
	    {.version = 4, .udp = true, .len = 100},
	    {.version = 6, .tcp_flags = 0x10, .tags = 1},
	};
	struct frame *f = malloc(sizeof(*f)), *expect = malloc(sizeof(*f));
	uint8_t out[ROOM];

	for (size_t i = 0; i < 3; i++) {
		const struct model *m = &models[i];
		struct virtio_net_hdr vh;
		struct offload_segment s;

		write_frame(f, m, true);
		write_frame(expect, m, false);
		vh = header(f, m, VIRTIO_NET_HDR_GSO_NONE, 0);
		cr_assert_eq(
		    offload_segment_begin(&s, &vh, f->data, f->len, ROOM), 0);
		cr_assert_eq(offload_segment_next(&s, out), f->len);
		cr_assert_arr_eq(out, expect->data, f->len);
		cr_assert_eq(offload_segment_next(&s, out), 0);
	}
	free(f);
	free(expect);
}

Test(offload_segment, leaves_finished_frames_alone)
{
	const struct virtio_net_hdr none = {.flags = 0},
				    valid = {
					.flags = VIRTIO_NET_HDR_F_DATA_VALID};
	struct offload_segment s;
	uint8_t in[64], out[ROOM];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = pattern(i);
	cr_assert_eq(offload_segment_begin(&s, &none, in, sizeof(in), ROOM), 0);
	cr_assert_eq(offload_segment_next(&s, out), sizeof(in));
	cr_assert_arr_eq(out, in, sizeof(in));
	cr_assert_eq(
	    offload_segment_begin(&s, &valid, in, sizeof(in), ROOM), 0);
	cr_assert_eq(offload_segment_next(&s, out), sizeof(in));
	cr_assert_arr_eq(out, in, sizeof(in));
}

/* Each line spoils one thing of a header or frame that is good. */
Test(offload_segment, refuses_a_header_that_does_not_fit)
{
	const struct model m = {.version = 4, .tcp_flags = 0x10, .len = 3000};
	struct frame *f = malloc(sizeof(*f));
	struct virtio_net_hdr good, vh;
	struct offload_segment s;

#define REFUSED(len)  \
	cr_assert_eq( \
	    offload_segment_begin(&s, &vh, f->data, len, ROOM), -EINVAL)
#define SPOIL(field, value)       \
	do {                      \
		vh = good;        \
		vh.field = value; \
		REFUSED(f->len);  \
	} while (0)
#define SPOIL_BYTE(at, value)                    \
	do {                                     \
		const uint8_t was = f->data[at]; \
		vh = good;                       \
		f->data[at] = value;             \
		REFUSED(f->len);                 \
		f->data[at] = was;               \
	} while (0)

	write_frame(f, &m, true);
	good = header(f, &m, TCPV4, 1000);
	SPOIL(gso_type, TCPV6);
	SPOIL(gso_type, UDP_L4);
	SPOIL(gso_type, VIRTIO_NET_HDR_GSO_UDP);
	SPOIL(gso_type, UDP_L4 | ECN);
	SPOIL(gso_type, ECN);
	SPOIL(gso_type, 99);
	SPOIL(gso_size, 0);
	SPOIL(gso_size, 7);
	SPOIL(gso_size, 2010);
	SPOIL(csum_start, 33);
	SPOIL(csum_start, 65535);
	SPOIL(csum_offset, 6);
	SPOIL_BYTE(12, 0x86);         /* EtherType */
	SPOIL_BYTE(14, 0x44);         /* header too short */
	SPOIL_BYTE(14, 0x4f);         /* header too long */
	SPOIL_BYTE(17, 1);            /* total length */
	SPOIL_BYTE(20, 0x20);         /* a fragment */
	SPOIL_BYTE(23, 17);           /* UDP */
	SPOIL_BYTE(f->l4 + 12, 0x40); /* TCP header too short */
	vh = good;
	for (size_t len = 0; len < f->len; len++)
		REFUSED(len);
	free(f);
}

Test(offload_segment, refuses_a_partial_checksum_outside_the_frame)
{
	const struct model m = {.version = 4, .tcp_flags = 0x10, .len = 3000};
	struct frame *f = malloc(sizeof(*f));
	struct virtio_net_hdr vh;
	struct offload_segment s;

	write_frame(f, &m, true);
	vh = header(f, &m, VIRTIO_NET_HDR_GSO_NONE, 0);
	vh.csum_start = 13;
	REFUSED(100);
	vh.csum_start = 34;
	vh.csum_offset = 65;
	REFUSED(100);
	vh.csum_offset = 65535;
	REFUSED(100);
	vh.flags = 0;
	REFUSED(0);
	REFUSED(ROOM + 1);
	free(f);
}

/* Whatever the header says, nothing is written or read outside. */
Test(offload_segment, stress_random_headers_stay_inside)
{
	const struct model m = {.version = 4, .tcp_flags = 0x10, .len = 1500};
	struct frame *f = malloc(sizeof(*f));
	uint64_t random = 1;

	write_frame(f, &m, true);
	for (int round = 0; round < 200000; round++) {
		struct virtio_net_hdr vh = header(f, &m, TCPV4, 500);
		uint8_t *const bytes = (uint8_t *)&vh;
		uint8_t *in, *out = malloc(ROOM);
		struct offload_segment s;
		size_t len, n;

		random = random * UINT64_C(6364136223846793005) + 1;
		len = random >> 33 & 2047;
		if (len > f->len)
			len = f->len;
		in = malloc(len + 1);
		memcpy(in, f->data, len);
		bytes[(random >> 40) % sizeof(vh)] ^=
		    (uint8_t)(1u << (random >> 50) % 8);
		if (len != 0)
			in[(random >> 20) % (len < 60 ? len : 60)] ^=
			    (uint8_t)(random >> 55);
		if (offload_segment_begin(&s, &vh, in, len, ROOM) == 0)
			while ((n = offload_segment_next(&s, out)) != 0)
				cr_assert_leq(n, ROOM);
		free(in);
		free(out);
	}
	free(f);
}
