/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/load.h"

#include <errno.h>
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
#include "stack/core/stack.h"
#include "stack/proto/ipv4/ipv4.h"

#define SLICE 262144

struct psnetd_load {
	struct psnetd *d;
	struct psnetd_client *client; /* NULL: it is gone */
	int fd;
	off_t at, size;
	enum route_mode mode;
	uint8_t protocol;
	struct prefixlist list;
	struct words_error e;
	int64_t started, parsed; /* ms */
	unsigned int percent;    /* last told */
	char buf[SLICE];
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
	close(l->fd);
	prefixlist_fini(&l->list);
	free(l);
}

/* Answer the client, if it still is there, and let the others go on. */
static void
finish(struct psnetd_load *l, int rc, unsigned int line)
{
	struct psnetd_client *c = l->client;
	struct psnetd *d = l->d;
	const int64_t now = now_ms();

	if (c != NULL) {
		c->load = NULL;
		if (rc != 0)
			psnetd_client_fail(c, c->long_id, rc, &l->e, line);
		else
			psnetd_client_reply(c, c->long_id,
			    json_pack("{s:I, s:I, s:I}", "routes",
				(json_int_t)l->list.n, "parse_ms",
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

		hops[i] = (struct route_nexthop){
		    .has_gateway = nh->via != 0, .weight = nh->weight};
		memcpy(hops[i].gateway, &nh->via, 4);
		if (nh->dev[0] != '\0') {
			int rc = psnetd_ops_dev(
			    l->d->st, nh->dev, &hops[i].netif, &l->e);

			if (rc != 0)
				return rc;
		}
	}
	for (size_t i = 0; i < pl->n; i++) {
		const struct prefixlist_entry *p = &pl->entries[i];

		cfg[i] = (struct route_config){.plen = p->plen,
		    .type = ROUTE_UNICAST,
		    .protocol = l->protocol,
		    .nnexthops = 1,
		    .nexthops = &hops[p->hop]};
		memcpy(cfg[i].prefix, &p->prefix, 4);
	}
	return 0;
}

static int
commit(
    struct psnetd_load *l, const struct route_config *cfg, unsigned int *line)
{
	const struct prefixlist *pl = &l->list;
	size_t failed = 0;
	int rc;

	l->d->busy = true;
	rc = ipv4_route_load(
	    l->d->st, cfg, pl->n, l->mode, commit_progress, l, &failed);
	l->d->busy = false;
	if (rc != 0 && failed < pl->n) {
		const struct prefixlist_entry *p = &pl->entries[failed];
		const struct spec_route r = {.prefix = p->prefix,
		    .plen = p->plen,
		    .nnexthops = 1,
		    .nexthops = &pl->hops[p->hop]};

		*line = p->line;
		psnetd_ops_route_error(&r, rc, &l->e);
	}
	return rc;
}

static void
apply(struct psnetd_load *l)
{
	struct route_config *cfg = calloc(l->list.n + 1, sizeof(*cfg));
	struct route_nexthop *hops = calloc(l->list.nhops + 1, sizeof(*hops));
	unsigned int line = 0;
	int rc = -ENOMEM;

	l->parsed = now_ms();
	l->percent = UINT32_MAX;
	if (cfg != NULL && hops != NULL)
		rc = resolve(l, cfg, hops);
	if (rc == 0 && l->list.n > 0)
		rc = commit(l, cfg, &line);
	free(cfg);
	free(hops);
	finish(l, rc, line);
}

void
psnetd_load_step(struct psnetd *d)
{
	struct psnetd_load *l = d->load;
	ssize_t n;
	int rc;

	if (l->client == NULL) {
		finish(l, -ECANCELED, 0);
		return;
	}
	n = pread(l->fd, l->buf, sizeof(l->buf), l->at);
	if (n < 0 && errno == EINTR)
		return;
	if (n < 0) {
		rc = -errno;
		words_fail(&l->e, NULL, "%s", words_strerror(errno));
	} else if (n > 0) {
		rc = prefixlist_feed(&l->list, l->buf, (size_t)n, &l->e);
	} else {
		rc = prefixlist_end(&l->list, &l->e);
	}
	if (rc != 0) {
		finish(l, rc, l->list.line);
		return;
	}
	l->at += n;
	if (n == 0)
		apply(l);
	else
		progress(l, "parse", (uint64_t)l->at,
		    (uint64_t)(l->size > l->at ? l->size : l->at));
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

static int
parse_args(struct psnetd_request *r, struct spec_nexthop *nh, bool *replace,
    uint8_t *protocol)
{
	static const char *const keys[] = {
	    "gateway", "dev", "replace", "protocol", NULL};
	const char *via = NULL, *proto = NULL;
	struct words_error *e = &r->e;

	if (psnetd_args_known(r->args, keys, e) != 0 ||
	    psnetd_args_string(r->args, "gateway", false, &via, e) != 0 ||
	    psnetd_args_name(r->args, "dev", false, nh->dev, e) != 0 ||
	    psnetd_args_bool(r->args, "replace", replace, e) != 0 ||
	    psnetd_args_string(r->args, "protocol", false, &proto, e) != 0)
		return -EINVAL;
	if (via != NULL && words_ipv4(via, &nh->via, e) != 0)
		return -EINVAL;
	return proto == NULL ? 0 : spec_protocol_parse(proto, protocol, e);
}

static int
check_file(int fd, off_t *size, struct words_error *e)
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
	*size = sb.st_size;
	return 0;
}

static int
create(struct psnetd_request *r, const struct spec_nexthop *nh,
    struct psnetd_load **out)
{
	const bool has_hop = nh->via != 0 || nh->dev[0] != '\0';
	struct psnetd_load *l = calloc(1, sizeof(*l));
	int rc = l != NULL ? 0 : -ENOMEM;

	if (rc == 0)
		rc = prefixlist_init(&l->list, has_hop ? nh : NULL);
	if (rc != 0) {
		free(l);
		words_fail(&r->e, NULL, "%s", words_strerror(-rc));
		return rc;
	}
	*out = l;
	return 0;
}

int
psnetd_cmd_route_load(struct psnetd_request *r)
{
	struct spec_nexthop nh = {.weight = 1};
	uint8_t protocol = ROUTE_PROTO_BOOT;
	struct psnetd_load *l;
	bool replace = false;
	off_t size;
	int rc;

	if (r->d->load != NULL)
		return -EINPROGRESS;
	rc = parse_args(r, &nh, &replace, &protocol);
	if (rc == 0)
		rc = check_file(r->c->passed, &size, &r->e);
	if (rc == 0)
		rc = create(r, &nh, &l);
	if (rc != 0)
		return rc;
	l->d = r->d;
	l->client = r->c;
	l->fd = r->c->passed;
	l->size = size;
	l->mode = replace ? ROUTE_REPLACE : ROUTE_ADD;
	l->protocol = protocol;
	l->started = now_ms();
	l->percent = UINT32_MAX;
	r->c->passed = -1;
	r->c->load = l;
	r->c->long_id = r->id;
	r->d->load = l;
	r->later = true;
	return 0;
}
