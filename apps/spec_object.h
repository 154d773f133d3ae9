/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_SPEC_OBJECT_H
#define APPS_SPEC_OBJECT_H

/*
 * A numbered next hop, in the grammar of ip-nexthop(8): what a person can ask
 * for, in psnetd's configuration file and on psnetctl's command line.
 * Interfaces go by name here; nothing in this file has side effects.
 */

#include <stdbool.h>
#include <stdint.h>

#include "apps/words.h"

#define SPEC_OBJECT_MEMBERS_MAX 64
#define SPEC_OBJECT_MS_MAX      WORDS_MS_MAX

struct spec_object_member {
	uint32_t id;
	uint16_t weight; /* 1 .. 65535 */
};

struct spec_object {
	unsigned int line; /* of the file; 0: none */
	uint32_t id;
	uint8_t protocol; /* enum route_protocol; 0: unsaid */

	/* A single one. */
	uint8_t kind;             /* enum nexthop_kind: VIA, LINK or a drop */
	uint32_t via;             /* of VIA, network order */
	char dev[WORDS_NAME_MAX]; /* "": VIA is recursive */

	/* A group, if nmembers is not 0. */
	unsigned int nmembers;
	struct spec_object_member *members; /* heap */
	uint32_t backup;                    /* an id, or 0 */
	bool resilient;
	uint32_t buckets;                /* of resilient */
	uint64_t idle_ms, unbalanced_ms; /* its timers */
};

/*
 * "id N { via ADDRESS [dev NAME] | dev NAME | blackhole | unreachable |
 * prohibit | group ID[,WEIGHT][/ID[,WEIGHT]]... [type mpath | type resilient
 * [buckets N] [idle_timer S] [unbalanced_timer S]] [backup ID] } [protocol P]",
 * in any order.
 * Context: any thread; never sleeps.
 * Owner:   the caller owns out->members until spec_object_fini().
 * Returns: 0, -EINVAL after filling *e, or -ENOMEM.
 */
int spec_object_parse(
    struct words *w, struct spec_object *out, struct words_error *e);
void spec_object_fini(struct spec_object *o);

/* An id of an object.  Returns: 0, or -EINVAL after filling *e. */
int spec_object_id(const char *s, uint32_t *out, struct words_error *e);

/*
 * What makes no sense whatever else there is, of an object that was put
 * together in another way.  Returns: as spec_object_id().
 */
int spec_object_check(const struct spec_object *o, struct words_error *e);

/* A copy with its own members.  Returns: 0 or -ENOMEM. */
int spec_object_copy(const struct spec_object *o, struct spec_object *out);

/* What an object names is of a lower level: 0 .. 2. */
static inline unsigned int
spec_object_level(const struct spec_object *o)
{
	return (o->nmembers > 0) + (o->backup != 0);
}

/* Are they the same but for where they were said? */
bool spec_object_equal(
    const struct spec_object *a, const struct spec_object *b);

/* May the one be replaced by the other, or must it be removed first? */
bool spec_object_replaceable(
    const struct spec_object *old, const struct spec_object *new);

/* The single ones that are no next hops: "blackhole" and so on; else NULL. */
const char *spec_object_drop_name(uint8_t kind);
bool spec_object_drop_parse(const char *s, uint8_t *kind);

#endif /* APPS_SPEC_OBJECT_H */
