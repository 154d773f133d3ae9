/* SPDX-License-Identifier: BSD-2-Clause */

#include "drivers/args/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

bool
args_next(const char **args, struct args_word *out)
{
	const char *at = *args;
	char *to = out->key, *end = out->key + ARGS_WORD_MAX - 1;
	bool in_value = false;

	if (at == NULL)
		return false;
	at += strspn(at, " \t");
	if (*at == '\0')
		return false;
	*out = (struct args_word){.key = ""};
	for (; *at != '\0' && *at != ' ' && *at != '\t'; at++) {
		if (*at == '=' && !in_value) {
			in_value = true;
			to = out->value;
			end = out->value + ARGS_WORD_MAX - 1;
		} else if (to < end) {
			*to++ = *at;
		}
	}
	*args = at;
	return true;
}

static int
parse(const char *value, const struct unit *units, uint64_t max, uint64_t *out)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)value[0]))
		return -EINVAL;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno != 0)
		return -EINVAL;
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (strcasecmp(end, u->name) != 0)
			continue;
		if (n > max / u->factor)
			return -EINVAL;
		*out = n * u->factor;
		return 0;
	}
	return -EINVAL;
}

int
args_rate(const char *value, uint64_t *out)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"k", 1000},
	    {"m", 1000000},
	    {"g", 1000000000},
	    {NULL, 0},
	};

	return parse(value, units, UINT64_MAX, out);
}

int
args_time(const char *value, uint64_t *out)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"ns", 1},
	    {"us", 1000},
	    {"ms", 1000000},
	    {"s", 1000000000},
	    {NULL, 0},
	};

	return parse(value, units, UINT64_MAX, out);
}

int
args_uint(const char *value, uint64_t max, uint64_t *out)
{
	static const struct unit units[] = {{"", 1}, {NULL, 0}};

	return parse(value, units, max, out);
}

int
args_bool(const char *value, bool *out)
{
	static const struct {
		const char *name;
		bool value;
	} names[] = {
	    {"on", true},
	    {"off", false},
	    {"yes", true},
	    {"no", false},
	    {"1", true},
	    {"0", false},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(value, names[i].name) == 0) {
			*out = names[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

int
args_hwaddr(const char *value, uint8_t out[6])
{
	unsigned int b[6];
	uint8_t any = 0;
	int used = 0;

	if (strlen(value) != 17 ||
	    sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2],
		&b[3], &b[4], &b[5], &used) != 6 ||
	    used != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		any |= (uint8_t)b[i];
	if (any == 0 || (b[0] & 1) != 0)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	return 0;
}

int
args_fail(char *err, size_t errlen, int error, const char *fmt, ...)
{
	va_list ap;

	if (errlen != 0) {
		va_start(ap, fmt);
		(void)vsnprintf(err, errlen, fmt, ap);
		va_end(ap);
	}
	return error;
}

int
args_bad(char *err, size_t errlen, const struct args_word *word)
{
	return args_fail(err, errlen, -EINVAL, "bad word \"%s%s%s\"", word->key,
	    word->value[0] != '\0' ? "=" : "", word->value);
}

const char *
args_reason(int error)
{
	const char *text = strerrordesc_np(-error);

	return text != NULL ? text : "unknown error";
}
