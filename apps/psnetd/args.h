/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_PSNETD_ARGS_H
#define APPS_PSNETD_ARGS_H

/*
 * The arguments of a request as values and specifications.  A field that is
 * absent leaves *out alone, unless it is required.
 *
 * Context: any thread; never sleeps.
 * Returns: 0, or -EINVAL after filling *e.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "apps/spec.h"
#include "apps/spec_object.h"
#include "apps/words.h"

/* Fails for a key that is not in keys, which end with NULL. */
int psnetd_args_known(
    json_t *args, const char *const *keys, struct words_error *e);

int psnetd_args_string(const json_t *args, const char *key, bool required,
    const char **out, struct words_error *e);
int psnetd_args_u32(const json_t *args, const char *key, uint32_t min,
    uint32_t max, uint32_t *out, struct words_error *e);
int psnetd_args_bool(
    const json_t *args, const char *key, bool *out, struct words_error *e);
int psnetd_args_switch(const json_t *args, const char *key,
    enum spec_switch *out, struct words_error *e);
int psnetd_args_name(const json_t *args, const char *key, bool required,
    char out[WORDS_NAME_MAX], struct words_error *e);

/*
 * Whole specifications, with no other fields than theirs.  The route's next
 * hops are the caller's until spec_route_fini(), an object's members until
 * spec_object_fini().  Also -ENOMEM.
 */
int psnetd_args_link(
    json_t *args, bool add, struct spec_link *out, struct words_error *e);
int psnetd_args_addr(
    json_t *args, struct spec_addr *out, struct words_error *e);
int psnetd_args_route(json_t *args, bool need_target, struct spec_route *out,
    struct words_error *e);
int psnetd_args_object(
    json_t *args, struct spec_object *out, struct words_error *e);
int psnetd_args_rule(json_t *args, bool need_table, struct spec_rule *out,
    struct words_error *e);
int psnetd_args_neigh(json_t *args, bool need_lladdr, struct spec_neigh *out,
    struct words_error *e);

#endif /* APPS_PSNETD_ARGS_H */
