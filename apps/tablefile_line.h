/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_TABLEFILE_LINE_H
#define APPS_TABLEFILE_LINE_H

/*
 * The lines of lists and traces; the formats stand in apps/tablefile.h.
 */

#include <stdbool.h>

#include "apps/tablefile.h"

/*
 * Is this the line of a trace?  Asked about a file's first line that counts.
 * Context: any thread; never sleeps.
 */
bool tablefile_line_is_trace(const char *line);

/*
 * Take a line of a list, or of a trace, apart, in place; what it does not say
 * stays in *out as it was.
 * Context: any thread; never sleeps.
 * Returns: 1, 0 if the line does not count, or -EINVAL after filling *e.
 */
int tablefile_line_list(
    char *line, struct tablefile_entry *out, struct words_error *e);
int tablefile_line_trace(
    char *line, struct tablefile_entry *out, struct words_error *e);

#endif /* APPS_TABLEFILE_LINE_H */
