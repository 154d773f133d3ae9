/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "drivers/args/args.h"

Test(args, splits_words_at_blanks_and_the_first_equal_sign)
{
	const char *args = "  dev=eth0\tpromisc key=a=b =x ";
	struct args_word w;

	cr_assert(args_next(&args, &w));
	cr_assert_str_eq(w.key, "dev");
	cr_assert_str_eq(w.value, "eth0");
	cr_assert(args_next(&args, &w));
	cr_assert_str_eq(w.key, "promisc");
	cr_assert_str_eq(w.value, "");
	cr_assert(args_next(&args, &w));
	cr_assert_str_eq(w.key, "key");
	cr_assert_str_eq(w.value, "a=b");
	cr_assert(args_next(&args, &w));
	cr_assert_str_eq(w.key, "");
	cr_assert_str_eq(w.value, "x");
	cr_assert(!args_next(&args, &w));
	args = NULL;
	cr_assert(!args_next(&args, &w));
}

Test(args, cuts_words_that_are_too_long)
{
	char text[400];
	const char *args = text;
	struct args_word w;

	memset(text, 'k', sizeof(text));
	text[199] = '=';
	text[399] = '\0';
	cr_assert(args_next(&args, &w));
	cr_assert_eq(strlen(w.key), ARGS_WORD_MAX - 1);
	cr_assert_eq(strlen(w.value), ARGS_WORD_MAX - 1);
	cr_assert(!args_next(&args, &w));
}

Test(args, reads_numbers_with_units)
{
	uint64_t n = 1;

	cr_assert_eq(args_rate("10M", &n), 0);
	cr_assert_eq(n, 10000000);
	cr_assert_eq(args_rate("3g", &n), 0);
	cr_assert_eq(n, 3000000000);
	cr_assert_eq(args_time("250us", &n), 0);
	cr_assert_eq(n, 250000);
	cr_assert_eq(args_time("2s", &n), 0);
	cr_assert_eq(n, 2000000000);
	cr_assert_eq(args_uint("7", 7, &n), 0);
	cr_assert_eq(n, 7);
}

Test(args, refuses_what_is_no_number)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1x", "0x10",
	    "k", "99999999999999999999", "18446744073709551615k"};
	uint64_t n = 5;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(args_rate(bad[i], &n), -EINVAL, "%s", bad[i]);
	cr_assert_eq(args_uint("8", 7, &n), -EINVAL);
	cr_assert_eq(n, 5);
}

Test(args, reads_switches)
{
	bool b = false;

	cr_assert_eq(args_bool("on", &b), 0);
	cr_assert(b);
	cr_assert_eq(args_bool("no", &b), 0);
	cr_assert(!b);
	cr_assert_eq(args_bool("maybe", &b), -EINVAL);
}

Test(args, reads_the_address_of_a_station)
{
	static const char *const bad[] = {"", "02:00:00:00:00", "2:0:0:0:0:1",
	    "02:00:00:00:00:01:", "02-00-00-00-00-01", "02:00:00:00:00:0g",
	    "01:00:00:00:00:00", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"};
	static const uint8_t good[6] = {0x02, 0xab, 0, 0, 0, 0x1f};
	uint8_t a[6] = {0};

	cr_assert_eq(args_hwaddr("02:aB:00:00:00:1f", a), 0);
	cr_assert_arr_eq(a, good, 6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(args_hwaddr(bad[i], a), -EINVAL, "%s", bad[i]);
	cr_assert_arr_eq(a, good, 6);
}

Test(args, explains_a_failure_within_its_room)
{
	char err[8];

	cr_assert_eq(
	    args_fail(err, sizeof(err), -EPERM, "number %d", 12), -EPERM);
	cr_assert_str_eq(err, "number ");
	cr_assert_eq(args_fail(NULL, 0, -EINVAL, "x"), -EINVAL);
	cr_assert_str_eq(args_reason(-EPERM), "Operation not permitted");
	cr_assert_str_eq(args_reason(-99999), "unknown error");
}
