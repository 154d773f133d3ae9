/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_TABLEFILE_H
#define APPS_TABLEFILE_H

/*
 * One reader for the files that routing tables come in.  What a file is, its
 * first bytes say, never its name:
 *
 *   list    a line "PREFIX [[via] ADDRESS | ID]" for each route
 *   trace   a line "TIME A|W PREFIX NEXT-HOP [PEER]" for each update, TIME in
 *           seconds since 1970, NEXT-HOP an address or an id, of W "-" or 0
 *   MRT     RFC 6396 and RFC 8050: TABLE_DUMP, TABLE_DUMP_V2 and BGP4MP
 *
 * each of them plain or compressed with gzip, xz, bzip2 or zstd.  Of lists and
 * traces, blank lines and what follows a '#' do not count.
 *
 * What may run together: different readers; a reader has one user at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apps/words.h"

/* The longest line, and the longest MRT record. */
#define TABLEFILE_LINE_MAX   256
#define TABLEFILE_RECORD_MAX (UINT32_C(1) << 24)

struct tablefile;

enum tablefile_action {
	TABLEFILE_ROUTE,    /* of a table */
	TABLEFILE_ANNOUNCE, /* of a stream of updates */
	TABLEFILE_WITHDRAW, /* of a stream of updates; has no next hop */
};

enum tablefile_hop {
	TABLEFILE_HOP_NONE,
	TABLEFILE_HOP_ID,
	TABLEFILE_HOP_INET,
	TABLEFILE_HOP_INET6,
};

/* Addresses in network order; those of IPv4 are the first 4 bytes. */
struct tablefile_entry {
	uint64_t at;   /* its line, or MRT record; from 1 */
	uint64_t usec; /* since 1970; 0: unsaid */
	enum tablefile_action action;
	enum tablefile_hop hop_kind;
	uint32_t hop_id;
	uint8_t family; /* 4 or 6 */
	uint8_t plen;
	uint8_t peer_family; /* 4, 6, or 0: unsaid */
	bool again; /* another peer's route to the prefix of the last entry */
	uint8_t prefix[16]; /* host bits clear */
	uint8_t hop[16];
	uint8_t peer[16];
};

/* Where a file is wrong, and why. */
struct tablefile_error {
	const char *unit; /* "line", "record"; NULL: the file as a whole */
	uint64_t at;
	struct words_error what;
};

/*
 * Read the table in fd from its beginning, or, if it cannot seek, from here.
 * Context: any thread; may sleep (reads).
 * Owner:   takes fd, on failure too; *out is the caller's until
 *          tablefile_close().
 * Returns: 0; -ENOMEM, or another negative errno; *e is filled.
 */
int tablefile_open(int fd, struct tablefile **out, struct tablefile_error *e);
void tablefile_close(struct tablefile *f);

/*
 * Get the next entry.
 * Context: any thread; may sleep (reads).
 * Returns: 1 with *out, 0 behind the last; or, with *e filled: -EINVAL (what
 *          the file says is no table), -EBADMSG (it cannot be unpacked),
 *          -ENOTSUP (this program was built without the library for it),
 *          -ENOMEM, or what read(2) failed with.  A reader that has failed
 *          fails again.
 */
int tablefile_next(struct tablefile *f, struct tablefile_entry *out,
    struct tablefile_error *e);

/*
 * The same for who has other work, too: looks at one line or record only,
 * however much of a file says nothing.
 * Returns: also 2, if there is no entry in it; call again.
 */
int tablefile_step(struct tablefile *f, struct tablefile_entry *out,
    struct tablefile_error *e);

/* Bytes of the file that are read so far, packed as they are. */
uint64_t tablefile_position(const struct tablefile *f);

/* "list", "trace", "MRT"; "" before the first entry. */
const char *tablefile_format(const struct tablefile *f);

/* What the entries' at counts: "line" or "record". */
const char *tablefile_unit(const struct tablefile *f);

/*
 * "FILE:17: \"10.0.0.1/8\": bits beyond ..." in out; cut if it is too long.
 * Context: any thread; never sleeps.
 */
void tablefile_error_show(
    const struct tablefile_error *e, const char *file, char *out, size_t room);

/*
 * For who can name a line only: that of the error, or 0, and then a record is
 * named in the reason.
 */
unsigned int tablefile_error_line(struct tablefile_error *e);

/*
 * A prefix of either family, "default" is that of IPv4; host bits clear.
 * Returns: 0, or -EINVAL after filling *e.
 */
int tablefile_prefix(const char *s, uint8_t *family, uint8_t prefix[16],
    uint8_t *plen, struct words_error *e);

/* "192.0.2.0/24" and so on. */
#define TABLEFILE_TEXT_MAX 64
const char *tablefile_show_prefix(uint8_t family, const uint8_t *prefix,
    unsigned int plen, char out[TABLEFILE_TEXT_MAX]);

#endif /* APPS_TABLEFILE_H */
