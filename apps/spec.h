/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_SPEC_H
#define APPS_SPEC_H

/*
 * What a person can ask for, in the grammar of iproute2: an interface, an
 * address, a route, a neighbour.  psnetd's configuration file and psnetctl's
 * command line are parsed by the same functions.  Interfaces go by name here;
 * nothing in this file has side effects.
 */

#include <stdbool.h>
#include <stdint.h>

#include "apps/words.h"

#define SPEC_DRIVER_MAX   16
#define SPEC_ARGS_MAX     256
#define SPEC_NEXTHOPS_MAX 64

/* Tri-states of an interface's switches. */
enum spec_switch {
	SPEC_UNSAID,
	SPEC_OFF,
	SPEC_ON
};

/* Addresses are in network order throughout. */
struct spec_link {
	unsigned int line; /* of the file; 0: none */
	char name[WORDS_NAME_MAX];
	char driver[SPEC_DRIVER_MAX]; /* "" for a change */
	char args[SPEC_ARGS_MAX];     /* the driver's words, one blank apart */
	uint32_t mtu;                 /* 0: unsaid */
	enum spec_switch up, promisc, arp;
	bool has_table, has_mark;
	uint32_t table; /* of routes, if has_table; 0: the main one */
	uint32_t mark;  /* of what comes in, if has_mark; 0: none */
};

struct spec_addr {
	unsigned int line;
	uint32_t addr;
	unsigned int plen;
	char dev[WORDS_NAME_MAX];
};

struct spec_nexthop {
	uint32_t via;             /* 0: on the link */
	char dev[WORDS_NAME_MAX]; /* "": follows from via */
	bool recursive;           /* via is on no link: routes lead to it */
	uint16_t weight;          /* 1 .. 256; 65535 behind an object */
	uint32_t nhid;            /* of a table: an object instead, or 0 */
};

struct spec_route {
	unsigned int line;
	uint32_t prefix;
	unsigned int plen;
	uint8_t type;     /* enum route_type */
	uint8_t protocol; /* enum route_protocol; 0: unsaid */
	uint32_t table;   /* number of the table it is in; 0: main */
	uint32_t lookup;  /* type lookup: number of the table it leads to */
	uint8_t distance; /* if has_distance; else the protocol's */
	bool has_distance;
	bool waiting; /* of one that is there: another is preferred */
	uint32_t metric;
	uint32_t src;  /* 0: unsaid */
	uint32_t nhid; /* the object it names; else 0 */
	unsigned int nnexthops;
	struct spec_nexthop *nexthops; /* heap */
};

/* A policy rule; what is zero is unsaid. */
struct spec_rule {
	unsigned int line;
	uint32_t pref, table; /* table 0: main */
	bool has_table;
	uint32_t src;
	unsigned int src_plen;
	char iif[WORDS_NAME_MAX]; /* "lo": made here */
	uint32_t mark, mask;
};

struct spec_neigh {
	unsigned int line;
	uint32_t addr;
	uint8_t lladdr[6];
	char dev[WORDS_NAME_MAX];
};

/*
 * "NAME DRIVER [KEY=VALUE]... [mtu N] [up|down] [promisc on|off] [arp on|off]
 * [table T] [mark N]";
 * with type "NAME type DRIVER ..."; without driver "NAME [mtu N] ...".
 * Context: any thread; never sleeps.
 * Returns: 0, or -EINVAL after filling *e.
 */
enum spec_link_form {
	SPEC_LINK_FILE,   /* NAME DRIVER ... */
	SPEC_LINK_ADD,    /* NAME type DRIVER ... */
	SPEC_LINK_CHANGE, /* NAME ... */
};
int spec_link_parse(struct words *w, enum spec_link_form form,
    struct spec_link *out, struct words_error *e);

/* A mark, decimal or 0x hexadecimal; else as spec_link_parse(). */
int spec_mark_parse(const char *s, uint32_t *out, struct words_error *e);

/* "ADDRESS/LENGTH dev NAME"; else as spec_link_parse(). */
int spec_addr_parse(
    struct words *w, struct spec_addr *out, struct words_error *e);

/*
 * "[TYPE] PREFIX [via ADDRESS [recursive]] [dev NAME] [nhid N] [metric N]
 * [distance N] [src ADDRESS] [table T] [lookup T] [protocol P]
 * [nexthop via ADDRESS [recursive] [dev NAME] [weight N]]...".
 * With need_target, a unicast route must say via, dev, nhid or nexthop.
 * Owner:   the caller owns out->nexthops until spec_route_fini().
 * Returns: as above, also -ENOMEM.
 */
int spec_route_parse(struct words *w, bool need_target, struct spec_route *out,
    struct words_error *e);
void spec_route_fini(struct spec_route *r);

/*
 * "[from PREFIX] [iif NAME] [fwmark MARK[/MASK]] [pref N] lookup TABLE", in any
 * order; without need_table the table is optional.
 */
int spec_rule_parse(struct words *w, bool need_table, struct spec_rule *out,
    struct words_error *e);

/*
 * "main", "default" or a number.  main is 0.  Returns: 0 or -EINVAL.
 */
int spec_table_parse(const char *s, uint32_t *out, struct words_error *e);
const char *spec_table_name(uint32_t table, char out[WORDS_TEXT_MAX]);

/* A copy with its own next hops.  Returns: 0 or -ENOMEM. */
int spec_route_copy(const struct spec_route *r, struct spec_route *out);
bool spec_route_equal(const struct spec_route *a, const struct spec_route *b);

/*
 * "ADDRESS lladdr LLADDR dev NAME", in any order after the address; without
 * need_lladdr the link address is optional.
 */
int spec_neigh_parse(struct words *w, bool need_lladdr, struct spec_neigh *out,
    struct words_error *e);

/* "static" and so on, or a number.  Returns: 0 or -EINVAL. */
int spec_protocol_parse(const char *s, uint8_t *out, struct words_error *e);
const char *spec_protocol_name(uint8_t p, char out[WORDS_TEXT_MAX]);

/* enum route_type by name, those one may configure; false if it is none. */
bool spec_type_parse(const char *s, uint8_t *out);
const char *spec_type_name(uint8_t type); /* of any type; never NULL */

#endif /* APPS_SPEC_H */
