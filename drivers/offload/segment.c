/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A super-frame has one set of headers in front of the payload of many
 * segments.  Each segment gets a copy of them with its own lengths, its own
 * IPv4 identification, TCP sequence number and flags, and checksums computed
 * anew, so that nothing depends on what the frame's own fields held.
 *
 * What Linux does for a device that cannot: tcp_gso_segment(),
 * __udp_gso_segment(), inet_gso_segment() and skb_checksum_help().
 */

#include "drivers/offload/segment.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "libsync/base/assert.h"

#define ETHER_HDR    14
#define ETHER_IPV4   0x0800
#define ETHER_IPV6   0x86dd
#define ETHER_VLAN   0x8100
#define ETHER_QINQ   0x88a8
#define IPV6_HDR     40
#define PROTO_TCP    6
#define PROTO_UDP    17
#define TCP_HDR      20
#define TCP_SUM      16
#define UDP_HDR      8
#define UDP_SUM      6
#define TCP_FIN      0x01
#define TCP_PSH      0x08
#define TCP_CWR      0x80
#define GSO_SIZE_MIN 8 /* as Linux's TCP_MIN_GSO_SIZE */
#define EXT_HEADERS  8

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The one's complement sum of data, not folded, in memory order. */
static uint64_t
sum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	uint32_t word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum += word;
		data += sizeof(word);
	}
	if (len != 0) {
		word = 0;
		memcpy(&word, data, len);
		sum += word;
	}
	return sum;
}

/* Complement of the sum; 0, which means "none" in UDP, becomes 0xffff. */
static void
sum_store(uint8_t *at, uint64_t sum, bool never_zero)
{
	uint16_t folded;

	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)~sum;
	if (folded == 0 && never_zero)
		folded = 0xffff;
	memcpy(at, &folded, sizeof(folded));
}

/* Find the IP header behind Ethernet and VLAN tags. */
static bool
find_l3(struct offload_segment *s)
{
	size_t at = ETHER_HDR - 2;
	uint16_t type;

	for (int tags = 0;; tags++) {
		if (at + 2 > s->len)
			return false;
		type = get16(s->frame + at);
		at += 2;
		if ((type != ETHER_VLAN && type != ETHER_QINQ) || tags == 2)
			break;
		at += 2;
	}
	s->l3 = at;
	s->version = type == ETHER_IPV4 ? 4 : type == ETHER_IPV6 ? 6 : 0;
	return s->version != 0;
}

/* Find the transport header; *proto is its protocol. */
static bool
find_l4_ipv4(struct offload_segment *s, uint8_t *proto)
{
	const uint8_t *ip = s->frame + s->l3;
	size_t hlen, total;

	if (s->l3 + 20 > s->len)
		return false;
	hlen = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	/* A super-frame beyond 65535 bytes says 0. */
	if (ip[0] >> 4 != 4 || hlen < 20 ||
	    (total != 0 && total != s->len - s->l3) ||
	    (get16(ip + 6) & 0x3fff) != 0)
		return false;
	s->l4 = s->l3 + hlen;
	*proto = ip[9];
	return true;
}

static bool
find_l4_ipv6(struct offload_segment *s, uint8_t *proto)
{
	const uint8_t *ip = s->frame + s->l3;
	size_t at = s->l3 + IPV6_HDR, payload;
	uint8_t next;

	if (at > s->len)
		return false;
	payload = get16(ip + 4);
	if (ip[0] >> 4 != 6 || (payload != 0 && payload != s->len - at))
		return false;
	next = ip[6];
	/* Only options may stand between: a routing header would change the
	 * destination that the checksum covers. */
	for (int i = 0; i < EXT_HEADERS; i++) {
		if (next != 0 && next != 60)
			break;
		if (at + 8 > s->len)
			return false;
		next = s->frame[at];
		at += ((size_t)s->frame[at + 1] + 1) * 8;
	}
	s->l4 = at;
	*proto = next;
	return true;
}

/* Everything about a super-frame's headers. */
static bool
check_cut(struct offload_segment *s, const struct virtio_net_hdr *vh)
{
	const uint8_t type = vh->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	const uint8_t *l4;
	uint8_t proto;
	bool found;

	if (!find_l3(s))
		return false;
	found =
	    s->version == 4 ? find_l4_ipv4(s, &proto) : find_l4_ipv6(s, &proto);
	s->udp = type == VIRTIO_NET_HDR_GSO_UDP_L4;
	if (!found || s->l4 + (s->udp ? UDP_HDR : TCP_HDR) > s->len ||
	    proto != (s->udp ? PROTO_UDP : PROTO_TCP) ||
	    (type == VIRTIO_NET_HDR_GSO_TCPV4 && s->version != 4) ||
	    (type == VIRTIO_NET_HDR_GSO_TCPV6 && s->version != 6))
		return false;
	l4 = s->frame + s->l4;
	s->hdr = s->l4 + (s->udp ? UDP_HDR : (size_t)(l4[12] >> 4) * 4);
	if (s->hdr > s->len || s->hdr < s->l4 + (s->udp ? UDP_HDR : TCP_HDR))
		return false;
	if ((vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
		return vh->csum_start == s->l4 &&
		       vh->csum_offset == (s->udp ? UDP_SUM : TCP_SUM);
	s->keep_zero = s->udp && s->version == 4 && get16(l4 + UDP_SUM) == 0;
	return true;
}

static bool
check_partial(struct offload_segment *s, const struct virtio_net_hdr *vh)
{
	if (vh->csum_start < ETHER_HDR || vh->csum_start >= s->len ||
	    (size_t)vh->csum_start + vh->csum_offset + 2 > s->len)
		return false;
	s->partial = true;
	s->sum_start = vh->csum_start;
	s->sum_at = (size_t)vh->csum_start + vh->csum_offset;
	return true;
}

int
offload_segment_begin(struct offload_segment *s,
    const struct virtio_net_hdr *vh, const void *frame, size_t len, size_t room)
{
	bool good = true;

	*s = (struct offload_segment){.frame = frame, .len = len};
	switch (vh->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		if ((vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
			good = check_partial(s, vh);
		return good && len <= room && len != 0 ? 0 : -EINVAL;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN:
	case VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN:
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		break;
	default:
		return -EINVAL;
	}
	s->cut = true;
	s->size = vh->gso_size;
	if (s->size < GSO_SIZE_MIN || !check_cut(s, vh))
		return -EINVAL;
	if (s->size > len - s->hdr)
		s->size = len - s->hdr;
	return s->hdr + s->size <= room ? 0 : -EINVAL;
}

/* Lengths and identification of IP; IPv4's checksum. */
static void
finish_l3(const struct offload_segment *s, uint8_t *out, size_t len)
{
	uint8_t *ip = out + s->l3;
	const size_t hlen = (size_t)(ip[0] & 15) * 4;

	if (s->version == 6) {
		put16(ip + 4, len - s->l3 - IPV6_HDR);
		return;
	}
	put16(ip + 2, len - s->l3);
	put16(ip + 4, (size_t)get16(ip + 4) + s->index);
	put16(ip + 10, 0);
	sum_store(ip + 10, sum_add(0, ip, hlen), false);
}

/* The checksum of TCP or UDP with its pseudo header. */
static void
sum_l4(const struct offload_segment *s, uint8_t *out, size_t len)
{
	uint8_t *l4 = out + s->l4, *at = l4 + (s->udp ? UDP_SUM : TCP_SUM);
	const size_t n = len - s->l4;
	const uint8_t pseudo[4] = {
	    0, s->udp ? PROTO_UDP : PROTO_TCP, (uint8_t)(n >> 8), (uint8_t)n};
	uint64_t sum = sum_add(0, pseudo, sizeof(pseudo));

	put16(at, 0);
	sum = s->version == 4 ? sum_add(sum, out + s->l3 + 12, 8)
			      : sum_add(sum, out + s->l3 + 8, 32);
	sum_store(at, sum_add(sum, l4, n), s->udp);
}

static void
finish_l4(const struct offload_segment *s, uint8_t *out, size_t len, bool last)
{
	uint8_t *l4 = out + s->l4;
	uint32_t seq;

	if (s->udp) {
		put16(l4 + 4, len - s->l4);
		if (!s->keep_zero)
			sum_l4(s, out, len);
		return;
	}
	memcpy(&seq, l4 + 4, sizeof(seq));
	seq = htonl(ntohl(seq) + (uint32_t)s->done);
	memcpy(l4 + 4, &seq, sizeof(seq));
	if (!last)
		l4[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (s->index != 0)
		l4[13] &= (uint8_t)~TCP_CWR; /* RFC 3168 6.1.2: once */
	sum_l4(s, out, len);
}

/* A frame that is whole; at most its checksum is missing. */
static size_t
copy_whole(struct offload_segment *s, uint8_t *out)
{
	memcpy(out, s->frame, s->len);
	s->finished = true;
	if (s->partial) {
		const uint64_t sum =
		    sum_add(0, out + s->sum_start, s->len - s->sum_start);

		sum_store(out + s->sum_at, sum, true);
	}
	return s->len;
}

size_t
offload_segment_next(struct offload_segment *s, uint8_t *out)
{
	size_t n, len;
	bool last;

	if (s->finished)
		return 0;
	if (!s->cut)
		return copy_whole(s, out);
	n = s->len - s->hdr - s->done;
	last = n <= s->size;
	if (!last)
		n = s->size;
	len = s->hdr + n;
	memcpy(out, s->frame, s->hdr);
	memcpy(out + s->hdr, s->frame + s->hdr + s->done, n);
	finish_l3(s, out, len);
	finish_l4(s, out, len, last);
	s->done += n;
	s->index++;
	s->finished = last;
	return len;
}
