/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A piece of the file is read, and unpacked until it is used up; the end of the
 * file must be the end of a stream.  Behind a stream only another one may
 * follow, or, as tapes have it, zeros.
 */

#include "apps/tablefile_input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "apps/tablefile_unpack.h"

#define PIECE 65536

/* Zeros behind a stream; more is no padding. */
#define PADDING_MAX (UINT32_C(1) << 20)

struct tablefile_input {
	int fd;
	bool seeks, ended;
	uint32_t padding;                      /* zeros seen */
	uint64_t at;                           /* bytes read */
	const struct tablefile_unpack *method; /* NULL: plain */
	void *state; /* of a stream; NULL: between two */
	struct tablefile_unpack_window w;
	uint8_t raw[PIECE];
	uint8_t plain[4 * PIECE];
};

/* Read until the piece is full or the file ends.  Returns: 0 or -errno. */
static int
fill(struct tablefile_input *in, struct words_error *e)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < PIECE && got != 0) {
		got = in->seeks
			  ? pread(in->fd, in->raw + n, PIECE - n, (off_t)in->at)
			  : read(in->fd, in->raw + n, PIECE - n);
		if (got < 0 && errno == ESPIPE && in->seeks && in->at == 0)
			in->seeks = false;
		else if (got < 0 && errno != EINTR) {
			const int rc = -errno;

			words_fail(e, NULL, "%s", words_strerror(-rc));
			return rc;
		}
		if (got > 0) {
			n += (size_t)got;
			in->at += (size_t)got;
		}
	}
	in->ended = got == 0;
	in->w.in = in->raw;
	in->w.nin = n;
	return 0;
}

int
tablefile_input_open(
    int fd, struct tablefile_input **out, struct words_error *e)
{
	struct tablefile_input *in = calloc(1, sizeof(*in));
	int rc = 0;

	if (in == NULL) {
		close(fd);
		words_fail(e, NULL, "%s", words_strerror(ENOMEM));
		return -ENOMEM;
	}
	in->fd = fd;
	in->seeks = true;
	rc = fill(in, e);
	if (rc != 0)
		goto fail;
	in->method = tablefile_unpack_find(in->w.in, in->w.nin);
	if (in->method != NULL && in->method->start == NULL) {
		words_fail(e, NULL,
		    "compressed with %s, and this program was built without %s",
		    in->method->name, in->method->library);
		rc = -ENOTSUP;
		goto fail;
	}
	*out = in;
	return 0;
fail:
	tablefile_input_close(in);
	return rc;
}

void
tablefile_input_close(struct tablefile_input *in)
{
	if (in == NULL)
		return;
	if (in->state != NULL)
		in->method->stop(in->state);
	close(in->fd);
	free(in);
}

static int
broken(const struct tablefile_input *in, int rc, struct words_error *e)
{
	if (rc == -ENOMEM)
		words_fail(e, NULL, "%s", words_strerror(ENOMEM));
	else
		words_fail(e, NULL, "not what %s wrote", in->method->name);
	return rc;
}

/* Between two streams.  Returns: 1 if one was begun, 0 at the end. */
static int
begin(struct tablefile_input *in, struct words_error *e)
{
	int rc;

	while (in->w.nin > 0 && *in->w.in == 0) {
		in->w.in++;
		in->w.nin--;
		if (++in->padding > PADDING_MAX)
			return broken(in, -EBADMSG, e);
	}
	if (in->w.nin == 0)
		return 0;
	rc = in->method->start(&in->state);
	return rc == 0 ? 1 : broken(in, rc, e);
}

/* Unpack a piece.  Returns: 0, or a negative errno. */
static int
unpack(struct tablefile_input *in, struct words_error *e)
{
	const size_t before = in->w.nin;
	int rc;

	if (in->state == NULL) {
		rc = begin(in, e);
		if (rc <= 0)
			return rc;
	}
	rc = in->method->step(in->state, &in->w);
	if (rc < 0)
		return broken(in, rc, e);
	if (rc == 1) {
		in->method->stop(in->state);
		in->state = NULL;
	} else if (in->w.nin == before && in->w.nout == sizeof(in->plain) &&
		   before > 0) {
		return broken(in, -EBADMSG, e);
	}
	return 0;
}

int
tablefile_input_read(struct tablefile_input *in, const uint8_t **data,
    size_t *len, struct words_error *e)
{
	int rc = 0;

	in->w.out = in->plain;
	in->w.nout = sizeof(in->plain);
	while (rc == 0 && in->w.nout == sizeof(in->plain)) {
		if (in->w.nin == 0 && !in->ended)
			rc = fill(in, e);
		if (rc != 0 || in->method == NULL)
			break;
		rc = unpack(in, e);
		if (rc != 0 || in->w.nin > 0 || !in->ended)
			continue;
		if (in->w.nout < sizeof(in->plain) || in->state == NULL)
			break;
		words_fail(e, NULL, "the file ends in the middle of its %s",
		    in->method->name);
		rc = -EBADMSG;
	}
	if (rc != 0)
		return rc;
	if (in->method == NULL) {
		*data = in->w.in;
		*len = in->w.nin;
		in->w.nin = 0;
	} else {
		*data = in->plain;
		*len = sizeof(in->plain) - in->w.nout;
	}
	return 0;
}

uint64_t
tablefile_input_position(const struct tablefile_input *in)
{
	return in->at;
}
