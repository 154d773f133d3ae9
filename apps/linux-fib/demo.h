/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_LINUX_FIB_DEMO_H
#define APPS_LINUX_FIB_DEMO_H

/* Shared by the files of the module, which is built for Linux only. */

#include <linux/mutex.h>
#include <linux/types.h>

#include "stack/route/lpm.h"

#define DEMO_NAME "libsync-fib"
#define DEMO_LINE 128 /* bytes of a line, its end included */

enum demo_family {
	DEMO_IPV4,
	DEMO_IPV6,
	DEMO_FAMILIES
};

/* [c] constant while the module is there  [m] under lock */
struct demo {
	struct mutex lock;                      /* of all but lookups */
	struct route_lpm *table[DEMO_FAMILIES]; /* [c]; edits [m] */
};

/* Text that a file is about to give. */
struct demo_text {
	char *at;
	size_t len, room, given;
};

/* What one open file is at.  All under its lock, and the demo's. */
struct demo_session {
	struct demo *demo;
	struct mutex lock;         /* taken before the demo's */
	bool begun[DEMO_FAMILIES]; /* transactions */
	bool commanded;            /* something was written */
	int failed;                /* what ended it, or 0 */
	pid_t writer;              /* the process that has written last */
	unsigned long number;      /* of the line */
	size_t have;               /* of the line that is not whole */
	char line[DEMO_LINE];
	struct demo_text text;
};

/* Append to a text; what does not fit, for want of memory, is left out. */
__printf(2, 3) void demo_text_add(struct demo_text *text, const char *fmt, ...);
void demo_text_fini(struct demo_text *text);

/*
 * Do what a line says.  Edits wait for demo_command_end().
 * Context: the session's lock and the demo's.
 * Returns: 0, or a negative errno with *why saying more.
 */
int demo_command(struct demo_session *s, char *line, const char **why);

/*
 * Commit the edits of all families, or forget them.
 * Context: as for demo_command().
 * Returns: 0; -ENOMEM, and no edit is made.
 */
int demo_command_end(struct demo_session *s, bool commit);

/* Are there edits that are neither committed nor forgotten? */
bool demo_command_edited(const struct demo_session *s);

/* The state of the tables, for a reader.  Context: the demo's lock. */
void demo_command_stats(struct demo *d, struct demo_text *text);

/*
 * Look up for so many seconds on all CPUs, while the caller changes the table.
 * Context: the demo's lock, no edits begun.
 * Returns: 0; -ENOENT (no prefixes); -EINTR; -ENOMEM; -EIO: an answer was
 *          wrong.
 */
int demo_bench(
    struct route_lpm *t, unsigned int seconds, struct demo_text *text);

/*
 * Compare the compiled form with the tree at the edges of every prefix.
 * Context: the demo's lock, no edits begun.
 * Returns: 0; -EIO.
 */
int demo_check(const struct route_lpm *t, struct demo_text *text);

#endif /* APPS_LINUX_FIB_DEMO_H */
