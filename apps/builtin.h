/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_BUILTIN_H
#define APPS_BUILTIN_H

/*
 * THE TABLE: which protocols and drivers psnetd is made of.  A plug-in is a
 * folder, and one line in builtin.c.
 */

struct driver;
struct proto;

/* Both end with NULL.  Protocols come after their carriers. */
extern const struct proto *const builtin_protos[];
extern const struct driver *const builtin_drivers[];

#endif /* APPS_BUILTIN_H */
