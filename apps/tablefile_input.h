/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef APPS_TABLEFILE_INPUT_H
#define APPS_TABLEFILE_INPUT_H

/*
 * The bytes of a file, unpacked if its first bytes say that it is compressed:
 * gzip, xz, bzip2, zstd, also several streams one behind the other.
 */

#include <stddef.h>
#include <stdint.h>

#include "apps/words.h"

struct tablefile_input;

/*
 * Start to read fd: from its beginning, or, if it cannot seek, from here.
 * Context: any thread; may sleep (reads).
 * Owner:   takes fd, on failure too; *out is the caller's until
 *          tablefile_input_close().
 * Returns: 0; or, with *e filled: -ENOTSUP (built without the library for
 *          this compression), -ENOMEM, or what read(2) failed with.
 */
int tablefile_input_open(
    int fd, struct tablefile_input **out, struct words_error *e);
void tablefile_input_close(struct tablefile_input *in);

/*
 * Get more bytes.
 * Context: any thread; may sleep (reads).
 * Owner:   *data is readable until the next call.
 * Returns: 0 with *len, which is 0 at the end only; or, with *e filled,
 *          -EBADMSG (cannot be unpacked, or ends too early), -ENOMEM, or what
 *          read(2) failed with.
 */
int tablefile_input_read(struct tablefile_input *in, const uint8_t **data,
    size_t *len, struct words_error *e);

/* Bytes of the file that are read so far, packed as they are. */
uint64_t tablefile_input_position(const struct tablefile_input *in);

#endif /* APPS_TABLEFILE_INPUT_H */
