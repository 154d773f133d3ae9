/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apps/psnetctl/ctl.h"

/* "[table T] [like T] [count N]" */
int
psnetctl_route_verify(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *key, *s;
	uint32_t n;

	(void)ctl;
	out->cmd = "route.verify";
	out->run = psnetctl_run_verify;
	out->args = json_object();
	while ((key = words_next(w)) != NULL) {
		s = words_value(w, key, e);
		if (s == NULL)
			return -EINVAL;
		if (strcmp(key, "table") == 0 || strcmp(key, "like") == 0)
			json_object_set_new(out->args, key, json_string(s));
		else if (strcmp(key, "count") != 0)
			return words_fail(
			    e, key, "neither table, like nor count");
		else if (words_u32(s, 0, UINT32_MAX, &n, e) != 0)
			return -EINVAL;
		else
			json_object_set_new(
			    out->args, key, json_integer((json_int_t)n));
	}
	return out->args != NULL ? 0 : -ENOMEM;
}

/* "    rib:   10.0.0.0/8 via ..." */
static void
print_answer(const json_t *o, const char *who)
{
	const json_t *route = json_object_get(o, who);

	if (route == NULL)
		return;
	printf("    %s:\t", who);
	if (json_is_null(route))
		puts("no route");
	else
		psnetctl_print_route(route);
}

static void
print_text(const json_t *r)
{
	const json_t *first = json_object_get(r, "first");

	for (size_t i = 0; i < json_array_size(first); i++) {
		const json_t *o = json_array_get(first, i);

		printf("%s table %s:\n", psnetctl_text(o, "dst", "?"),
		    psnetctl_text(o, "table", "?"));
		print_answer(o, "sweep");
		print_answer(o, "rib");
		print_answer(o, "fib");
		print_answer(o, "batch");
		if (json_object_get(o, "hops") != NULL)
			puts("    hops:\tnot those of the route");
	}
	printf(
	    "verified %lld prefixes of %lld tables with %lld addresses (%lld "
	    "of them compiled) in %.2f s\n",
	    (long long)psnetctl_number(r, "prefixes"),
	    (long long)psnetctl_number(r, "tables"),
	    (long long)psnetctl_number(r, "addresses"),
	    (long long)psnetctl_number(r, "compiled"),
	    (double)psnetctl_number(r, "ms") / 1000);
	printf("%lld differences (rib %lld fib %lld batch %lld hops %lld)\n",
	    (long long)psnetctl_number(r, "differences"),
	    (long long)psnetctl_number(r, "rib"),
	    (long long)psnetctl_number(r, "fib"),
	    (long long)psnetctl_number(r, "batch"),
	    (long long)psnetctl_number(r, "hops"));
}

static int
verdict(const struct psnetctl *ctl, const json_t *msg)
{
	const json_t *r = json_object_get(msg, "result");

	if (!psnetctl_ok(msg))
		return psnetctl_refused(msg, NULL);
	if (ctl->json)
		psnetctl_dump(ctl, r);
	else
		print_text(r);
	return psnetctl_number(r, "differences") == 0 ? PSNETCTL_EXIT_OK
						      : PSNETCTL_EXIT_WRONG;
}

int
psnetctl_run_verify(struct psnetctl *ctl, struct psnetctl_request *r)
{
	const bool bar = isatty(STDERR_FILENO) != 0 && !ctl->json;
	int status = -1, rc;
	json_t *msg;

	rc = psnetctl_client_queue(
	    &ctl->client, ctl->next++, r->cmd, json_incref(r->args));
	if (rc == 0)
		rc = psnetctl_client_flush(&ctl->client, -1);
	while (rc == 0 && status < 0) {
		const json_t *p;

		rc = psnetctl_client_receive(&ctl->client, &msg);
		if (rc != 0)
			break;
		p = json_object_get(msg, "progress");
		if (p != NULL && bar)
			psnetctl_bar((int)(psnetctl_number(p, "done") * 100 /
					   (psnetctl_number(p, "total") + 1)),
			    "verify");
		if (p == NULL && bar)
			fputs("\r\033[K", stderr);
		if (p == NULL)
			status = verdict(ctl, msg);
		json_decref(msg);
	}
	return rc != 0 ? psnetctl_lost(ctl, rc) : status;
}
