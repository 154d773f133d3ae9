/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETCTL_CTL_H
#define APPS_PSNETCTL_CTL_H

/*
 * What psnetctl's files share: its options, and a command as it was parsed.
 */

#include <jansson.h>
#include <stdbool.h>

#include "apps/psnetctl/client.h"
#include "apps/words.h"

/* Exit statuses, those of ip(8). */
enum psnetctl_exit {
	PSNETCTL_EXIT_OK = 0,
	PSNETCTL_EXIT_SYNTAX = 1,
	PSNETCTL_EXIT_REFUSED = 2, /* by the daemon, or it is not there */
	PSNETCTL_EXIT_WRONG = 3,   /* a verification found differences */
	PSNETCTL_EXIT_SILENT = 4,  /* the daemon is there, and says nothing */
};

struct psnetctl {
	struct psnetctl_client client;
	const char *socket, *batch;
	bool json, pretty, stats, details, force;
	uint64_t silence_ms; /* to put up with; 0: any */
	uint32_t rate;       /* batch commands a second; 0: as many as it can */
	json_int_t next;     /* id of the next request */
	bool list_opened;    /* a JSON list is being printed in pieces */
};

struct psnetctl_request;

typedef void psnetctl_print_fn(struct psnetctl *ctl, json_t *result);
typedef int psnetctl_run_fn(struct psnetctl *ctl, struct psnetctl_request *r);

/* A parsed command; cmd is NULL for what does not talk to the daemon. */
struct psnetctl_request {
	const char *cmd;
	json_t *args;
	psnetctl_print_fn *print; /* NULL: nothing to print */
	psnetctl_run_fn *run;     /* NULL: one request, one answer */
	const char *file;         /* of route load */
	uint32_t interval, count; /* of stats: seconds, times (0: no end) */
};

/*
 * Parse the words of one command.
 * Returns: 0, or -EINVAL after filling *e (e->reason "" if help was printed).
 */
int psnetctl_parse(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e);
void psnetctl_request_fini(struct psnetctl_request *r);

/* The parsers, by object; w stands behind the verb. */
typedef int psnetctl_parse_fn(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e);
psnetctl_parse_fn psnetctl_link_show, psnetctl_link_set, psnetctl_link_add,
    psnetctl_link_del, psnetctl_addr_show, psnetctl_addr_add, psnetctl_addr_del,
    psnetctl_route_show, psnetctl_route_add, psnetctl_route_replace,
    psnetctl_route_change, psnetctl_route_del, psnetctl_route_get,
    psnetctl_route_flush, psnetctl_route_load, psnetctl_route_verify,
    psnetctl_rule_show, psnetctl_rule_add, psnetctl_rule_del,
    psnetctl_neigh_show, psnetctl_neigh_add, psnetctl_neigh_replace,
    psnetctl_neigh_del, psnetctl_neigh_flush, psnetctl_ntable_show,
    psnetctl_ntable_change, psnetctl_nexthop_show, psnetctl_nexthop_add,
    psnetctl_nexthop_replace, psnetctl_nexthop_del, psnetctl_nexthop_get,
    psnetctl_nexthop_flush, psnetctl_nexthop_bucket, psnetctl_stats,
    psnetctl_drops, psnetctl_set, psnetctl_monitor;

/*
 * Run a command to its end, printing.  Returns: enum psnetctl_exit.
 */
int psnetctl_run(struct psnetctl *ctl, struct psnetctl_request *r);
psnetctl_run_fn psnetctl_run_load, psnetctl_run_verify, psnetctl_run_stats,
    psnetctl_run_monitor;

/* Run the commands of a file.  Returns: enum psnetctl_exit. */
int psnetctl_batch(struct psnetctl *ctl);

/* Cut line at blanks, in place.  Returns: the number of words, at most max. */
unsigned int psnetctl_split(char *line, const char **word, unsigned int max);

/* Connect, if that was not done yet; complains.  Returns: an exit status. */
int psnetctl_connect(struct psnetctl *ctl);

/*
 * Print an error of the command line, of the daemon, of the connection; the
 * last closes it, too.  Returns: an exit status.
 */
int psnetctl_complain(const struct words_error *e);
int psnetctl_refused(const json_t *reply, const char *file);
int psnetctl_lost(struct psnetctl *ctl, int rc);

/* Is the reply a success? */
bool psnetctl_ok(const json_t *reply);

/* Print JSON as the options say, with a newline. */
void psnetctl_dump(const struct psnetctl *ctl, const json_t *value);

/* The printers of text. */
psnetctl_print_fn psnetctl_print_links, psnetctl_print_addrs,
    psnetctl_print_routes, psnetctl_print_ways, psnetctl_print_rules,
    psnetctl_print_neighs, psnetctl_print_drops, psnetctl_print_options,
    psnetctl_print_removed, psnetctl_print_nexthops, psnetctl_print_buckets,
    psnetctl_print_event;
void psnetctl_print_nexthop(const json_t *o);

/* Show how far something is on a terminal; 100 percent is all of it. */
void psnetctl_bar(int percent, const char *phase);

/* One route, as show prints it. */
void psnetctl_print_route(const json_t *o);

/* The string in a field, or dflt; a number in a field, or 0. */
const char *psnetctl_text(const json_t *o, const char *key, const char *dflt);
json_int_t psnetctl_number(const json_t *o, const char *key);

/* Help: of everything (NULL) or of one object; example lines included. */
void psnetctl_help(const char *object);

#endif /* APPS_PSNETCTL_CTL_H */
