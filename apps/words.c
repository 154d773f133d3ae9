/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
words_next(struct words *w)
{
	return w->at < w->n ? w->word[w->at++] : NULL;
}

const char *
words_peek(const struct words *w)
{
	return w->at < w->n ? w->word[w->at] : NULL;
}

bool
words_accept(struct words *w, const char *word)
{
	const char *s = words_peek(w);

	if (s == NULL || strcmp(s, word) != 0)
		return false;
	w->at++;
	return true;
}

const char *
words_value(struct words *w, const char *keyword, struct words_error *e)
{
	const char *s = words_next(w);

	if (s == NULL)
		words_fail(e, keyword, "a value must follow");
	return s;
}

int
words_fail(struct words_error *e, const char *word, const char *fmt, ...)
{
	va_list ap;

	snprintf(e->word, sizeof(e->word), "%s", word != NULL ? word : "");
	va_start(ap, fmt);
	vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *
words_strerror(int err)
{
	const char *s = strerrordesc_np(err);

	return s != NULL ? s : "unknown error";
}

int
words_end(struct words *w, struct words_error *e)
{
	const char *s = words_peek(w);

	return s == NULL ? 0 : words_fail(e, s, "unexpected word");
}

int
words_ipv4(const char *s, uint32_t *out, struct words_error *e)
{
	struct in_addr a;

	if (inet_pton(AF_INET, s, &a) != 1)
		return words_fail(e, s, "not an IPv4 address like 192.0.2.1");
	*out = a.s_addr;
	return 0;
}

int
words_inet(
    const char *s, uint32_t *addr, unsigned int *plen, struct words_error *e)
{
	const char *slash = strchr(s, '/');
	char text[INET_ADDRSTRLEN];
	struct in_addr a;
	uint32_t len = 32;
	size_t n;

	if (strcmp(s, "default") == 0) {
		*addr = 0;
		*plen = 0;
		return 0;
	}
	n = slash != NULL ? (size_t)(slash - s) : strlen(s);
	if (n >= sizeof(text))
		return words_fail(e, s, "not an IPv4 prefix like 192.0.2.0/24");
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, &a) != 1)
		return words_fail(e, s, "not an IPv4 prefix like 192.0.2.0/24");
	if (slash != NULL && words_u32(slash + 1, 0, 32, &len, e) != 0)
		return words_fail(e, s, "the prefix length is not 0 to 32");
	*addr = a.s_addr;
	*plen = len;
	return 0;
}

int
words_prefix(
    const char *s, uint32_t *addr, unsigned int *plen, struct words_error *e)
{
	char text[WORDS_TEXT_MAX];
	unsigned int len = 0;
	uint32_t a = 0;

	if (words_inet(s, &a, &len, e) != 0)
		return -EINVAL;
	if ((a & ~words_mask(len)) != 0)
		return words_fail(e, s,
		    "bits beyond the prefix are set, the network is %s",
		    words_show_prefix(a & words_mask(len), len, text));
	*addr = a;
	*plen = len;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
words_lladdr(const char *s, uint8_t out[6], struct words_error *e)
{
	uint8_t a[6];

	if (strlen(s) != 17)
		goto bad;
	for (size_t i = 0; i < 6; i++) {
		const int hi = hex_digit(s[3 * i]);
		const int lo = hex_digit(s[3 * i + 1]);

		if (hi < 0 || lo < 0 || s[3 * i + 2] != (i < 5 ? ':' : '\0'))
			goto bad;
		a[i] = (uint8_t)(hi << 4 | lo);
	}
	memcpy(out, a, sizeof(a));
	return 0;
bad:
	return words_fail(e, s, "not a link address like 02:00:00:00:00:01");
}

int
words_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out,
    struct words_error *e)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9' && p - s < 10; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	if (p == s || *p != '\0' || v < min || v > max)
		return words_fail(e, s, "not a number from %u to %u",
		    (unsigned int)min, (unsigned int)max);
	*out = (uint32_t)v;
	return 0;
}

int
words_seconds(const char *s, uint64_t *ms, struct words_error *e)
{
	uint64_t v = 0;
	const char *p = s;
	unsigned int scale = 1000;

	for (; *p >= '0' && *p <= '9' && p - s < 9; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	v *= 1000;
	if (p != s && *p == '.' && p[1] != '\0') {
		for (p++; *p >= '0' && *p <= '9' && scale > 1; p++) {
			scale /= 10;
			v += (uint64_t)(*p - '0') * scale;
		}
	}
	if (p == s || *p != '\0' || v > WORDS_MS_MAX)
		return words_fail(e, s,
		    "not seconds, up to a year and in thousandths at best");
	*ms = v;
	return 0;
}

int
words_onoff(const char *s, bool *out, struct words_error *e)
{
	const bool on = strcmp(s, "on") == 0;

	if (!on && strcmp(s, "off") != 0)
		return words_fail(e, s, "neither on nor off");
	*out = on;
	return 0;
}

int
words_switch(const char *s, uint32_t *out, struct words_error *e)
{
	static const char *const words[] = {"off", "on", "auto"};
	uint32_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(s, words[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	if (words_u32(s, 0, UINT32_MAX, out, e) != 0)
		return words_fail(e, s, "neither on, off, auto nor a number");
	return 0;
}

int
words_name(const char *s, char out[WORDS_NAME_MAX], struct words_error *e)
{
	const size_t n = strlen(s);

	if (n == 0 || n >= WORDS_NAME_MAX)
		return words_fail(e, s,
		    "an interface name has 1 to %d characters",
		    WORDS_NAME_MAX - 1);
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= ' ' || s[i] >= 0x7f || s[i] == '/' || s[i] == '"')
			return words_fail(e, s,
			    "an interface name has no blank, '/', '\"' or "
			    "character beyond ASCII");
	}
	memcpy(out, s, n + 1);
	return 0;
}

const char *
words_show_ipv4(uint32_t addr, char out[WORDS_TEXT_MAX])
{
	const struct in_addr a = {.s_addr = addr};

	return inet_ntop(AF_INET, &a, out, WORDS_TEXT_MAX);
}

const char *
words_show_prefix(uint32_t addr, unsigned int plen, char out[WORDS_TEXT_MAX])
{
	size_t n;

	if (plen == 0 && addr == 0)
		return memcpy(out, "default", sizeof("default"));
	words_show_ipv4(addr, out);
	n = strlen(out);
	if (plen != 32)
		snprintf(out + n, WORDS_TEXT_MAX - n, "/%u", plen);
	return out;
}

const char *
words_show_lladdr(const uint8_t a[6], char out[WORDS_TEXT_MAX])
{
	snprintf(out, WORDS_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", a[0],
	    a[1], a[2], a[3], a[4], a[5]);
	return out;
}

uint32_t
words_mask(unsigned int plen)
{
	return plen == 0 ? 0 : htonl(UINT32_MAX << (32 - plen));
}
