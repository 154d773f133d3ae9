/* SPDX-License-Identifier: BSD-2-Clause */

/* What lines say, and what is answered. */

#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "apps/linux-fib/demo.h"

#define WORDS   6
#define TEXT    ((size_t)4096) /* of a text at first */
#define SECONDS 60u

void
demo_text_add(struct demo_text *text, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	char *at;

	if (text->room - text->len < DEMO_LINE) {
		room = text->room != 0 ? 2 * text->room : TEXT;
		at = kvmalloc(room, GFP_KERNEL);
		if (at == NULL)
			return;
		if (text->len != 0)
			memcpy(at, text->at, text->len);
		kvfree(text->at);
		text->at = at;
		text->room = room;
	}
	va_start(ap, fmt);
	text->len +=
	    vscnprintf(text->at + text->len, text->room - text->len, fmt, ap);
	va_end(ap);
}

void
demo_text_fini(struct demo_text *text)
{
	kvfree(text->at);
	*text = (struct demo_text){0};
}

struct prefix {
	enum demo_family af;
	u8 key[16];
	unsigned int plen;
};

/* ADDRESS, or if it may have one ADDRESS/LENGTH. */
static bool
parse_prefix(char *word, bool length, struct prefix *out)
{
	char *slash = length ? strchr(word, '/') : NULL;
	unsigned int bits;

	*out = (struct prefix){.af = DEMO_IPV4};
	if (length && strcmp(word, "default") == 0)
		return true;
	if (slash != NULL)
		*slash = '\0';
	if (in4_pton(word, -1, out->key, -1, NULL) == 0) {
		if (in6_pton(word, -1, out->key, -1, NULL) == 0)
			return false;
		out->af = DEMO_IPV6;
	}
	bits = out->af == DEMO_IPV4 ? 32 : 128;
	out->plen = bits;
	if (slash != NULL &&
	    (kstrtouint(slash + 1, 10, &out->plen) != 0 || out->plen > bits))
		return false;
	for (bits = out->plen; bits < 128; bits++)
		if ((out->key[bits / 8] & 0x80 >> bits % 8) != 0)
			return false; /* behind the prefix */
	return true;
}

/* The table that an edit is for, with a transaction. */
static int
begin(struct demo_session *s, enum demo_family af)
{
	int err = 0;

	if (!s->begun[af])
		err = route_lpm_begin(s->demo->table[af]);
	if (err == 0)
		s->begun[af] = true;
	return err;
}

static int
insert(struct demo_session *s, char *const *word, unsigned int n, bool replace,
    const char **why)
{
	const bool said = n == 3 && (strcmp(word[1], "via") == 0 ||
					strcmp(word[1], "id") == 0);
	struct prefix p;
	u32 group;
	int err;

	*why = "expected PREFIX [via] NUMBER";
	if ((n != 2 && !said) || !parse_prefix(word[0], true, &p))
		return -EINVAL;
	*why = "no number of a next hop";
	if (kstrtou32(word[n - 1], 10, &group) != 0 || group == FIB_NONE ||
	    group >= FIB_GROUPS_MAX)
		return -EINVAL;
	*why = "not done";
	err = begin(s, p.af);
	if (err == 0)
		err = route_lpm_insert(
		    s->demo->table[p.af], p.key, p.plen, group, replace);
	if (err == -EEXIST)
		*why = "it is there";
	return err;
}

static int
withdraw(
    struct demo_session *s, char *const *word, unsigned int n, const char **why)
{
	struct prefix p;
	int err;

	*why = "expected PREFIX";
	if (n != 1 || !parse_prefix(word[0], true, &p))
		return -EINVAL;
	*why = "not done";
	err = begin(s, p.af);
	if (err == 0)
		err = route_lpm_remove(s->demo->table[p.af], p.key, p.plen);
	if (err == -ENOENT)
		*why = "it is not there";
	return err;
}

static int
clear(struct demo_session *s)
{
	int err = 0;

	for (int af = 0; af < DEMO_FAMILIES && err == 0; af++) {
		err = begin(s, af);
		if (err == 0)
			err = route_lpm_clear(s->demo->table[af]);
	}
	return err;
}

/* What both forms of the table say of an address. */
static int
get(struct demo_session *s, char *word, const char **why)
{
	const struct route_lpm *t;
	unsigned int plen;
	u32 fib, group;
	struct prefix p;
	u64 section;

	*why = "expected ADDRESS";
	if (word == NULL || !parse_prefix(word, false, &p))
		return -EINVAL;
	t = s->demo->table[p.af];
	section = pserialize_read_enter();
	fib = p.af == DEMO_IPV4 ? route_lpm_lookup4(t, route_bits_load32(p.key))
				: route_lpm_lookup6(t, route_bits_load64(p.key),
				      route_bits_load64(p.key + 8));
	group = route_lpm_ask(t, p.key, &plen);
	pserialize_read_exit(section);
	*why = "the forms of the table differ";
	if (fib != group)
		return -EIO;
	if (group == FIB_NONE)
		demo_text_add(&s->text, "%s unreachable\n", word);
	else
		demo_text_add(
		    &s->text, "%s via %u length %u\n", word, group, plen);
	return 0;
}

bool
demo_command_edited(const struct demo_session *s)
{
	return s->begun[DEMO_IPV4] || s->begun[DEMO_IPV6];
}

/* check, or bench SECONDS, of the families that have prefixes. */
static int
examine(struct demo_session *s, const char *seconds, const char **why)
{
	struct route_lpm_stats stats;
	unsigned int n = 0;
	int err = 0;

	*why = "edits are waiting for a commit";
	if (demo_command_edited(s))
		return -EBUSY;
	*why = "expected SECONDS, up to 60";
	if (seconds != NULL &&
	    (kstrtouint(seconds, 10, &n) != 0 || n == 0 || n > SECONDS))
		return -EINVAL;
	*why = "see the answers";
	for (int af = 0; af < DEMO_FAMILIES && err == 0; af++) {
		route_lpm_stats(s->demo->table[af], &stats);
		if (stats.prefixes == 0)
			continue;
		err = seconds != NULL
			  ? demo_bench(s->demo->table[af], n, &s->text)
			  : demo_check(s->demo->table[af], &s->text);
	}
	return err;
}

static unsigned int
split(char *line, char *word[WORDS])
{
	unsigned int n = 0;
	char *w;

	while ((w = strsep(&line, " \t\r")) != NULL) {
		if (*w == '#')
			break;
		if (*w == '\0')
			continue;
		if (n == WORDS)
			return WORDS + 1;
		word[n++] = w;
	}
	return n;
}

static int
route_command(
    struct demo_session *s, char *const *word, unsigned int n, const char **why)
{
	*why = "expected route add, replace or del";
	if (n < 1)
		return -EINVAL;
	if (strcmp(word[0], "add") == 0)
		return insert(s, word + 1, n - 1, false, why);
	if (strcmp(word[0], "replace") == 0)
		return insert(s, word + 1, n - 1, true, why);
	if (strcmp(word[0], "del") == 0)
		return withdraw(s, word + 1, n - 1, why);
	return -EINVAL;
}

int
demo_command(struct demo_session *s, char *line, const char **why)
{
	char *word[WORDS];
	const unsigned int n = split(line, word);

	*why = "too many words";
	if (n > WORDS)
		return -EINVAL;
	if (n == 0)
		return 0;
	if (strcmp(word[0], "route") == 0)
		return route_command(s, word + 1, n - 1, why);
	if (strcmp(word[0], "clear") == 0 && n == 1)
		return clear(s);
	if (strcmp(word[0], "commit") == 0 && n == 1) {
		*why = "not done";
		return demo_command_end(s, true);
	}
	if (strcmp(word[0], "get") == 0)
		return get(s, n == 2 ? word[1] : NULL, why);
	if (strcmp(word[0], "check") == 0 && n == 1)
		return examine(s, NULL, why);
	if (strcmp(word[0], "bench") == 0 && n == 2)
		return examine(s, word[1], why);
	return insert(s, word, n, true, why);
}

int
demo_command_end(struct demo_session *s, bool commit)
{
	int err = 0;

	for (int af = 0; af < DEMO_FAMILIES && commit && err == 0; af++)
		if (s->begun[af])
			err = route_lpm_prepare(s->demo->table[af]);
	for (int af = 0; af < DEMO_FAMILIES; af++) {
		if (!s->begun[af])
			continue;
		s->begun[af] = false;
		if (commit && err == 0)
			(void)route_lpm_commit(s->demo->table[af]);
		else
			route_lpm_abort(s->demo->table[af]);
	}
	return err;
}

void
demo_command_stats(struct demo *d, struct demo_text *text)
{
	static const char *const name[] = {"ipv4", "ipv6"};
	struct route_lpm_stats s;

	for (int af = 0; af < DEMO_FAMILIES; af++) {
		route_lpm_stats(d->table[af], &s);
		demo_text_add(text, "%s: %zu prefixes, %llu commits\n",
		    name[af], s.prefixes, (unsigned long long)s.commits);
		demo_text_add(text,
		    "%s: compiled: %zu KiB of blocks, %zu KiB of words, leaves "
		    "of %u bits\n",
		    name[af], s.fib.block_bytes >> 10, s.fib.direct_bytes >> 10,
		    s.fib.leaf_bits);
		demo_text_add(text,
		    "%s: memory: %zu KiB used, %zu KiB waiting for readers\n",
		    name[af], s.arena.used >> 10, s.arena.waiting >> 10);
	}
}
