/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TESTS_APPS_FILETEST_H
#define TESTS_APPS_FILETEST_H

/*
 * Files of a test: bytes in memory, opened as a table.
 */

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apps/prefixlist.h"
#include "apps/tablefile.h"

static inline int
filetest_fd(const void *data, size_t n)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, data, n), (ssize_t)n);
	return fd;
}

static inline struct tablefile *
filetest_open(const void *data, size_t n)
{
	struct tablefile_error e;
	struct tablefile *f;

	cr_assert_eq(tablefile_open(filetest_fd(data, n), &f, &e), 0, "%s",
	    e.what.reason);
	return f;
}

static inline struct tablefile *
filetest_text(const char *text)
{
	return filetest_open(text, strlen(text));
}

/* The next entry must be there. */
static inline struct tablefile_entry
filetest_next(struct tablefile *f)
{
	struct tablefile_error e = {.unit = NULL};
	struct tablefile_entry out = {.at = 0};

	cr_assert_eq(tablefile_next(f, &out, &e), 1, "%s", e.what.reason);
	return out;
}

static inline void
filetest_end(struct tablefile *f)
{
	struct tablefile_error e = {.unit = NULL};
	struct tablefile_entry out;

	cr_assert_eq(tablefile_next(f, &out, &e), 0, "%s", e.what.reason);
	tablefile_close(f);
}

/* Read to the end, which must be an error; its text goes to out. */
static inline int
filetest_fails(struct tablefile *f, char *out, size_t room)
{
	struct tablefile_error e;
	struct tablefile_entry entry;
	int rc;

	while ((rc = tablefile_next(f, &entry, &e)) > 0)
		continue;
	cr_assert_lt(rc, 0, "it was read to its end");
	cr_assert_eq(tablefile_next(f, &entry, &e), rc, "it stays failed");
	tablefile_error_show(&e, "F", out, room);
	tablefile_close(f);
	return rc;
}

/* Give all of f to l.  Returns: 0, or what went wrong, in *e. */
static inline int
filetest_list(
    struct prefixlist *l, struct tablefile *f, struct tablefile_error *e)
{
	int rc;

	do {
		rc = prefixlist_take(l, f, e);
	} while (rc > 0);
	tablefile_close(f);
	if (rc == 0)
		prefixlist_end(l);
	return rc;
}

/* An entry's prefix as text, until the next call. */
static inline const char *
filetest_prefix(const struct tablefile_entry *e)
{
	static char text[TABLEFILE_TEXT_MAX];

	return tablefile_show_prefix(e->family, e->prefix, e->plen, text);
}

#endif /* TESTS_APPS_FILETEST_H */
