/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_WORDS_H
#define APPS_WORDS_H

/*
 * The words of a configuration line or a command line: a cursor over them,
 * parsers for the kinds of value they hold, and errors that name the word.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes with the NUL of an interface's name; that of NETIF_NAME_MAX. */
#define WORDS_NAME_MAX 16

#define WORDS_MS_MAX UINT64_C(31536000000) /* a year */

/* A cursor; the words belong to the caller. */
struct words {
	const char *const *word;
	unsigned int n;  /* words */
	unsigned int at; /* the next one */
};

/* What is wrong with which word. */
struct words_error {
	char word[64]; /* "" if no single word is at fault; may be cut */
	char reason[192];
};

/*
 * Take the next word.
 * Context: any thread; never sleeps.
 * Returns: NULL at the end.
 */
const char *words_next(struct words *w);

/* The same without taking it. */
const char *words_peek(const struct words *w);

/* Take the next word if it is this one.  Returns: was it? */
bool words_accept(struct words *w, const char *word);

/*
 * Take the value that must follow keyword.
 * Returns: NULL at the end, after filling *e.
 */
const char *words_value(
    struct words *w, const char *keyword, struct words_error *e);

/*
 * Fill *e with the word at fault (NULL: none) and the reason.
 * Returns: -EINVAL, always.
 */
int words_fail(struct words_error *e, const char *word, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/* What an errno means, as strerror(3); safe in any thread. */
const char *words_strerror(int err);

/* Fails if a word is left: "unexpected word".  Returns: 0 or -EINVAL. */
int words_end(struct words *w, struct words_error *e);

/*
 * Values; *out is written only on success, addresses in network order.
 * words_prefix() takes "default", "10.0.0.0/8", and "10.0.0.1" as a /32.
 * words_inet() is words_prefix() for an interface address: host bits may be
 * set.
 * Returns: 0, or -EINVAL after filling *e.
 */
int words_ipv4(const char *s, uint32_t *out, struct words_error *e);
int words_prefix(
    const char *s, uint32_t *addr, unsigned int *plen, struct words_error *e);
int words_inet(
    const char *s, uint32_t *addr, unsigned int *plen, struct words_error *e);
int words_lladdr(const char *s, uint8_t out[6], struct words_error *e);
int words_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out,
    struct words_error *e);
/* "S[.mmm]" in milliseconds, up to WORDS_MS_MAX. */
int words_seconds(const char *s, uint64_t *ms, struct words_error *e);
int words_onoff(const char *s, bool *out, struct words_error *e);
/* off, on and auto are 0, 1 and 2; or a number. */
int words_switch(const char *s, uint32_t *out, struct words_error *e);
int words_name(const char *s, char out[WORDS_NAME_MAX], struct words_error *e);

/* Text of the same values; the buffers are large enough for any. */
#define WORDS_TEXT_MAX 24
const char *words_show_ipv4(uint32_t addr, char out[WORDS_TEXT_MAX]);
const char *words_show_prefix(
    uint32_t addr, unsigned int plen, char out[WORDS_TEXT_MAX]);
const char *words_show_lladdr(const uint8_t a[6], char out[WORDS_TEXT_MAX]);

/* The network mask of plen bits, network order. */
uint32_t words_mask(unsigned int plen);

#endif /* APPS_WORDS_H */
