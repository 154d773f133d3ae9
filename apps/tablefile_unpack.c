/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/tablefile_unpack.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#ifdef APPS_TABLEFILE_GZIP
#include <zlib.h>

static int
gzip_start(void **state)
{
	z_stream *z = calloc(1, sizeof(*z));

	/* 16: with the header and trailer of gzip. */
	if (z == NULL || inflateInit2(z, 15 + 16) != Z_OK) {
		free(z);
		return -ENOMEM;
	}
	*state = z;
	return 0;
}

static int
gzip_step(void *state, struct tablefile_unpack_window *w)
{
	const uInt nin = w->nin < UINT_MAX ? (uInt)w->nin : UINT_MAX;
	const uInt nout = w->nout < UINT_MAX ? (uInt)w->nout : UINT_MAX;
	z_stream *z = state;
	int rc;

	/* Bytef is not const without ZLIB_CONST, though never written. */
	z->next_in = (Bytef *)(uintptr_t)w->in;
	z->avail_in = nin;
	z->next_out = w->out;
	z->avail_out = nout;
	rc = inflate(z, Z_NO_FLUSH);
	w->in += nin - z->avail_in;
	w->nin -= nin - z->avail_in;
	w->out += nout - z->avail_out;
	w->nout -= nout - z->avail_out;
	if (rc == Z_STREAM_END)
		return 1;
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return 0;
	return rc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void
gzip_stop(void *state)
{
	inflateEnd(state);
	free(state);
}
#define GZIP gzip_start, gzip_step, gzip_stop
#else
#define GZIP NULL, NULL, NULL
#endif

#ifdef APPS_TABLEFILE_XZ
#include <lzma.h>

/* What the strongest preset needs, so that a file cannot ask for more. */
#define XZ_MEMORY (UINT64_C(96) << 20)

static int
xz_start(void **state)
{
	lzma_stream *s = calloc(1, sizeof(*s));

	if (s == NULL || lzma_stream_decoder(s, XZ_MEMORY, 0) != LZMA_OK) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int
xz_step(void *state, struct tablefile_unpack_window *w)
{
	lzma_stream *s = state;
	lzma_ret rc;

	s->next_in = w->in;
	s->avail_in = w->nin;
	s->next_out = w->out;
	s->avail_out = w->nout;
	rc = lzma_code(s, LZMA_RUN);
	w->in += w->nin - s->avail_in;
	w->nin = s->avail_in;
	w->out += w->nout - s->avail_out;
	w->nout = s->avail_out;
	if (rc == LZMA_STREAM_END)
		return 1;
	if (rc == LZMA_OK || rc == LZMA_BUF_ERROR)
		return 0;
	return rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR ? -ENOMEM
								 : -EBADMSG;
}

static void
xz_stop(void *state)
{
	lzma_end(state);
	free(state);
}
#define XZ xz_start, xz_step, xz_stop
#else
#define XZ NULL, NULL, NULL
#endif

#ifdef APPS_TABLEFILE_BZIP2
#include <bzlib.h>

static int
bzip2_start(void **state)
{
	bz_stream *s = calloc(1, sizeof(*s));

	if (s == NULL || BZ2_bzDecompressInit(s, 0, 0) != BZ_OK) {
		free(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int
bzip2_step(void *state, struct tablefile_unpack_window *w)
{
	const unsigned int nin =
	    w->nin < UINT_MAX ? (unsigned int)w->nin : UINT_MAX;
	const unsigned int nout =
	    w->nout < UINT_MAX ? (unsigned int)w->nout : UINT_MAX;
	bz_stream *s = state;
	int rc;

	/* Its field is not const, though never written through. */
	s->next_in = (char *)(uintptr_t)w->in;
	s->avail_in = nin;
	s->next_out = (char *)w->out;
	s->avail_out = nout;
	rc = BZ2_bzDecompress(s);
	w->in += nin - s->avail_in;
	w->nin -= nin - s->avail_in;
	w->out += nout - s->avail_out;
	w->nout -= nout - s->avail_out;
	if (rc == BZ_STREAM_END)
		return 1;
	if (rc == BZ_OK)
		return 0;
	return rc == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void
bzip2_stop(void *state)
{
	BZ2_bzDecompressEnd(state);
	free(state);
}
#define BZIP2 bzip2_start, bzip2_step, bzip2_stop
#else
#define BZIP2 NULL, NULL, NULL
#endif

#ifdef APPS_TABLEFILE_ZSTD
#include <zstd.h>

static int
zstd_start(void **state)
{
	ZSTD_DStream *s = ZSTD_createDStream();

	if (s == NULL || ZSTD_isError(ZSTD_initDStream(s)) != 0) {
		ZSTD_freeDStream(s);
		return -ENOMEM;
	}
	*state = s;
	return 0;
}

static int
zstd_step(void *state, struct tablefile_unpack_window *w)
{
	ZSTD_inBuffer in = {w->in, w->nin, 0};
	ZSTD_outBuffer out = {w->out, w->nout, 0};
	const size_t rc = ZSTD_decompressStream(state, &out, &in);

	w->in += in.pos;
	w->nin -= in.pos;
	w->out += out.pos;
	w->nout -= out.pos;
	if (ZSTD_isError(rc) != 0)
		return -EBADMSG;
	return rc == 0 ? 1 : 0;
}

static void
zstd_stop(void *state)
{
	ZSTD_freeDStream(state);
}
#define ZSTD zstd_start, zstd_step, zstd_stop
#else
#define ZSTD NULL, NULL, NULL
#endif

static const struct tablefile_unpack methods[] = {
    {"gzip", "zlib", "\x1f\x8b", 2, GZIP},
    {"xz", "liblzma",
	"\xfd"
	"7zXZ\0",
	6, XZ},
    {"bzip2", "libbz2", "BZh", 3, BZIP2},
    {"zstd", "libzstd", "\x28\xb5\x2f\xfd", 4, ZSTD},
};

const struct tablefile_unpack *
tablefile_unpack_find(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct tablefile_unpack *m = &methods[i];

		if (len >= m->nmagic && memcmp(data, m->magic, m->nmagic) == 0)
			return m;
	}
	return NULL;
}
