/* SPDX-License-Identifier: BSD-2-Clause */

/* Writing and reading frames. */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "tests/net/harness_impl.h"

#define IP_OFFSET ETHER_HDR_LEN

uint32_t
net_sum(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *b = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	if (len % 2 != 0)
		sum += (uint32_t)b[len - 1] << 8;
	return sum;
}

uint16_t
net_sum_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

uint16_t
net_checksum(const void *data, size_t len)
{
	return net_sum_fold(net_sum(data, len, 0));
}

uint32_t
net_sum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, size_t len)
{
	return net_sum(&src, 4, net_sum(&dst, 4, proto + (uint32_t)len));
}

uint8_t
net_pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

static void *
append(struct net_frame *f, size_t len)
{
	void *at = f->data + f->len;

	cr_assert(len <= NET_FRAME_MAX - f->len, "frame is full");
	f->len += len;
	memset(at, 0, len);
	return at;
}

void
net_frame_bytes(struct net_frame *f, const void *data, size_t len)
{
	memcpy(append(f, len), data, len);
}

static void
append_pattern(struct net_frame *f, size_t size)
{
	uint8_t *at = append(f, size);

	for (size_t i = 0; i < size; i++)
		at[i] = net_pattern(i);
}

void
net_frame_ether(
    struct net_frame *f, const uint8_t *dst, const uint8_t *src, uint16_t type)
{
	const uint16_t be = htons(type);

	f->len = 0;
	f->time = 0;
	net_frame_bytes(f, dst != NULL ? dst : ether_broadcast, ETHER_ADDR_LEN);
	net_frame_bytes(f, src, ETHER_ADDR_LEN);
	net_frame_bytes(f, &be, sizeof(be));
}

void
net_frame_arp(struct net_frame *f, uint16_t op, const uint8_t *sha,
    const char *spa, const uint8_t *tha, const char *tpa)
{
	struct net_arp *a = append(f, sizeof(*a));

	a->htype = htons(1);
	a->ptype = htons(ETHER_TYPE_IPV4);
	a->hlen = 6;
	a->plen = 4;
	a->op = htons(op);
	memcpy(a->sha, sha, sizeof(a->sha));
	a->spa = net_ip(spa);
	if (tha != NULL)
		memcpy(a->tha, tha, sizeof(a->tha));
	a->tpa = net_ip(tpa);
}

void
net_frame_ipv4(struct net_frame *f, const char *src, const char *dst,
    uint8_t proto, uint8_t ttl)
{
	struct ipv4_hdr *ip = append(f, sizeof(*ip));

	ip->ver_ihl = 0x45;
	ip->ttl = ttl != 0 ? ttl : 64;
	ip->proto = proto;
	ip->src = net_ip(src);
	ip->dst = net_ip(dst);
}

void
net_frame_ipv4_options(struct net_frame *f, const void *options, size_t len)
{
	struct ipv4_hdr *ip = (void *)(f->data + IP_OFFSET);

	cr_assert(len % 4 == 0 && len <= 40, "bad length of options");
	net_frame_bytes(f, options, len);
	ip->ver_ihl = (uint8_t)(ip->ver_ihl + len / 4);
}

void
net_frame_icmp(
    struct net_frame *f, uint8_t type, uint8_t code, uint32_t info, size_t size)
{
	struct net_icmp *icmp = append(f, sizeof(*icmp));

	icmp->type = type;
	icmp->code = code;
	icmp->id = htons((uint16_t)(info >> 16));
	icmp->seq = htons((uint16_t)info);
	append_pattern(f, size);
}

void
net_frame_udp(struct net_frame *f, uint16_t sport, uint16_t dport, size_t size)
{
	struct net_udp *udp = append(f, sizeof(*udp));

	udp->sport = htons(sport);
	udp->dport = htons(dport);
	append_pattern(f, size);
}

static bool
is_type(const struct net_frame *f, uint16_t type)
{
	return f->len >= ETHER_HDR_LEN && f->data[12] == type >> 8 &&
	       f->data[13] == (type & 0xff);
}

struct net_arp *
net_frame_get_arp(struct net_frame *f)
{
	if (!is_type(f, ETHER_TYPE_ARP) ||
	    f->len < ETHER_HDR_LEN + sizeof(struct net_arp))
		return NULL;
	return (void *)(f->data + ETHER_HDR_LEN);
}

static size_t
header_len(const struct ipv4_hdr *ip)
{
	return (size_t)(ip->ver_ihl & 15) * 4;
}

struct ipv4_hdr *
net_frame_get_ipv4(struct net_frame *f)
{
	struct ipv4_hdr *ip = (void *)(f->data + IP_OFFSET);
	const size_t room = f->len - ETHER_HDR_LEN;

	if (!is_type(f, ETHER_TYPE_IPV4) || room < sizeof(*ip) ||
	    ip->ver_ihl >> 4 != 4 || header_len(ip) < sizeof(*ip) ||
	    header_len(ip) > room)
		return NULL;
	return ip;
}

uint8_t *
net_frame_get_payload(struct net_frame *f, size_t *len)
{
	struct ipv4_hdr *ip = net_frame_get_ipv4(f);
	size_t total;

	if (ip == NULL)
		return NULL;
	total = ntohs(ip->total_len);
	if (total < header_len(ip) || total > f->len - ETHER_HDR_LEN)
		return NULL;
	*len = total - header_len(ip);
	return (uint8_t *)ip + header_len(ip);
}

static bool
is_whole(const struct ipv4_hdr *ip)
{
	return (ntohs(ip->frag_off) & (IPV4_MF | IPV4_OFF_MASK)) == 0;
}

void
net_frame_end(struct net_frame *f)
{
	struct ipv4_hdr *ip = net_frame_get_ipv4(f);
	uint8_t *at;
	size_t len;

	if (ip == NULL)
		return;
	if (ip->total_len == 0)
		ip->total_len = htons((uint16_t)(f->len - ETHER_HDR_LEN));
	at = net_frame_get_payload(f, &len);
	if (at != NULL && is_whole(ip) && ip->proto == NET_PROTO_ICMP &&
	    len >= sizeof(struct net_icmp)) {
		struct net_icmp *icmp = (void *)at;

		if (icmp->checksum == 0)
			icmp->checksum = net_checksum(at, len);
	} else if (at != NULL && is_whole(ip) && ip->proto == NET_PROTO_UDP &&
		   len >= sizeof(struct net_udp)) {
		struct net_udp *udp = (void *)at;

		if (udp->len == 0)
			udp->len = htons((uint16_t)len);
		if (udp->checksum == 0) {
			udp->checksum = net_sum_fold(net_sum(at, len,
			    net_sum_pseudo(ip->src, ip->dst, ip->proto, len)));
			if (udp->checksum == 0)
				udp->checksum = 0xffff;
		}
	}
	if (ip->checksum == 0)
		ip->checksum = net_checksum(ip, header_len(ip));
}

bool
net_frame_sums_hold(struct net_frame *f)
{
	const struct ipv4_hdr *ip = net_frame_get_ipv4(f);
	const uint8_t *at;
	size_t len;

	if (ip == NULL || net_checksum(ip, header_len(ip)) != 0)
		return false;
	at = net_frame_get_payload(f, &len);
	if (at == NULL)
		return false;
	if (!is_whole(ip))
		return true;
	if (ip->proto == NET_PROTO_ICMP)
		return net_checksum(at, len) == 0;
	if (ip->proto == NET_PROTO_UDP)
		return net_sum_fold(net_sum(at, len,
			   net_sum_pseudo(ip->src, ip->dst, ip->proto, len))) ==
		       0;
	return true;
}
