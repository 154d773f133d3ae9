/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The unpacked bytes go through a buffer that holds what a line or a record
 * needs.  It grows with what was read, not with what a record says of itself.
 */

#include "apps/tablefile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/array.h"
#include "apps/mrt.h"
#include "apps/tablefile_input.h"
#include "apps/tablefile_line.h"

/* Of tablefile_step(): no entry there. */
#define AGAIN 2

enum format {
	UNKNOWN,
	LIST,
	TRACE,
	MRT
};

struct tablefile {
	struct tablefile_input *in;
	enum format format;
	bool text; /* a list or a trace; which, the first line says */
	bool ended;
	int failed;  /* what the last call returned, if it failed */
	uint64_t at; /* lines or records taken */
	uint8_t *buf;
	size_t begin, end, room; /* of what is not taken yet */
	struct mrt mrt;
	size_t given; /* of the record's entries */
	struct tablefile_error e;
};

static int
reserve(struct tablefile *f, size_t more)
{
	const size_t have = f->end - f->begin;
	size_t room = f->room == 0 ? 65536 : f->room;
	uint8_t *buf;

	if (f->begin > 0 && f->room - f->end < more) {
		memmove(f->buf, f->buf + f->begin, have);
		f->begin = 0;
		f->end = have;
	}
	if (f->room - f->end >= more)
		return 0;
	while (room < have + more)
		room *= 2;
	buf = realloc(f->buf, room);
	if (buf == NULL)
		return -ENOMEM;
	f->buf = buf;
	f->room = room;
	return 0;
}

/* Read on.  Returns: 0, at the end too, or a negative errno. */
static int
fill(struct tablefile *f)
{
	const uint8_t *data;
	size_t len;
	int rc = tablefile_input_read(f->in, &data, &len, &f->e.what);

	if (rc != 0)
		return rc;
	f->ended = len == 0;
	rc = reserve(f, len);
	if (rc != 0) {
		words_fail(&f->e.what, NULL, "%s", words_strerror(-rc));
		return rc;
	}
	if (len > 0)
		memcpy(f->buf + f->end, data, len);
	f->end += len;
	return 0;
}

/* Have n bytes, if the file has them. */
static int
want(struct tablefile *f, size_t n)
{
	int rc = 0;

	while (rc == 0 && !f->ended && f->end - f->begin < n)
		rc = fill(f);
	return rc;
}

static int
fail_here(struct tablefile *f, const char *unit, int rc)
{
	f->e.unit = unit;
	f->e.at = f->at;
	return rc;
}

/* Cut a line into line.  Returns: 1, 0 at the end, or a negative errno. */
static int
cut_line(struct tablefile *f, char line[TABLEFILE_LINE_MAX])
{
	const uint8_t *nl;
	size_t n;
	int rc = want(f, TABLEFILE_LINE_MAX);

	if (rc != 0)
		return fail_here(f, NULL, rc);
	if (f->begin == f->end)
		return 0;
	n = f->end - f->begin;
	n = n < TABLEFILE_LINE_MAX ? n : TABLEFILE_LINE_MAX;
	nl = memchr(f->buf + f->begin, '\n', n);
	f->at++;
	if (nl != NULL)
		n = (size_t)(nl - (f->buf + f->begin));
	if (memchr(f->buf + f->begin, '\0', n) != NULL)
		return fail_here(f, "line",
		    words_fail(
			&f->e.what, NULL, "the line has a NUL character"));
	if (nl == NULL && n == TABLEFILE_LINE_MAX)
		return fail_here(f, "line",
		    words_fail(&f->e.what, NULL,
			"the line exceeds %d characters",
			TABLEFILE_LINE_MAX - 1));
	memcpy(line, f->buf + f->begin, n);
	line[n] = '\0';
	f->begin += nl != NULL ? n + 1 : n;
	return 1;
}

static bool
counts(const char *line)
{
	const char c = line[strspn(line, " \t\r")];

	return c != '\0' && c != '#';
}

static int
next_line(struct tablefile *f, struct tablefile_entry *out)
{
	char line[TABLEFILE_LINE_MAX];
	int rc;

	rc = cut_line(f, line);
	if (rc <= 0)
		return rc;
	if (!counts(line))
		return AGAIN;
	if (f->format == UNKNOWN)
		f->format = tablefile_line_is_trace(line) ? TRACE : LIST;
	*out = (struct tablefile_entry){.at = f->at};
	rc = f->format == TRACE ? tablefile_line_trace(line, out, &f->e.what)
				: tablefile_line_list(line, out, &f->e.what);
	return rc < 0 ? fail_here(f, "line", rc) : rc;
}

/* Decode the next record.  Returns: 1, 0 at the end, or a negative errno. */
static int
next_record(struct tablefile *f)
{
	struct mrt_header h;
	int rc = want(f, MRT_HEADER);

	if (rc != 0)
		return fail_here(f, NULL, rc);
	if (f->begin == f->end)
		return 0;
	f->at++;
	f->given = 0;
	if (f->end - f->begin < MRT_HEADER)
		return fail_here(f, "record",
		    words_fail(
			&f->e.what, NULL, "the file ends in its header"));
	mrt_header_parse(f->buf + f->begin, &h);
	if (h.length > TABLEFILE_RECORD_MAX)
		return fail_here(f, "record",
		    words_fail(&f->e.what, NULL, "a record of %u bytes",
			(unsigned int)h.length));
	rc = want(f, MRT_HEADER + (size_t)h.length);
	if (rc != 0)
		return fail_here(f, NULL, rc);
	if (f->end - f->begin < MRT_HEADER + (size_t)h.length)
		return fail_here(f, "record",
		    words_fail(&f->e.what, NULL, "the file ends in it"));
	rc =
	    mrt_decode(&f->mrt, &h, f->buf + f->begin + MRT_HEADER, &f->e.what);
	if (rc != 0)
		return fail_here(f, "record", rc);
	f->begin += MRT_HEADER + (size_t)h.length;
	return 1;
}

static int
next_route(struct tablefile *f, struct tablefile_entry *out)
{
	if (f->given == f->mrt.n) {
		const int rc = next_record(f);

		if (rc <= 0 || f->mrt.n == 0)
			return rc <= 0 ? rc : AGAIN;
	}
	*out = f->mrt.entries[f->given++];
	out->at = f->at;
	return 1;
}

int
tablefile_open(int fd, struct tablefile **out, struct tablefile_error *e)
{
	struct tablefile_input *in;
	struct tablefile *f;
	int rc;

	*e = (struct tablefile_error){.unit = NULL};
	rc = tablefile_input_open(fd, &in, &e->what);
	if (rc != 0)
		return rc;
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		tablefile_input_close(in);
		words_fail(&e->what, NULL, "%s", words_strerror(ENOMEM));
		return -ENOMEM;
	}
	f->in = in;
	mrt_init(&f->mrt);
	*out = f;
	return 0;
}

void
tablefile_close(struct tablefile *f)
{
	if (f == NULL)
		return;
	tablefile_input_close(f->in);
	mrt_fini(&f->mrt);
	free(f->buf);
	free(f);
}

int
tablefile_step(
    struct tablefile *f, struct tablefile_entry *out, struct tablefile_error *e)
{
	int rc = f->failed;

	if (rc == 0 && f->format == UNKNOWN && !f->text) {
		rc = want(f, MRT_HEADER);
		f->text =
		    rc == 0 && (f->end - f->begin < MRT_HEADER ||
				   !mrt_is(f->buf + f->begin, MRT_HEADER));
		f->format = rc == 0 && !f->text ? MRT : UNKNOWN;
	}
	if (rc == 0)
		rc = f->format == MRT ? next_route(f, out) : next_line(f, out);
	if (rc < 0) {
		f->failed = rc;
		*e = f->e;
	}
	return rc;
}

int
tablefile_next(
    struct tablefile *f, struct tablefile_entry *out, struct tablefile_error *e)
{
	int rc;

	do {
		rc = tablefile_step(f, out, e);
	} while (rc == AGAIN);
	return rc;
}

uint64_t
tablefile_position(const struct tablefile *f)
{
	return tablefile_input_position(f->in);
}

const char *
tablefile_format(const struct tablefile *f)
{
	static const char *const names[] = {"", "list", "trace", "MRT"};

	return names[f->format];
}

const char *
tablefile_unit(const struct tablefile *f)
{
	return f->format == MRT ? "record" : "line";
}

unsigned int
tablefile_error_line(struct tablefile_error *e)
{
	char *reason = e->what.reason, where[48];
	int n;

	if (e->unit == NULL)
		return 0;
	if (strcmp(e->unit, "line") == 0)
		return e->at < UINT_MAX ? (unsigned int)e->at : UINT_MAX;
	n = snprintf(where, sizeof(where), "%s %llu: ", e->unit,
	    (unsigned long long)e->at);
	memmove(reason + n, reason, sizeof(e->what.reason) - (size_t)n - 1);
	memcpy(reason, where, (size_t)n);
	reason[sizeof(e->what.reason) - 1] = '\0';
	e->unit = NULL;
	return 0;
}

void
tablefile_error_show(
    const struct tablefile_error *e, const char *file, char *out, size_t room)
{
	const struct words_error *w = &e->what;
	const bool line = e->unit != NULL && strcmp(e->unit, "line") == 0;
	char where[48] = "";

	if (line)
		snprintf(
		    where, sizeof(where), "%llu:", (unsigned long long)e->at);
	else if (e->unit != NULL)
		snprintf(where, sizeof(where), " %s %llu:", e->unit,
		    (unsigned long long)e->at);
	snprintf(out, room, "%s:%s %s%s%s%s", file, where,
	    w->word[0] != '\0' ? "\"" : "", w->word,
	    w->word[0] != '\0' ? "\": " : "", w->reason);
}
