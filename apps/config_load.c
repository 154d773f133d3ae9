/* SPDX-License-Identifier: BSD-2-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/config.h"

#define FILE_BYTES_MAX (64u << 20)
#define SLICE          65536

static int
fail_errno(struct config_error *e, unsigned int line, int err)
{
	e->line = line;
	words_fail(&e->what, NULL, "%s", words_strerror(err));
	return -err;
}

static int
open_file(const char *path)
{
	struct stat sb;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &sb) != 0 ? errno : S_ISDIR(sb.st_mode) ? EISDIR : 0;
	if (err != 0) {
		close(fd);
		return -err;
	}
	return fd;
}

static ssize_t
read_some(int fd, char *buf, size_t len)
{
	ssize_t n;

	do
		n = read(fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* A file read so far, in memory. */
struct text {
	char *buf;
	size_t len, room;
};

static int
text_grow(struct text *t)
{
	const size_t room = t->room * 2 + SLICE;
	char *grown;

	if (t->len + SLICE <= t->room)
		return 0;
	if (room > FILE_BYTES_MAX)
		return -EFBIG;
	grown = realloc(t->buf, room);
	if (grown == NULL)
		return -ENOMEM;
	t->buf = grown;
	t->room = room;
	return 0;
}

/* The caller owns *out. */
static int
read_file(const char *path, char **out, size_t *outlen)
{
	struct text t = {.buf = NULL};
	ssize_t n = 1;
	const int fd = open_file(path);
	int rc;

	if (fd < 0)
		return fd;
	while ((rc = text_grow(&t)) == 0 && n > 0) {
		n = read_some(fd, t.buf + t.len, t.room - t.len);
		t.len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (rc == 0 && n < 0)
		rc = (int)n;
	if (rc != 0) {
		free(t.buf);
		return rc;
	}
	*out = t.buf;
	*outlen = t.len;
	return 0;
}

/* Owner: takes fd. */
static int
feed_file(int fd, struct prefixlist *l, struct tablefile_error *e)
{
	struct tablefile *f;
	int rc = tablefile_open(fd, &f, e);

	if (rc != 0)
		return rc;
	do {
		rc = prefixlist_take(l, f, e);
	} while (rc > 0);
	tablefile_close(f);
	if (rc == 0)
		prefixlist_end(l);
	return rc;
}

/* A table's path counts from the folder of the file that names it. */
static void
table_path(const char *config, const char *table, char out[CONFIG_PATH_MAX])
{
	const char *slash = strrchr(config, '/');

	if (table[0] == '/' || slash == NULL)
		snprintf(out, CONFIG_PATH_MAX, "%s", table);
	else
		snprintf(out, CONFIG_PATH_MAX, "%.*s/%s", (int)(slash - config),
		    config, table);
}

static int
load_table(struct config_table *t, const char *config, struct config_error *e)
{
	const struct prefixlist_config cfg = {
	    .hop = t->has_default ? &t->dflt : NULL, .ids = t->ids};
	char path[CONFIG_PATH_MAX];
	struct tablefile_error fault;
	int fd, rc;

	table_path(config, t->path, path);
	fd = open_file(path);
	if (fd < 0) {
		e->line = t->line;
		words_fail(&e->what, t->path, "%s", words_strerror(-fd));
		return fd;
	}
	rc = prefixlist_init(&t->list, &cfg);
	if (rc != 0) {
		close(fd);
		return fail_errno(e, t->line, -rc);
	}
	rc = feed_file(fd, &t->list, &fault);
	if (rc == 0)
		return 0;
	snprintf(e->file, sizeof(e->file), "%s", path);
	e->line = tablefile_error_line(&fault);
	e->what = fault.what;
	return rc;
}

int
config_load(const char *path, const struct driver *const *drivers,
    struct config *out, struct config_error *e)
{
	struct config c;
	char *text = NULL;
	size_t len = 0;
	int rc;

	snprintf(e->file, sizeof(e->file), "%s", path);
	rc = read_file(path, &text, &len);
	if (rc != 0)
		return fail_errno(e, 0, -rc);
	rc = config_parse(text, len, &c, e);
	free(text);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < c.ntables; i++)
		rc = load_table(&c.tables[i], path, e);
	if (rc == 0)
		rc = config_check(&c, drivers, e);
	if (rc != 0) {
		config_fini(&c);
		return rc;
	}
	*out = c;
	return 0;
}
