/* SPDX-License-Identifier: BSD-2-Clause */

/* What the files of the harness share; tests use harness.h only. */
#ifndef TESTS_NET_HARNESS_IMPL_H
#define TESTS_NET_HARNESS_IMPL_H

#include "tests/net/harness.h"

#define NET_NODES_MAX  64
#define NET_WIRES_MAX  128
#define NET_QUEUE_MAX  1024 /* frames a probe keeps */
#define NET_ADDRS_MAX  16   /* addresses a probe answers for */
#define NET_PORTS_MAX  256  /* ports a sink counts */
#define NET_DATAGRAM   65536
#define NET_PATH_BYTES 512

#define NET_PROTO_ICMP 1
#define NET_PROTO_UDP  17

/* An ICMP header, RFC 792. */
struct net_icmp {
	uint8_t type, code;
	uint16_t checksum;
	uint16_t id, seq; /* together "info" of an error */
} __attribute__((__packed__, __may_alias__));

/* A UDP header, RFC 768. */
struct net_udp {
	uint16_t sport, dport, len, checksum;
} __attribute__((__packed__, __may_alias__));

/* The echo a node waits for, and the answer. */
struct net_waiting {
	bool active, done, intact;
	uint16_t id, seq;
	size_t size;
	uint64_t sent;
	struct net_reply reply;
};

/*
 * What stands in front of a link protocol of a host and looks at what comes
 * in, before it goes on to the protocol itself.
 */
struct net_peek {
	void *inner;                 /* state of the protocol behind it */
	struct net_waiting *waiting; /* the node's */
	uint64_t *seen;              /* the node's: ICMP answers looked at */
	/* One datagram being put together. */
	uint32_t src;
	uint16_t id;
	size_t have, total; /* bytes so far; all, once known */
	uint8_t piece[NET_DATAGRAM / 8 / 8];
	uint8_t data[NET_DATAGRAM];
};

/* A probe's state, that of its only protocol. */
struct net_probe_state {
	unsigned int naddrs;
	uint32_t addr[NET_ADDRS_MAX];
	size_t head, count;
	struct net_frame *queue; /* NET_QUEUE_MAX of them */
};

struct net_sink {
	unsigned int nports;
	struct {
		uint16_t port;
		uint64_t received;
	} port[NET_PORTS_MAX];
};

struct net_node_state {
	char name[NETIF_NAME_MAX];
	struct stack *stack;
	unsigned int nwires; /* interfaces named so far */
	struct net_waiting waiting;
	uint64_t seen_icmp;
	struct net_probe_state *probe; /* NULL: a host or router */
	int probe_wire;
	uint64_t allowed[DROP_REASON_COUNT];
};

struct net_wire_state {
	struct wire *wire;
	int node[2];
	netif_id netif[2];
	bool removed;
	char path[NET_PATH_BYTES]; /* of its recording */
};

struct net {
	uint64_t now;
	uint16_t next_id; /* of echo requests */
	int nnodes, nwires;
	struct net_node_state node[NET_NODES_MAX];
	struct net_wire_state wire[NET_WIRES_MAX];
	char dir[NET_PATH_BYTES / 2]; /* of the recordings */
	struct net *next;             /* all that exist, for a failing test */
};

/* The protocols of hosts: Ethernet and bare IP, looked at first. */
extern const struct proto net_peek_ether, net_peek_loop;

/* The only protocol of a probe. */
extern const struct proto net_probe_proto;

struct net_node_state *net_node_of(struct net *n, int node);

/* A node with these protocols and no interface. */
int net_node_create(struct net *n, const char *name,
    const struct proto *const *protos, unsigned int nworkers,
    unsigned int pkts);

/* Sum of the one's complement over data, to be folded. */
uint32_t net_sum(const void *data, size_t len, uint32_t sum);
uint16_t net_sum_fold(uint32_t sum);

/* That of the pseudo header of UDP. */
uint32_t net_sum_pseudo(uint32_t src, uint32_t dst, uint8_t proto, size_t len);

/* Byte i of the payload of every echo request and UDP datagram. */
uint8_t net_pattern(size_t i);

/* Split "10.0.0.1/24". */
uint32_t net_prefix(const char *text, unsigned int *plen);

/* A wire between two interfaces without addresses. */
int net_wire_create(struct net *n, int a, int b, const struct wire_config *cfg);

/* Give an end of a wire its address, unless that is NULL. */
void net_addr_give(struct net *n, int wire, unsigned int end, const char *addr);

#endif /* TESTS_NET_HARNESS_IMPL_H */
