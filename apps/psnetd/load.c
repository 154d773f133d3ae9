/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apps/prefixlist.h"
#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/ops_nexthop.h"
#include "apps/tablefile.h"
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"

/* Lines or records between two turns of the loop. */
#define SLICE 8192

struct psnetd_load {
	struct psnetd *d;
	struct psnetd_client *client; /* NULL: it is gone */
	struct tablefile *file;
	uint64_t size;
	enum route_mode mode;
	bool whole;     /* all there is of the protocol */
	size_t removed; /* if whole */
	uint8_t protocol;
	uint32_t table; /* that the routes go into; 0: main */
	struct prefixlist list;
	struct tablefile_error e;
	int64_t started, parsed; /* ms */
	unsigned int percent;    /* last told */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
progress(
    struct psnetd_load *l, const char *phase, uint64_t done, uint64_t total)
{
	const unsigned int percent =
	    total > 0 ? (unsigned int)(done * 100 / total) : 100;

	if (l->client == NULL || percent == l->percent)
		return;
	l->percent = percent;
	psnetd_client_send(
	    l->client, json_pack("{s:i, s:I, s:{s:s, s:I, s:I}}", "v",
			   PSNETD_CLIENT_VERSION, "id", l->client->long_id,
			   "progress", "phase", phase, "done", (json_int_t)done,
			   "total", (json_int_t)total));
	if (l->client != NULL)
		psnetd_client_continue(l->client);
}

static void
destroy(struct psnetd_load *l)
{
	l->d->load = NULL;
	tablefile_close(l->file);
	prefixlist_fini(&l->list);
	free(l);
}

/* Answer the client, if it still is there, and let the others go on. */
static void
finish(struct psnetd_load *l, int rc)
{
	struct psnetd_client *c = l->client;
	struct psnetd *d = l->d;
	const int64_t now = now_ms();

	if (c != NULL) {
		const unsigned int line = tablefile_error_line(&l->e);

		c->load = NULL;
		if (rc != 0)
			psnetd_client_fail(c, c->long_id, rc, &l->e.what, line);
		else
			psnetd_client_reply(c, c->long_id,
			    json_pack("{s:I, s:I, s:I, s:s, s:I, s:I}",
				"routes", (json_int_t)l->list.n, "removed",
				(json_int_t)l->removed, "skipped",
				(json_int_t)l->list.skipped, "format",
				tablefile_format(l->file), "parse_ms",
				(json_int_t)(l->parsed - l->started),
				"commit_ms", (json_int_t)(now - l->parsed)));
	}
	destroy(l);
	if (c != NULL)
		psnetd_client_continue(c);
	psnetd_client_resume(d);
}

/* In the middle of the commit: keep serving. */
static void
commit_progress(void *arg, size_t done)
{
	struct psnetd_load *l = arg;

	progress(l, "commit", done, l->list.n);
	psnetd_loop_turn(&l->d->loop, 0);
}

static int
resolve(
    struct psnetd_load *l, struct route_config *cfg, struct route_nexthop *hops)
{
	const struct prefixlist *pl = &l->list;

	for (size_t i = 0; i < pl->nhops; i++) {
		const struct spec_nexthop *nh = &pl->hops[i];

		if (nh->nhid != 0 && psnetd_ops_nexthop_check(
					 l->d->st, nh->nhid, &l->e.what) != 0)
			return -ENOENT;
		hops[i] = (struct route_nexthop){
		    .has_gateway = nh->via != 0, .weight = nh->weight};
		memcpy(hops[i].gateway, &nh->via, 4);
		if (nh->dev[0] != '\0') {
			int rc = psnetd_ops_dev(
			    l->d->st, nh->dev, &hops[i].netif, &l->e.what);

			if (rc != 0)
				return rc;
		}
	}
	for (size_t i = 0; i < pl->n; i++) {
		const struct prefixlist_entry *p = &pl->entries[i];
		const uint32_t nhid = pl->hops[p->hop].nhid;

		cfg[i] = (struct route_config){.plen = p->plen,
		    .type = ROUTE_UNICAST,
		    .protocol = l->protocol,
		    .in = l->table,
		    .nhid = nhid,
		    .nnexthops = nhid == 0,
		    .nexthops = &hops[p->hop]};
		memcpy(cfg[i].prefix, &p->prefix, 4);
	}
	return 0;
}

static int
commit(struct psnetd_load *l, const struct route_config *cfg)
{
	const struct prefixlist *pl = &l->list;
	const struct ipv4_route_whole of = {l->table, l->protocol};
	size_t failed = pl->n;
	int rc;

	l->d->busy = true;
	if (l->whole)
		rc = ipv4_route_load_whole(l->d->st, &of, cfg, pl->n,
		    commit_progress, l, &failed, &l->removed);
	else
		rc = ipv4_route_load(
		    l->d->st, cfg, pl->n, l->mode, commit_progress, l, &failed);
	l->d->busy = false;
	if (rc != 0 && failed < pl->n) {
		const struct prefixlist_entry *p = &pl->entries[failed];
		const struct spec_route r = {.prefix = p->prefix,
		    .plen = p->plen,
		    .nnexthops = 1,
		    .nexthops = &pl->hops[p->hop]};

		l->e.unit = tablefile_unit(l->file);
		l->e.at = p->at;
		psnetd_ops_route_error(&r, rc, &l->e.what);
	}
	return rc;
}

/*
 * A table is not exchanged for nothing: that is what a file is of which none or
 * only the beginning arrived, and a misspelt peer makes it one.
 */
static int
check_whole(struct psnetd_load *l)
{
	if (!l->whole || l->list.n > 0)
		return 0;
	if (l->list.skipped > 0)
		return words_fail(&l->e.what, NULL,
		    "all its routes are of other families or peers");
	return words_fail(&l->e.what, NULL,
	    "no route is in it; \"route flush\" empties a table");
}

static void
apply(struct psnetd_load *l)
{
	struct route_config *cfg = calloc(l->list.n + 1, sizeof(*cfg));
	struct route_nexthop *hops = calloc(l->list.nhops + 1, sizeof(*hops));
	int rc = check_whole(l);

	prefixlist_end(&l->list);
	l->parsed = now_ms();
	l->percent = UINT32_MAX;
	if (rc == 0 && (cfg == NULL || hops == NULL))
		rc = -ENOMEM;
	if (rc == 0)
		rc = resolve(l, cfg, hops);
	if (rc == 0)
		rc = commit(l, cfg);
	free(cfg);
	free(hops);
	finish(l, rc);
}

void
psnetd_load_step(struct psnetd *d)
{
	struct psnetd_load *l = d->load;
	int rc = 1;

	if (l->client == NULL) {
		finish(l, -ECANCELED);
		return;
	}
	for (unsigned int i = 0; rc > 0 && i < SLICE; i++)
		rc = prefixlist_take(&l->list, l->file, &l->e);
	if (rc < 0)
		finish(l, rc);
	else if (rc == 0)
		apply(l);
	else
		progress(l, "parse", tablefile_position(l->file),
		    l->size > tablefile_position(l->file)
			? l->size
			: tablefile_position(l->file));
}

void
psnetd_load_orphan(struct psnetd_load *l)
{
	l->client = NULL;
}

void
psnetd_load_cancel(struct psnetd *d)
{
	if (d->load == NULL)
		return;
	if (d->load->client != NULL)
		d->load->client->load = NULL;
	destroy(d->load);
}

/* What the arguments of a request say. */
struct options {
	struct spec_nexthop hop;
	struct prefixlist_config list;
	bool replace, whole;
	uint32_t table;
	uint8_t protocol;
};

static int
parse_family(const char *s, uint8_t *out, struct words_error *e)
{
	const bool inet6 = s != NULL && strcmp(s, "inet6") == 0;

	if (s != NULL && !inet6 && strcmp(s, "inet") != 0)
		return words_fail(e, s, "neither inet nor inet6");
	*out = s == NULL ? 0 : inet6 ? 6 : 4;
	return 0;
}

static int
parse_peer(const char *s, struct prefixlist_config *out, struct words_error *e)
{
	uint8_t plen;

	if (s == NULL)
		return 0;
	if (strchr(s, '/') != NULL || strcmp(s, "default") == 0)
		return words_fail(e, s, "not an address");
	return tablefile_prefix(s, &out->peer_family, out->peer, &plen, e);
}

static int
parse_args(struct psnetd_request *r, struct options *o)
{
	static const char *const keys[] = {"gateway", "dev", "nhid", "replace",
	    "whole", "protocol", "family", "peer", "table", NULL};
	const char *via = NULL, *proto = NULL, *family = NULL, *peer = NULL;
	const char *table = "main";
	struct words_error *e = &r->e;

	if (psnetd_args_known(r->args, keys, e) != 0 ||
	    psnetd_args_string(r->args, "gateway", false, &via, e) != 0 ||
	    psnetd_args_name(r->args, "dev", false, o->hop.dev, e) != 0 ||
	    psnetd_args_bool(r->args, "nhid", &o->list.ids, e) != 0 ||
	    psnetd_args_bool(r->args, "replace", &o->replace, e) != 0 ||
	    psnetd_args_bool(r->args, "whole", &o->whole, e) != 0 ||
	    psnetd_args_string(r->args, "protocol", false, &proto, e) != 0 ||
	    psnetd_args_string(r->args, "family", false, &family, e) != 0 ||
	    psnetd_args_string(r->args, "peer", false, &peer, e) != 0 ||
	    psnetd_args_string(r->args, "table", false, &table, e) != 0 ||
	    spec_table_parse(table, &o->table, e) != 0)
		return -EINVAL;
	if (via != NULL && words_ipv4(via, &o->hop.via, e) != 0)
		return -EINVAL;
	if (o->hop.via != 0 || o->hop.dev[0] != '\0')
		o->list.hop = &o->hop;
	if (parse_family(family, &o->list.family, e) != 0 ||
	    parse_peer(peer, &o->list, e) != 0)
		return -EINVAL;
	return proto == NULL ? 0 : spec_protocol_parse(proto, &o->protocol, e);
}

static int
check_file(int fd, uint64_t *size, struct words_error *e)
{
	struct stat sb;

	if (fd < 0) {
		words_fail(e, NULL, "no file came with the request");
		return -EBADF;
	}
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		words_fail(e, NULL, "what came along is not a regular file");
		return -EBADF;
	}
	*size = (uint64_t)sb.st_size;
	return 0;
}

/* Owner: takes the descriptor that was passed. */
static int
create(
    struct psnetd_request *r, const struct options *o, struct psnetd_load **out)
{
	struct psnetd_load *l = calloc(1, sizeof(*l));
	struct tablefile_error e;
	const int fd = r->c->passed;
	int rc = l != NULL ? prefixlist_init(&l->list, &o->list) : -ENOMEM;

	if (rc != 0) {
		free(l);
		words_fail(&r->e, NULL, "%s", words_strerror(-rc));
		return rc;
	}
	r->c->passed = -1;
	rc = tablefile_open(fd, &l->file, &e);
	if (rc != 0) {
		prefixlist_fini(&l->list);
		free(l);
		r->e = e.what;
		return rc;
	}
	*out = l;
	return 0;
}

int
psnetd_cmd_route_load(struct psnetd_request *r)
{
	struct options o = {.hop = {.weight = 1}, .protocol = ROUTE_PROTO_BOOT};
	struct psnetd_load *l;
	uint64_t size;
	int rc;

	if (r->d->load != NULL)
		return -EINPROGRESS;
	rc = parse_args(r, &o);
	if (rc == 0)
		rc = check_file(r->c->passed, &size, &r->e);
	if (rc == 0)
		rc = create(r, &o, &l);
	if (rc != 0)
		return rc;
	l->d = r->d;
	l->client = r->c;
	l->size = size;
	l->mode = o.replace ? ROUTE_REPLACE : ROUTE_ADD;
	l->whole = o.whole;
	l->table = o.table;
	l->protocol = o.protocol;
	l->started = now_ms();
	l->percent = UINT32_MAX;
	r->c->load = l;
	r->c->long_id = r->id;
	r->d->load = l;
	r->later = true;
	return 0;
}
