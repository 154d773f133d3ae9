/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "apps/psnetctl/ctl.h"

static const char *const columns[] = {
    "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "dropped"};
#define NCOLUMNS (sizeof(columns) / sizeof(columns[0]))

/* The object of list with the same names as o. */
static const json_t *
same(const json_t *list, const json_t *o)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		if (strcmp(psnetctl_text(p, "ifname", ""),
			psnetctl_text(o, "ifname", "")) == 0 &&
		    psnetctl_number(p, "worker") ==
			psnetctl_number(o, "worker"))
			return p;
	}
	return NULL;
}

/* seconds 0: totals, else what was added per second since before. */
static double
value(const json_t *now, const json_t *before, const char *key, double seconds)
{
	const double v = (double)psnetctl_number(now, key);

	return seconds > 0
		   ? (v - (double)psnetctl_number(before, key)) / seconds
		   : v;
}

static void
print_interfaces(const json_t *now, const json_t *before, double seconds)
{
	const json_t *list = json_object_get(now, "interfaces");
	const json_t *old = json_object_get(before, "interfaces");

	printf("%-15s %6s %12s %15s %12s %15s %12s\n", "interface", "worker",
	    "rx packets", "rx bytes", "tx packets", "tx bytes", "dropped");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *was = same(old, o);

		printf("%-15s %6lld", psnetctl_text(o, "ifname", "?"),
		    (long long)psnetctl_number(o, "worker"));
		for (size_t c = 0; c < NCOLUMNS; c++)
			printf(c % 2 == 1 && c < 4 ? " %15.0f" : " %12.0f",
			    value(o, was, columns[c], seconds));
		putchar('\n');
	}
}

/* The workers' counters of one kind. */
static void
print_workers(const json_t *now, const json_t *before, const char *kind,
    const char *title, double seconds)
{
	json_t *list = json_object_get(now, kind);
	const json_t *old = json_object_get(before, kind), *v;
	json_t *first = json_array_get(list, 0);
	const char *key;

	printf("%-6s", title);
	json_object_foreach(first, key, v)
	{
		if (strcmp(key, "worker") != 0)
			printf(" %14s", key);
	}
	putchar('\n');
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_array_get(list, i);
		const json_t *was = same(old, o);

		printf("%6lld", (long long)psnetctl_number(o, "worker"));
		json_object_foreach(o, key, v)
		{
			if (strcmp(key, "worker") != 0)
				printf(" %14.0f", value(o, was, key, seconds));
		}
		putchar('\n');
	}
}

/* The memory is of the compiled tables. */
static void
print_tables(const json_t *now)
{
	static const char *const parts[] = {"direct", "blocks", "ids", "other"};
	const json_t *list = json_object_get(now, "tables");
	const json_t *arena = json_object_get(now, "arena");

	printf("%-10s %12s %12s %12s %12s %12s\n", "table", "routes",
	    "direct KiB", "blocks KiB", "ids KiB", "other KiB");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *fib = json_object_get(o, "fib");

		printf("%-10s %12lld", psnetctl_text(o, "table", "?"),
		    (long long)psnetctl_number(o, "routes"));
		for (size_t k = 0; fib != NULL && k < 4; k++)
			printf(" %12.1f",
			    (double)psnetctl_number(fib, parts[k]) / 1024);
		puts(fib == NULL ? "  not compiled" : "");
	}
	if (json_is_object(arena))
		printf("arena KiB: used %.1f free %.1f waiting %.1f mapped "
		       "%.1f\n",
		    (double)psnetctl_number(arena, "used") / 1024,
		    (double)psnetctl_number(arena, "free") / 1024,
		    (double)psnetctl_number(arena, "waiting") / 1024,
		    (double)psnetctl_number(arena, "mapped") / 1024);
}

static void
print_text(const json_t *now, const json_t *before)
{
	const json_int_t t = psnetctl_number(now, "time_ns");
	const double seconds =
	    before != NULL
		? (double)(t - psnetctl_number(before, "time_ns")) / 1e9
		: 0;

	printf("%lld routes, %s\n", (long long)psnetctl_number(now, "routes"),
	    before != NULL ? "per second:" : "since the start:");
	if (before == NULL)
		print_tables(now);
	print_workers(now, before, "workers", "worker", seconds);
	print_workers(now, before, "flows", "flows", seconds);
	print_interfaces(now, before, seconds);
}

/* Ask once.  Returns: an exit status, with the result in *out on success. */
static int
sample(struct psnetctl *ctl, const struct psnetctl_request *r, json_t **out)
{
	int rc = psnetctl_client_queue(
	    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	int status = PSNETCTL_EXIT_OK;
	json_t *reply;

	if (rc == 0)
		rc = psnetctl_client_flush(&ctl->client, -1);
	if (rc == 0)
		rc = psnetctl_client_receive(&ctl->client, &reply);
	if (rc != 0)
		return psnetctl_lost(ctl, rc);
	if (psnetctl_ok(reply))
		*out = json_incref(json_object_get(reply, "result"));
	else
		status = psnetctl_refused(reply, NULL);
	json_decref(reply);
	return status;
}

int
psnetctl_run_stats(struct psnetctl *ctl, struct psnetctl_request *r)
{
	const struct timespec pause = {.tv_sec = r->interval};
	json_t *now = NULL, *before = NULL;
	int status;

	for (uint32_t n = 0; r->count == 0 || n <= r->count; n++) {
		status = sample(ctl, r, &now);
		if (status != PSNETCTL_EXIT_OK)
			break;
		if (ctl->json && (r->interval == 0 || n > 0))
			psnetctl_dump(ctl, now);
		else if (r->interval == 0 || n > 0)
			print_text(now, before);
		json_decref(before);
		before = now;
		if (r->interval == 0 || (r->count > 0 && n == r->count))
			break;
		fflush(stdout);
		if (nanosleep(&pause, NULL) != 0 && errno != EINTR)
			break;
	}
	json_decref(before);
	return status;
}
