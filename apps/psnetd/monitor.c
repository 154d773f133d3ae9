/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/psnetd/monitor.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>

#include "apps/psnetd/args.h"
#include "apps/psnetd/cmd.h"
#include "apps/psnetd/daemon.h"
#include "apps/psnetd/ops.h"
#include "apps/psnetd/show.h"
#include "stack/core/event.h"

#define QUEUE_MAX 16384

static const char *const kinds[] = {
    "link", "addr", "route", "neigh", "nexthop"};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static json_t *
envelope(const struct psnetd_client *c, const char *key, json_t *value)
{
	return json_pack("{s:i, s:I, s:o}", "v", PSNETD_CLIENT_VERSION, "id",
	    c->monitor_id, key, value);
}

void
psnetd_monitor_tell_lost(struct psnetd_client *c)
{
	const uint64_t lost = c->lost;

	if (lost == 0 || psnetd_client_pending(c) > PSNETD_CLIENT_HIGH_WATER)
		return;
	c->lost = 0;
	psnetd_client_send(
	    c, envelope(c, "lost", json_integer((json_int_t)lost)));
}

static void
tell(struct psnetd_client *c, json_t *ev)
{
	if (psnetd_client_pending(c) > PSNETD_CLIENT_HIGH_WATER) {
		c->lost++;
		return;
	}
	psnetd_monitor_tell_lost(c);
	psnetd_client_send(c, envelope(c, "event", json_incref(ev)));
}

/* What the stack's own queue lost, every monitoring client lost. */
static void
count_lost(struct psnetd *d)
{
	const uint64_t lost = event_lost(d->queue);

	if (lost == d->events_lost)
		return;
	for (struct psnetd_client *c = d->clients; c != NULL; c = c->next) {
		if (c->monitor != 0)
			c->lost += lost - d->events_lost;
	}
	d->events_lost = lost;
}

static void
ready(struct psnetd_source *s, uint32_t events)
{
	struct psnetd *d =
	    (struct psnetd *)(void *)((char *)s -
				      offsetof(struct psnetd, events));
	struct event ev;

	(void)events;
	if (d->queue == NULL)
		return;
	while (event_pop(d->queue, &ev)) {
		json_t *o;

		if (ev.ifname[0] == '\0' && ev.netif != 0)
			psnetd_ops_name(d->st, ev.netif, ev.ifname);
		o = psnetd_show_event(d->st, &ev);
		for (struct psnetd_client *c = d->clients; c != NULL;
		     c = c->next) {
			if (!c->dead && (c->monitor & 1u << ev.kind) != 0)
				tell(c, o);
		}
		json_decref(o);
	}
	/* The queue is in order: what it lost came after what it held. */
	count_lost(d);
	for (struct psnetd_client *c = d->clients; c != NULL; c = c->next) {
		if (!c->dead && c->monitor != 0)
			psnetd_client_continue(c);
	}
}

int
psnetd_monitor_update(struct psnetd *d)
{
	bool wanted = false;
	int rc;

	for (struct psnetd_client *c = d->clients; c != NULL; c = c->next)
		wanted |= !c->dead && c->monitor != 0;
	if (!wanted) {
		psnetd_monitor_stop(d);
		return 0;
	}
	if (d->queue != NULL)
		return 0;
	rc = event_subscribe(d->st, QUEUE_MAX, &d->queue);
	if (rc != 0)
		return rc;
	d->events_lost = 0;
	d->events =
	    (struct psnetd_source){.fd = event_fd(d->queue), .ready = ready};
	rc = psnetd_loop_add(&d->loop, &d->events, EPOLLIN);
	if (rc != 0) {
		event_unsubscribe(d->queue);
		d->queue = NULL;
	}
	return rc;
}

void
psnetd_monitor_stop(struct psnetd *d)
{
	if (d->queue == NULL)
		return;
	psnetd_loop_remove(&d->loop, &d->events);
	event_unsubscribe(d->queue);
	d->queue = NULL;
}

static int
parse_kinds(const json_t *list, unsigned int *out, struct words_error *e)
{
	unsigned int mask = 0;

	if (list != NULL && !json_is_array(list))
		return words_fail(e, "kinds", "not an array");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		unsigned int k = 0;

		if (s == NULL)
			return words_fail(e, "kinds", "not strings");
		while (k < NKINDS && strcmp(s, kinds[k]) != 0)
			k++;
		if (k == NKINDS)
			return words_fail(e, s,
			    "neither link, addr, route, neigh nor nexthop");
		mask |= 1u << k;
	}
	*out = mask != 0 ? mask : (1u << NKINDS) - 1;
	return 0;
}

int
psnetd_cmd_monitor(struct psnetd_request *r)
{
	static const char *const keys[] = {"kinds", NULL};
	unsigned int mask = 0;
	int rc;

	if (psnetd_args_known(r->args, keys, &r->e) != 0 ||
	    parse_kinds(json_object_get(r->args, "kinds"), &mask, &r->e) != 0)
		return -EINVAL;
	r->c->monitor = mask;
	r->c->monitor_id = r->id;
	rc = psnetd_monitor_update(r->d);
	if (rc != 0) {
		r->c->monitor = 0;
		words_fail(&r->e, NULL, "%s", words_strerror(-rc));
	}
	return rc;
}
