/* SPDX-License-Identifier: BSD-2-Clause */

#include "apps/tablefile_line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Cut the next blank-separated word out of *line.  Returns: NULL at the end. */
static char *
cut_word(char **line)
{
	char *s = *line + strspn(*line, " \t\r"), *end;

	if (*s == '\0' || *s == '#')
		return NULL;
	end = s + strcspn(s, " \t\r#");
	if (*end == '#')
		*end = '\0';
	*line = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return s;
}

static int
prefix6(const char *s, uint8_t prefix[16], uint8_t *plen, struct words_error *e)
{
	const char *slash = strchr(s, '/');
	const size_t n = slash != NULL ? (size_t)(slash - s) : strlen(s);
	char text[INET6_ADDRSTRLEN];
	uint32_t len = 128;
	uint8_t a[16];

	if (n >= sizeof(text))
		return words_fail(e, s, "not a prefix like 2001:db8::/32");
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, a) != 1)
		return words_fail(e, s, "not a prefix like 2001:db8::/32");
	if (slash != NULL && words_u32(slash + 1, 0, 128, &len, e) != 0)
		return words_fail(e, s, "the prefix length is not 0 to 128");
	for (uint32_t bit = len; bit < 128; bit++) {
		if ((a[bit / 8] >> (7 - bit % 8) & 1) != 0)
			return words_fail(
			    e, s, "bits beyond the prefix are set");
	}
	memcpy(prefix, a, sizeof(a));
	*plen = (uint8_t)len;
	return 0;
}

int
tablefile_prefix(const char *s, uint8_t *family, uint8_t prefix[16],
    uint8_t *plen, struct words_error *e)
{
	unsigned int len;
	uint32_t a;

	if (strchr(s, ':') != NULL) {
		if (prefix6(s, prefix, plen, e) != 0)
			return -EINVAL;
		*family = 6;
		return 0;
	}
	if (words_prefix(s, &a, &len, e) != 0)
		return -EINVAL;
	memset(prefix, 0, 16);
	memcpy(prefix, &a, 4);
	*plen = (uint8_t)len;
	*family = 4;
	return 0;
}

const char *
tablefile_show_prefix(uint8_t family, const uint8_t *prefix, unsigned int plen,
    char out[TABLEFILE_TEXT_MAX])
{
	size_t n;

	if (inet_ntop(family == 4 ? AF_INET : AF_INET6, prefix, out,
		TABLEFILE_TEXT_MAX) == NULL)
		out[0] = '\0';
	n = strlen(out);
	snprintf(out + n, TABLEFILE_TEXT_MAX - n, "/%u", plen);
	return out;
}

/* Returns: 4 or 6, or 0 if s is no address. */
static uint8_t
parse_address(const char *s, uint8_t out[16])
{
	memset(out, 0, 16);
	if (strchr(s, ':') != NULL)
		return inet_pton(AF_INET6, s, out) == 1 ? 6 : 0;
	return inet_pton(AF_INET, s, out) == 1 ? 4 : 0;
}

static int
parse_hop(const char *s, struct tablefile_entry *out, struct words_error *e)
{
	static const uint8_t zero[16];
	uint8_t family;

	if (s[strspn(s, "0123456789")] == '\0') {
		out->hop_kind = TABLEFILE_HOP_ID;
		return words_u32(s, 1, UINT32_MAX, &out->hop_id, e);
	}
	family = parse_address(s, out->hop);
	if (family == 0)
		return words_fail(e, s, "neither an address nor an id");
	if (memcmp(out->hop, zero, sizeof(zero)) == 0)
		return words_fail(e, s, "not a gateway");
	out->hop_kind = family == 4 ? TABLEFILE_HOP_INET : TABLEFILE_HOP_INET6;
	return 0;
}

int
tablefile_line_list(
    char *line, struct tablefile_entry *out, struct words_error *e)
{
	char *prefix = cut_word(&line), *hop, *extra;

	if (prefix == NULL)
		return 0;
	if (tablefile_prefix(
		prefix, &out->family, out->prefix, &out->plen, e) != 0)
		return -EINVAL;
	hop = cut_word(&line);
	if (hop != NULL && strcmp(hop, "via") == 0) {
		hop = cut_word(&line);
		if (hop == NULL)
			return words_fail(e, "via", "a value must follow");
	}
	extra = cut_word(&line);
	if (extra != NULL)
		return words_fail(e, extra, "unexpected word");
	out->action = TABLEFILE_ROUTE;
	if (hop != NULL && parse_hop(hop, out, e) != 0)
		return -EINVAL;
	return 1;
}

/* "1445565695.584878" in microseconds; at most 6 digits count. */
static int
parse_time(const char *s, uint64_t *out, struct words_error *e)
{
	static const char digits[] = "0123456789";
	const size_t whole = strspn(s, digits);
	const char *dot = s + whole;
	const size_t part = *dot == '.' ? strspn(dot + 1, digits) : 0;
	uint64_t v = 0;

	if (whole == 0 || whole > 12 ||
	    (*dot == '.' ? part == 0 || dot[1 + part] != '\0' : *dot != '\0'))
		return words_fail(e, s, "not a time in seconds");
	for (size_t i = 0; i < whole; i++)
		v = v * 10 + (uint64_t)(s[i] - '0');
	for (size_t i = 0; i < 6; i++)
		v = v * 10 + (i < part ? (uint64_t)(dot[1 + i] - '0') : 0);
	*out = v;
	return 0;
}

bool
tablefile_line_is_trace(const char *line)
{
	char copy[TABLEFILE_LINE_MAX], *rest = copy, *time, *action;
	struct words_error none;
	uint64_t usec;

	snprintf(copy, sizeof(copy), "%s", line);
	time = cut_word(&rest);
	action = time != NULL ? cut_word(&rest) : NULL;
	return action != NULL && parse_time(time, &usec, &none) == 0 &&
	       (strcmp(action, "A") == 0 || strcmp(action, "W") == 0);
}

static int
trace_words(char *word[6], struct tablefile_entry *out, struct words_error *e)
{
	if (parse_time(word[0], &out->usec, e) != 0)
		return -EINVAL;
	if (strcmp(word[1], "A") != 0 && strcmp(word[1], "W") != 0)
		return words_fail(e, word[1], "neither A nor W");
	out->action =
	    word[1][0] == 'A' ? TABLEFILE_ANNOUNCE : TABLEFILE_WITHDRAW;
	if (tablefile_prefix(
		word[2], &out->family, out->prefix, &out->plen, e) != 0)
		return -EINVAL;
	if (out->action == TABLEFILE_WITHDRAW) {
		if (strcmp(word[3], "-") != 0 && strcmp(word[3], "0") != 0)
			return words_fail(e, word[3],
			    "the next hop of a withdrawal is \"-\" or 0");
	} else if (parse_hop(word[3], out, e) != 0) {
		return -EINVAL;
	}
	if (word[4] != NULL) {
		out->peer_family = parse_address(word[4], out->peer);
		if (out->peer_family == 0)
			return words_fail(e, word[4], "not an address");
	}
	if (word[5] != NULL)
		return words_fail(e, word[5], "unexpected word");
	return 1;
}

int
tablefile_line_trace(
    char *line, struct tablefile_entry *out, struct words_error *e)
{
	char *word[6];

	for (size_t i = 0; i < 6; i++)
		word[i] = cut_word(&line);
	if (word[0] == NULL)
		return 0;
	if (word[3] == NULL)
		return words_fail(
		    e, word[0], "not \"TIME A|W PREFIX NEXT-HOP [PEER]\"");
	return trace_words(word, out, e);
}
