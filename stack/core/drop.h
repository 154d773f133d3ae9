/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_CORE_DROP_H
#define STACK_CORE_DROP_H

/*
 * Why a packet ended here: one name per reason, one counter per reason, worker
 * and interface.  A packet that is not delivered, forwarded or transmitted is
 * counted under exactly one of these, by pkt_drop().
 *
 * The list is X(constant, name, sentence); the name is what `psnetctl drops`
 * prints and never changes once released.
 */
#define DROP_REASONS(X)                                                        \
	X(NETIF_GONE, "netif-gone", "its interface was detached")              \
	X(NETIF_DOWN, "netif-down", "its interface is down")                   \
	X(TX_FULL, "tx-full", "the transmit queue was full")                   \
	X(TX_ERROR, "tx-error", "the device refused the frame")                \
	X(NO_BUFFER, "no-buffer", "the worker's packet pool was empty")        \
	X(RX_TOO_LONG, "rx-too-long", "the frame exceeds a packet buffer")     \
	X(RX_OVERRUN, "rx-overrun", "the device's receive ring was full")      \
	X(RX_OFFLOAD, "rx-offload", "the offload header made no sense")        \
	X(NO_PROTO, "no-proto", "no protocol claims its type")                 \
	X(WIRE_LOSS, "wire-loss", "the wire's generator lost it")              \
	X(ETHER_SHORT, "ether-short", "shorter than an Ethernet header")       \
	X(ETHER_NOT_OURS, "ether-not-ours", "unicast to another station")      \
	X(ETHER_SRC_GROUP, "ether-src-group", "source address is a group")     \
	X(ETHER_TOO_LONG, "ether-too-long", "payload exceeds the MTU")         \
	X(ARP_SHORT, "arp-short", "shorter than an ARP packet")                \
	X(ARP_FORMAT, "arp-format", "not Ethernet and IPv4 ARP")               \
	X(ARP_BAD_SENDER, "arp-bad-sender", "sender address is not a station") \
	X(ARP_CONFLICT, "arp-conflict", "sender claims one of our addresses")  \
	X(ARP_NOT_OURS, "arp-not-ours", "target is not one of our addresses")  \
	X(ARP_NO_ADDRESS, "arp-no-address", "interface has no IPv4 address")   \
	X(NEIGH_UNRESOLVED, "neigh-unresolved",                                \
	    "the neighbour did not answer")                                    \
	X(NEIGH_QUEUE_FULL, "neigh-queue-full", "pushed out of a hold queue")  \
	X(NEIGH_TABLE_FULL, "neigh-table-full", "no neighbour entry is free")  \
	X(NEIGH_INCOMPLETE, "neigh-incomplete-full",                           \
	    "too many neighbours are being asked for")                         \
	X(NEIGH_SOURCE, "neigh-source-full",                                   \
	    "its sender asks for too many neighbours")                         \
	X(NEIGH_HELD, "neigh-held-full", "too many packets wait here")         \
	X(NEIGH_RATE, "neigh-rate-limit", "the neighbour could not be asked")  \
	X(NEIGH_EVICTED, "neigh-evicted", "its neighbour entry made room")     \
	X(NEIGH_PURGED, "neigh-purged", "its neighbour entry was purged")      \
	X(IPV4_SHORT, "ipv4-short", "shorter than an IPv4 header")             \
	X(IPV4_VERSION, "ipv4-version", "version is not 4")                    \
	X(IPV4_HLEN, "ipv4-header-length", "header length is impossible")      \
	X(IPV4_CHECKSUM, "ipv4-checksum", "header checksum is wrong")          \
	X(IPV4_LENGTH, "ipv4-length", "total length exceeds the frame")        \
	X(IPV4_OPTIONS, "ipv4-options", "an option is malformed")              \
	X(IPV4_SRCROUTE, "ipv4-source-route", "source routing is off")         \
	X(IPV4_MARTIAN_SRC, "ipv4-martian-source", "impossible source")        \
	X(IPV4_MARTIAN_DST, "ipv4-martian-destination", "impossible target")   \
	X(IPV4_L2_BCAST, "ipv4-l2-broadcast", "unicast inside a broadcast")    \
	X(IPV4_NOT_FORWARDING, "ipv4-not-forwarding", "forwarding is off")     \
	X(IPV4_DIRECTED_BCAST, "ipv4-directed-broadcast", "it is off")         \
	X(IPV4_MULTICAST, "ipv4-multicast", "no listener for the group")       \
	X(IPV4_TTL, "ipv4-ttl", "time to live ran out")                        \
	X(IPV4_NO_ROUTE, "ipv4-no-route", "no route to the destination")       \
	X(IPV4_BLACKHOLE, "ipv4-blackhole", "a blackhole route")               \
	X(IPV4_REJECT, "ipv4-reject", "an unreachable or prohibit route")      \
	X(IPV4_NEXTHOP_DOWN, "ipv4-nexthop-down", "no next hop is up")         \
	X(IPV4_TOO_BIG, "ipv4-too-big", "exceeds the MTU and may not be cut")  \
	X(IPV4_PROTO, "ipv4-protocol", "no such protocol here")                \
	X(IPV4_REASM_OVERLAP, "ipv4-reassembly-overlap", "fragments overlap")  \
	X(IPV4_REASM_TIMEOUT, "ipv4-reassembly-timeout", "a piece is missing") \
	X(IPV4_REASM_FULL, "ipv4-reassembly-full", "too many datagrams open")  \
	X(IPV4_REASM_LENGTH, "ipv4-reassembly-length", "a piece is misplaced") \
	X(IPV4_NO_SOURCE, "ipv4-no-source", "no address to send from")         \
	X(ICMP_SHORT, "icmp-short", "shorter than an ICMP header")             \
	X(ICMP_CHECKSUM, "icmp-checksum", "ICMP checksum is wrong")            \
	X(ICMP_TYPE, "icmp-type", "type is unknown or not for us")             \
	X(ICMP_RATE, "icmp-rate-limit", "error suppressed by its rate limit")  \
	X(UDP_PORT, "udp-port", "no socket on the UDP port")                   \
	X(TCP_PORT, "tcp-port", "no socket on the TCP port")

enum drop_reason {
#define X(constant, name, sentence) DROP_##constant,
	DROP_REASONS(X)
#undef X
	DROP_REASON_COUNT
};

/*
 * The stable name of a reason ("ipv4-ttl").
 * Context: any thread; never sleeps.
 * Returns: a static string; never NULL for reason < DROP_REASON_COUNT.
 */
const char *drop_reason_name(enum drop_reason reason);

/*
 * What a reason means, half a sentence for people.
 * Context: any thread; never sleeps.
 * Returns: a static string; never NULL for reason < DROP_REASON_COUNT.
 */
const char *drop_reason_text(enum drop_reason reason);

#endif /* STACK_CORE_DROP_H */
