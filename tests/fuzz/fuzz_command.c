/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * libFuzzer target: a line of psnetctl.  What it makes a request of, the
 * daemon must be able to read; what it refuses, it says why.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"
#include "apps/psnetd/args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS 256

/* Help is printed, which says nothing about the rest. */
static bool
asks_for_help(const char *const *word, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(word[i], "help") == 0 ||
		    strcmp(word[i], "--help") == 0 ||
		    strcmp(word[i], "-h") == 0)
			return true;
	return false;
}

static int
read_route(json_t *args, bool need_target, struct words_error *e)
{
	struct spec_route route;
	int rc = psnetd_args_route(args, need_target, &route, e);

	if (rc == 0)
		spec_route_fini(&route);
	return rc;
}

static int
read_object(json_t *args, struct words_error *e)
{
	struct spec_object object;
	int rc = psnetd_args_object(args, &object, e);

	if (rc == 0)
		spec_object_fini(&object);
	return rc;
}

/* As the daemon does first of all with a request. */
static int
read_request(const struct psnetctl_request *r, struct words_error *e)
{
	union {
		struct spec_link link;
		struct spec_addr addr;
		struct spec_rule rule;
		struct spec_neigh neigh;
	} out;
	const char *verb = strchr(r->cmd, '.');
	const bool del = verb != NULL && strcmp(verb, ".del") == 0;

	if (verb == NULL || strcmp(verb, ".show") == 0 ||
	    strcmp(verb, ".get") == 0 || strcmp(verb, ".flush") == 0)
		return 0;
	if (strcmp(r->cmd, "link.add") == 0 || strcmp(r->cmd, "link.set") == 0)
		return psnetd_args_link(
		    r->args, strcmp(verb, ".add") == 0, &out.link, e);
	if (strncmp(r->cmd, "addr.", 5) == 0)
		return psnetd_args_addr(r->args, &out.addr, e);
	if (strcmp(r->cmd, "route.add") == 0 ||
	    strcmp(r->cmd, "route.replace") == 0 ||
	    strcmp(r->cmd, "route.change") == 0 ||
	    strcmp(r->cmd, "route.del") == 0)
		return read_route(r->args, !del, e);
	if (strcmp(r->cmd, "nexthop.add") == 0 ||
	    strcmp(r->cmd, "nexthop.replace") == 0)
		return read_object(r->args, e);
	if (strncmp(r->cmd, "rule.", 5) == 0)
		return psnetd_args_rule(r->args, !del, &out.rule, e);
	if (strncmp(r->cmd, "neigh.", 6) == 0)
		return psnetd_args_neigh(r->args, !del, &out.neigh, e);
	return 0;
}

static void
check(const struct psnetctl_request *r)
{
	struct words_error e = {.reason = ""};
	char *text = json_dumps(r->args, 0);

	if (text == NULL)
		abort(); /* not UTF-8: the daemon would never see it */
	free(text);
	if (read_request(r, &e) == -EINVAL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct psnetctl ctl = {.socket = "none"};
	struct words_error e = {.reason = ""};
	struct psnetctl_request r;
	const char *word[WORDS];
	struct words w = {.word = word};
	char *line = malloc(size + 1);
	int rc;

	if (line == NULL)
		abort();
	memcpy(line, data, size);
	line[size] = '\0';
	w.n = psnetctl_split(line, word, WORDS);
	if (!asks_for_help(word, w.n)) {
		rc = psnetctl_parse(&ctl, &w, &r, &e);
		if (rc == 0 && r.cmd != NULL)
			check(&r);
		if (rc == 0)
			psnetctl_request_fini(&r);
		else if (rc == -EINVAL && e.reason[0] == '\0')
			abort();
	}
	free(line);
	return 0;
}
