/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apps/psnetctl/ctl.h"
#include "apps/version.h"

#define DEFAULT_SOCKET "/run/psnet/psnetd.sock"

/*
 * The daemon is silent while it reads its file again, about 3 s if that names a
 * table of a million routes.  Ten times that.
 */
#define DEFAULT_SILENCE_MS 30000

/* As ip(8): one or two dashes, any abbreviation; the first match wins. */
enum option {
	OPT_JSON,
	OPT_PRETTY,
	OPT_STATS,
	OPT_DETAILS,
	OPT_SOCKET,
	OPT_TIMEOUT,
	OPT_BATCH,
	OPT_FORCE,
	OPT_RATE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct {
	const char *name;
	enum option opt;
} options[] = {
    {"json", OPT_JSON},
    {"pretty", OPT_PRETTY},
    {"stats", OPT_STATS},
    {"statistics", OPT_STATS},
    {"details", OPT_DETAILS},
    {"S", OPT_SOCKET},
    {"socket", OPT_SOCKET},
    {"timeout", OPT_TIMEOUT},
    {"batch", OPT_BATCH},
    {"force", OPT_FORCE},
    {"rate", OPT_RATE},
    {"help", OPT_HELP},
    {"Version", OPT_VERSION},
    {"version", OPT_VERSION},
};

static int
find_option(const char *word, enum option *out)
{
	word += word[1] == '-' ? 2 : 1;
	if (*word == '\0')
		return -ENOENT;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strncmp(options[i].name, word, strlen(word)) == 0) {
			*out = options[i].opt;
			return 0;
		}
	}
	return -ENOENT;
}

static int
option_value(struct psnetctl *ctl, struct words *w, enum option opt,
    struct words_error *e)
{
	const char *word = w->word[w->at - 1], *s = words_value(w, word, e);

	if (s == NULL)
		return -EINVAL;
	if (opt == OPT_RATE)
		return words_u32(s, 1, UINT32_MAX, &ctl->rate, e);
	if (opt == OPT_TIMEOUT)
		return words_seconds(s, &ctl->silence_ms, e);
	if (opt == OPT_BATCH)
		ctl->batch = s;
	else
		ctl->socket = s;
	return 0;
}

/* Returns: 0, -EINVAL, or -ECANCELED if there is nothing more to do. */
static int
parse_option(struct psnetctl *ctl, struct words *w, struct words_error *e)
{
	const char *word = words_next(w);
	enum option opt;

	if (find_option(word, &opt) != 0)
		return words_fail(e, word, "unknown option, try --help");
	switch (opt) {
	case OPT_JSON:
		ctl->json = true;
		return 0;
	case OPT_PRETTY:
		ctl->json = ctl->pretty = true;
		return 0;
	case OPT_STATS:
		ctl->stats = true;
		return 0;
	case OPT_DETAILS:
		ctl->details = true;
		return 0;
	case OPT_FORCE:
		ctl->force = true;
		return 0;
	case OPT_SOCKET:
	case OPT_TIMEOUT:
	case OPT_BATCH:
	case OPT_RATE:
		return option_value(ctl, w, opt, e);
	case OPT_VERSION:
		puts("psnetctl " APPS_VERSION);
		return -ECANCELED;
	case OPT_HELP:
		break;
	}
	psnetctl_help(words_peek(w));
	return -ECANCELED;
}

static int
run_words(struct psnetctl *ctl, struct words *w)
{
	struct psnetctl_request r;
	struct words_error e;
	int rc;

	rc = psnetctl_parse(ctl, w, &r, &e);
	if (rc == -ECANCELED)
		return PSNETCTL_EXIT_OK;
	if (rc != 0)
		return psnetctl_complain(&e);
	rc = psnetctl_run(ctl, &r);
	psnetctl_request_fini(&r);
	return rc;
}

int
main(int argc, char **argv)
{
	struct psnetctl ctl = {.socket = DEFAULT_SOCKET,
	    .silence_ms = DEFAULT_SILENCE_MS,
	    .client.fd = -1};
	struct words w = {.word = (const char *const *)argv + 1,
	    .n = argc > 0 ? (unsigned int)argc - 1 : 0};
	struct words_error e;
	int rc;

	while (words_peek(&w) != NULL && words_peek(&w)[0] == '-') {
		rc = parse_option(&ctl, &w, &e);
		if (rc == -ECANCELED)
			return PSNETCTL_EXIT_OK;
		if (rc != 0)
			return psnetctl_complain(&e);
	}
	if (ctl.batch != NULL && words_end(&w, &e) != 0)
		return psnetctl_complain(&e);
	if (ctl.batch == NULL && words_peek(&w) == NULL) {
		fputs("Usage: psnetctl [OPTIONS] OBJECT COMMAND ...; "
		      "try psnetctl --help\n",
		    stderr);
		return PSNETCTL_EXIT_SYNTAX;
	}
	rc = ctl.batch != NULL ? psnetctl_batch(&ctl) : run_words(&ctl, &w);
	psnetctl_client_close(&ctl.client);
	if (fflush(stdout) != 0 && rc == PSNETCTL_EXIT_OK)
		rc = PSNETCTL_EXIT_REFUSED;
	return rc;
}
