/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef STACK_PROTO_ICMP_ICMP_H
#define STACK_PROTO_ICMP_ICMP_H

/*
 * ICMP (RFC 792, RFC 1122 3.2.2, RFC 1812 4.3): echo, and the errors that a
 * router owes, quoted, addressed and rate-limited as RFC 1812 4.3.2 says.
 */

#include <stdint.h>

#include "stack/core/drop.h"
#include "stack/core/proto.h"

struct pkt;
struct worker;

/* The plug-in: carrier PROTO_CARRIER_IPV4, number 1. */
extern const struct proto proto_icmp;

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAM_PROBLEM = 12,
};

enum icmp_unreachable_code {
	ICMP_UNREACH_NET = 0,
	ICMP_UNREACH_HOST = 1,
	ICMP_UNREACH_PROTOCOL = 2,
	ICMP_UNREACH_PORT = 3,
	ICMP_UNREACH_NEEDFRAG = 4,
	ICMP_UNREACH_SRCFAIL = 5,
	ICMP_UNREACH_PROHIBITED = 13,
};

/*
 * Answer p with an ICMP error, unless RFC 1122 3.2.2 forbids one (to an error,
 * a fragment other than the first, a group address, a source that is not one
 * host) or a rate limit holds it back, and drop p under reason.  p->l3 points
 * at its IPv4 header, unchanged since reception.  param: the MTU for
 * NEEDFRAG, the gateway (network order) for REDIRECT, the pointer for
 * PARAM_PROBLEM, else 0.
 * Context: worker in a read section; never sleeps.
 * Owner:   takes p.
 */
void icmp_error(struct worker *w, struct pkt *p, uint8_t type, uint8_t code,
    uint32_t param, enum drop_reason reason);

/*
 * The same for a redirect (RFC 1812 5.2.7.2), which leaves p alone.
 * Owner:   p stays with the caller.
 */
void icmp_redirect(struct worker *w, struct pkt *p, uint32_t gateway);

#endif /* STACK_PROTO_ICMP_ICMP_H */
