/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef DRIVERS_ARGS_ARGS_H
#define DRIVERS_ARGS_ARGS_H

/*
 * The words that a driver's attach takes: "key=value" or a bare "key",
 * separated by blanks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_WORD_MAX 64

/* One word, split at its first "=". */
struct args_word {
	char key[ARGS_WORD_MAX];
	char value[ARGS_WORD_MAX]; /* "" if there is no "=" */
};

/*
 * Take the next word off *args; words beyond ARGS_WORD_MAX are cut.
 * Context: any thread; never sleeps.
 * Returns: false at the end.
 */
bool args_next(const char **args, struct args_word *out);

/*
 * A number with a unit: "10M", "250us", "5".
 * Context: any thread; never sleeps.
 * Returns: 0 or -EINVAL.
 */
int args_rate(const char *value, uint64_t *out); /* bit/s: k M G */
int args_time(const char *value, uint64_t *out); /* ns: ns us ms s */
int args_uint(const char *value, uint64_t max, uint64_t *out);

/* "on" or "off", "yes" or "no", 1 or 0.  Returns: 0 or -EINVAL. */
int args_bool(const char *value, bool *out);

/* "02:00:00:00:00:01", a station's.  Returns: 0 or -EINVAL. */
int args_hwaddr(const char *value, uint8_t out[6]);

/*
 * Explain a failure: fmt as printf(3) into err.
 * Returns: error, for the caller to return.
 */
int args_fail(char *err, size_t errlen, int error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Explain that a word is unknown or its value bad.  Returns: -EINVAL. */
int args_bad(char *err, size_t errlen, const struct args_word *word);

/* What a negative errno means.  Returns: a static string. */
const char *args_reason(int error);

#endif /* DRIVERS_ARGS_ARGS_H */
