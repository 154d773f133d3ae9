/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_CONFIG_H
#define APPS_CONFIG_H

/*
 * psnetd's configuration file as data.  Parsing has no side effects: the text
 * becomes a struct config, or an error that names line, word and reason.
 *
 *   workers N          packets N          neighbours N
 *   interface NAME DRIVER [WORD]... [mtu N] [up|down] [promisc on|off]
 *   address ADDRESS/LENGTH dev NAME
 *   route [add] ROUTE                as psnetctl route add
 *   nexthop [add] NEXTHOP            as psnetctl nexthop add
 *   rule [add] RULE pref N           as psnetctl rule add
 *   neighbour ADDRESS lladdr LLADDR dev NAME
 *   set OPTION on|off|N
 *   table FILE [via ADDRESS] [dev NAME] [nhid] [table T]
 */

#include <stddef.h>
#include <stdint.h>

#include "apps/prefixlist.h"
#include "apps/spec.h"
#include "apps/spec_object.h"
#include "apps/words.h"
#include "stack/proto/ipv4/ipv4.h"

struct driver;

#define CONFIG_PATH_MAX 4096

struct config_table {
	unsigned int line;
	char *path; /* as written */
	struct spec_nexthop dflt;
	bool has_default;
	bool ids;               /* its next hops are ids of objects */
	uint32_t in;            /* routing table; 0: main */
	struct prefixlist list; /* filled by config_load() */
};

struct config_option {
	unsigned int line; /* 0: the file does not say */
	uint32_t value;
};

struct config {
	uint32_t workers, packets, neighbours; /* 0: unsaid */
	/* 0: unsaid */
	unsigned int workers_line, packets_line, neighbours_line;
	struct config_option options[IPV4_OPT_COUNT];
	struct spec_link *links;
	struct spec_addr *addrs;
	struct spec_object *objects; /* by id */
	struct spec_route *routes;
	struct spec_rule *rules;
	struct spec_neigh *neighs;
	struct config_table *tables;
	size_t nlinks, naddrs, nobjects, nroutes, nrules, nneighs, ntables;
	size_t links_room, addrs_room, objects_room, routes_room, neighs_room,
	    rules_room, tables_room;
};

struct config_error {
	char file[CONFIG_PATH_MAX];
	unsigned int line; /* 0: the file as a whole */
	struct words_error what;
};

/* An empty configuration; free what it holds.  Context: any thread. */
void config_init(struct config *c);
void config_fini(struct config *c);

/*
 * Parse len bytes.  Tables are named, not read.
 * Context: any thread; never sleeps.
 * Owner:   the caller owns *out until config_fini(); untouched on failure.
 * Returns: 0, -EINVAL after filling e->line and e->what, or -ENOMEM.
 */
int config_parse(
    const char *text, size_t len, struct config *out, struct config_error *e);

/*
 * What lines cannot show alone: duplicates, interfaces that are not there,
 * gateways that no address reaches, drivers that do not exist.
 * Context: any thread; never sleeps.
 * Returns: 0 or -EINVAL after filling e->line and e->what.
 */
int config_check(const struct config *c, const struct driver *const *drivers,
    struct config_error *e);

/*
 * Read, parse and check a file and the tables it names (relative to its
 * folder).
 * Context: control thread; sleeps (reads files).
 * Returns: as above, or the negative errno of open(2) and read(2); *e is
 *          filled on every failure.
 */
int config_load(const char *path, const struct driver *const *drivers,
    struct config *out, struct config_error *e);

/* "FILE:LINE: WORD: REASON" in out. */
void config_error_show(const struct config_error *e, char *out, size_t outlen);

/* The next hop with this id; NULL if there is none. */
const struct spec_object *config_object_find(
    const struct config *c, uint32_t id);

/* The routing table of an interface; 0: main, or there is none. */
uint32_t config_dev_table(const struct config *c, const char *dev);

/* Are they the same rule? */
bool config_rule_equal(const struct spec_rule *a, const struct spec_rule *b);

/* The option of this name; false if there is none. */
bool config_option_find(const char *name, enum ipv4_option *out);

#endif /* APPS_CONFIG_H */
