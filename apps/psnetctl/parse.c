/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"

struct verb {
	const char *name;
	psnetctl_parse_fn *parse;
};

/* The first verb is the default; abbreviations take the first that fits. */
static const struct verb link_verbs[] = {
    {"show", psnetctl_link_show},
    {"list", psnetctl_link_show},
    {"ls", psnetctl_link_show},
    {"set", psnetctl_link_set},
    {"add", psnetctl_link_add},
    {"delete", psnetctl_link_del},
    {NULL, NULL},
};

static const struct verb addr_verbs[] = {
    {"show", psnetctl_addr_show},
    {"list", psnetctl_addr_show},
    {"ls", psnetctl_addr_show},
    {"add", psnetctl_addr_add},
    {"delete", psnetctl_addr_del},
    {NULL, NULL},
};

static const struct verb route_verbs[] = {
    {"show", psnetctl_route_show},
    {"list", psnetctl_route_show},
    {"ls", psnetctl_route_show},
    {"add", psnetctl_route_add},
    {"replace", psnetctl_route_replace},
    {"change", psnetctl_route_change},
    {"chg", psnetctl_route_change},
    {"delete", psnetctl_route_del},
    {"get", psnetctl_route_get},
    {"flush", psnetctl_route_flush},
    {"load", psnetctl_route_load},
    {"verify", psnetctl_route_verify},
    {NULL, NULL},
};

static const struct verb rule_verbs[] = {
    {"show", psnetctl_rule_show},
    {"list", psnetctl_rule_show},
    {"ls", psnetctl_rule_show},
    {"add", psnetctl_rule_add},
    {"delete", psnetctl_rule_del},
    {NULL, NULL},
};

static const struct verb neigh_verbs[] = {
    {"show", psnetctl_neigh_show},
    {"list", psnetctl_neigh_show},
    {"ls", psnetctl_neigh_show},
    {"add", psnetctl_neigh_add},
    {"replace", psnetctl_neigh_replace},
    {"delete", psnetctl_neigh_del},
    {"flush", psnetctl_neigh_flush},
    {NULL, NULL},
};

static const struct verb ntable_verbs[] = {
    {"show", psnetctl_ntable_show},
    {"list", psnetctl_ntable_show},
    {"ls", psnetctl_ntable_show},
    {"change", psnetctl_ntable_change},
    {NULL, NULL},
};

static const struct verb nexthop_verbs[] = {
    {"show", psnetctl_nexthop_show},
    {"list", psnetctl_nexthop_show},
    {"ls", psnetctl_nexthop_show},
    {"add", psnetctl_nexthop_add},
    {"replace", psnetctl_nexthop_replace},
    {"delete", psnetctl_nexthop_del},
    {"get", psnetctl_nexthop_get},
    {"flush", psnetctl_nexthop_flush},
    {"bucket", psnetctl_nexthop_bucket},
    {NULL, NULL},
};

/* Objects with verbs, or one parser for all that follows. */
static const struct {
	const char *name;
	const struct verb *verbs;
	psnetctl_parse_fn *parse;
} objects[] = {
    {"address", addr_verbs, NULL},
    {"link", link_verbs, NULL},
    {"route", route_verbs, NULL},
    {"rule", rule_verbs, NULL},
    {"neighbour", neigh_verbs, NULL},
    {"neighbor", neigh_verbs, NULL},
    {"nexthop", nexthop_verbs, NULL},
    {"ntable", ntable_verbs, NULL},
    {"stats", NULL, psnetctl_stats},
    {"drops", NULL, psnetctl_drops},
    {"set", NULL, psnetctl_set},
    {"monitor", NULL, psnetctl_monitor},
};

#define NOBJECTS (sizeof(objects) / sizeof(objects[0]))

static bool
abbreviates(const char *word, const char *name)
{
	return word[0] != '\0' && strncmp(name, word, strlen(word)) == 0;
}

/* A show may leave its verb out only if nothing at all follows. */
static int
parse_verb(struct psnetctl *ctl, size_t object, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const struct verb *v = objects[object].verbs;
	const char *word = words_next(w);

	if (word == NULL)
		return v->parse(ctl, w, out, e);
	for (; v->name != NULL; v++) {
		if (abbreviates(word, v->name))
			return v->parse(ctl, w, out, e);
	}
	return words_fail(e, word,
	    "not a command of %s, try \"psnetctl %s help\"",
	    objects[object].name, objects[object].name);
}

static bool
is_help(const char *word)
{
	return word != NULL &&
	       (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 ||
		   strcmp(word, "-h") == 0);
}

/* A request is JSON: what is not UTF-8 cannot be in it. */
static int
check_utf8(const struct words *w, struct words_error *e)
{
	json_t *text;

	for (unsigned int i = 0; i < w->n; i++) {
		text = json_string(w->word[i]);
		if (text == NULL)
			return words_fail(e, w->word[i], "not UTF-8");
		json_decref(text);
	}
	return 0;
}

int
psnetctl_parse(struct psnetctl *ctl, struct words *w,
    struct psnetctl_request *out, struct words_error *e)
{
	const char *word = words_next(w);
	int rc;

	*out = (struct psnetctl_request){.cmd = NULL};
	rc = check_utf8(w, e);
	if (rc != 0)
		return rc;
	if (is_help(word)) {
		psnetctl_help(words_peek(w));
		return -ECANCELED;
	}
	for (size_t i = 0; word != NULL && i < NOBJECTS; i++) {
		if (!abbreviates(word, objects[i].name))
			continue;
		if (is_help(words_peek(w))) {
			psnetctl_help(objects[i].name);
			return -ECANCELED;
		}
		rc = objects[i].parse != NULL ? objects[i].parse(ctl, w, out, e)
					      : parse_verb(ctl, i, w, out, e);
		if (rc != 0)
			psnetctl_request_fini(out);
		return rc;
	}
	return words_fail(e, word, "not an object, try \"psnetctl --help\"");
}

void
psnetctl_request_fini(struct psnetctl_request *r)
{
	json_decref(r->args);
	r->args = NULL;
}

unsigned int
psnetctl_split(char *line, const char **word, unsigned int max)
{
	unsigned int n = 0;

	line[strcspn(line, "#")] = '\0';
	for (;;) {
		line += strspn(line, " \t\r\n");
		if (*line == '\0' || n == max)
			return n;
		word[n++] = line;
		line += strcspn(line, " \t\r\n");
		if (*line != '\0')
			*line++ = '\0';
	}
}
