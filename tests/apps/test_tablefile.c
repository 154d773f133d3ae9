/* SPDX-License-Identifier: BSD-2-Clause */

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/apps/filetest.h"

/* "10.0.0.0/8\n2001:db8::/32\n" as the four programs pack it. */
static const uint8_t gzip_file[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x02, 0x03, 0x33, 0x34, 0xd0, 0x03, 0x43, 0x7d, 0x0b, 0x2e, 0x23,
    0x03, 0x03, 0x43, 0xab, 0x94, 0x24, 0x0b, 0x2b, 0x2b, 0x7d, 0x63, 0x23,
    0x2e, 0x00, 0x2d, 0xff, 0x83, 0xc3, 0x19, 0x00, 0x00, 0x00};
static const uint8_t xz_file[] = {0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00,
    0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x1c, 0x00, 0x00,
    0x00, 0x10, 0xcf, 0x58, 0xcc, 0x01, 0x00, 0x18, 0x31, 0x30, 0x2e, 0x30,
    0x2e, 0x30, 0x2e, 0x30, 0x2f, 0x38, 0x0a, 0x32, 0x30, 0x30, 0x31, 0x3a,
    0x64, 0x62, 0x38, 0x3a, 0x3a, 0x2f, 0x33, 0x32, 0x0a, 0x00, 0x00, 0x00,
    0x00, 0x85, 0x78, 0x54, 0x3e, 0xcf, 0x36, 0x26, 0x33, 0x00, 0x01, 0x31,
    0x19, 0x59, 0x1a, 0xb0, 0x82, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x04, 0x59, 0x5a};
static const uint8_t bzip2_file[] = {0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59,
    0x26, 0x53, 0x59, 0xcc, 0x7d, 0xdd, 0x9e, 0x00, 0x00, 0x06, 0xd9, 0x00,
    0x00, 0x10, 0x00, 0x01, 0xf8, 0x50, 0x14, 0x00, 0x20, 0x00, 0x31, 0x00,
    0xd3, 0x4d, 0x04, 0x03, 0x46, 0x40, 0xd0, 0xe6, 0x37, 0x1c, 0x56, 0x41,
    0x92, 0xc8, 0xa5, 0xd5, 0xe2, 0xee, 0x48, 0xa7, 0x0a, 0x12, 0x19, 0x8f,
    0xbb, 0xb3, 0xc0};
static const uint8_t zstd_file[] = {0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x19, 0xc9,
    0x00, 0x00, 0x31, 0x30, 0x2e, 0x30, 0x2e, 0x30, 0x2e, 0x30, 0x2f, 0x38,
    0x0a, 0x32, 0x30, 0x30, 0x31, 0x3a, 0x64, 0x62, 0x38, 0x3a, 0x3a, 0x2f,
    0x33, 0x32, 0x0a, 0x26, 0x04, 0x46, 0x2b};
static const struct {
	const uint8_t *data;
	size_t n;
} packed[] = {
    {gzip_file, sizeof(gzip_file)},
    {xz_file, sizeof(xz_file)},
    {bzip2_file, sizeof(bzip2_file)},
    {zstd_file, sizeof(zstd_file)},
};

/* Packed files can be read only with the libraries. */
static bool
can_unpack(const uint8_t *data, size_t n, struct tablefile **out)
{
	struct tablefile_error e;
	const int rc = tablefile_open(filetest_fd(data, n), out, &e);

	cr_assert(rc == 0 || (rc == -ENOTSUP &&
				 strstr(e.what.reason, "without") != NULL),
	    "%d: %s", rc, e.what.reason);
	return rc == 0;
}

Test(tablefile, a_list_has_both_families_and_every_kind_of_next_hop)
{
	struct tablefile *f = filetest_text("# comment\n"
					    "10.0.0.0/8\n"
					    "\n"
					    "  192.168.0.0/16\t10.1.2.3 # why\n"
					    "default via 10.1.2.4\r\n"
					    "2001:db8::/32 fe80::1\n"
					    "::/0\t4294967295\n"
					    "1.2.3.4 7");
	struct tablefile_entry e = filetest_next(f);

	cr_assert_str_eq(tablefile_format(f), "list");
	cr_assert_str_eq(filetest_prefix(&e), "10.0.0.0/8");
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_NONE);
	cr_assert_eq(e.action, TABLEFILE_ROUTE);
	cr_assert_eq(e.at, 2);
	e = filetest_next(f);
	cr_assert_eq(e.at, 4);
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_INET);
	cr_assert_eq(memcmp(e.hop, (uint8_t[]){10, 1, 2, 3}, 4), 0);
	e = filetest_next(f);
	cr_assert_str_eq(filetest_prefix(&e), "0.0.0.0/0");
	cr_assert_eq(e.hop[3], 4);
	e = filetest_next(f);
	cr_assert_str_eq(filetest_prefix(&e), "2001:db8::/32");
	cr_assert_eq(e.family, 6);
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_INET6);
	e = filetest_next(f);
	cr_assert_str_eq(filetest_prefix(&e), "::/0");
	cr_assert_eq(e.hop_id, UINT32_MAX);
	e = filetest_next(f);
	cr_assert_str_eq(filetest_prefix(&e), "1.2.3.4/32");
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_ID);
	cr_assert_eq(e.hop_id, 7);
	filetest_end(f);
}

Test(tablefile, an_empty_file_is_an_empty_list)
{
	filetest_end(filetest_text(""));
	filetest_end(filetest_text("\n# nothing\n"));
}

Test(tablefile, a_trace_is_told_from_a_list)
{
	struct tablefile *f = filetest_text(
	    "# recorded\n"
	    "1445565695.584878\tA\t178.215.220.0/22\t1\n"
	    "1470931200\tW\t2804:14d::/40\t-\t2001:7f8:54::188\n"
	    "1470931200.5\tA\t192.140.252.0/22\t37.49.236.1\t37.49.236.2\n"
	    "1470931201\tW\t192.140.252.0/22\t0\n");
	struct tablefile_entry e = filetest_next(f);

	cr_assert_str_eq(tablefile_format(f), "trace");
	cr_assert_eq(e.usec, UINT64_C(1445565695584878));
	cr_assert_eq(e.action, TABLEFILE_ANNOUNCE);
	cr_assert_eq(e.hop_id, 1);
	cr_assert_eq(e.peer_family, 0);
	e = filetest_next(f);
	cr_assert_eq(e.usec, UINT64_C(1470931200000000));
	cr_assert_eq(e.action, TABLEFILE_WITHDRAW);
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_NONE);
	cr_assert_eq(e.peer_family, 6);
	cr_assert_eq(e.peer[0], 0x20);
	e = filetest_next(f);
	cr_assert_eq(e.usec, UINT64_C(1470931200500000));
	cr_assert_eq(e.hop[0], 37);
	cr_assert_eq(e.peer[3], 2);
	cr_assert_eq(e.at, 4);
	e = filetest_next(f);
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_NONE);
	filetest_end(f);
}

static void
refuses(const char *text, const char *expected)
{
	char shown[512];

	cr_assert_eq(
	    filetest_fails(filetest_text(text), shown, sizeof(shown)), -EINVAL);
	cr_assert_not_null(strstr(shown, expected), "\"%s\" is not in \"%s\"",
	    expected, shown);
}

Test(tablefile, errors_name_the_line_the_word_and_the_reason)
{
	refuses("10.0.0.0/8\n10.0.0.1/8\n", "F:2: \"10.0.0.1/8\": bits");
	refuses("2001:db8::1/32\n", "F:1: \"2001:db8::1/32\": bits");
	refuses("2001:db8::/129\n", "length is not 0 to 128");
	refuses("2001:db8:/32\n", "not a prefix like");
	refuses("10.0.0.0/33\n", "length is not 0 to 32");
	refuses("\n\nten/8\n", "F:3: \"ten/8\"");
	refuses("10.0.0.0/8 gw\n", "\"gw\": neither an address nor an id");
	refuses("10.0.0.0/8 0\n", "not a number from 1");
	refuses("10.0.0.0/8 4294967296\n", "not a number");
	refuses("10.0.0.0/8 0.0.0.0\n", "not a gateway");
	refuses("10.0.0.0/8 via\n", "a value must follow");
	refuses("10.0.0.0/8 1 2\n", "\"2\": unexpected");
	refuses(
	    "1 A 10.0.0.0/8 1\n1.5x A 10.0.0.0/8 1\n", "F:2: \"1.5x\": not");
	refuses("1 A 10.0.0.0/8 1\n2 X 10.0.0.0/8 1\n", "neither A nor W");
	refuses("1 A 10.0.0.0/8 1\n2 A 10.0.0.0/8\n", "F:2: \"2\": not \"TIME");
	refuses("1 W 10.0.0.0/8 1\n", "of a withdrawal is");
	refuses("1 A 10.0.0.0/8 -\n", "neither an address");
	refuses("1 A 10.0.0.0/8 1 peer\n", "\"peer\": not an address");
	refuses("1 A 10.0.0.0/8 1 1.1.1.1 x\n", "unexpected word");
}

Test(tablefile, a_long_line_and_a_nul_are_refused)
{
	/* A short line, and one as long as may be. */
	char text[11 + TABLEFILE_LINE_MAX], shown[512];
	struct tablefile *f;

	memset(text, '#', sizeof(text));
	memcpy(text, "10.0.0.0/8\n10.1.0.0/16 ", 23);
	text[sizeof(text) - 1] = '\n';
	f = filetest_open(text, sizeof(text));
	filetest_next(f);
	filetest_next(f);
	filetest_end(f);
	text[sizeof(text) - 1] = '#';
	cr_assert_eq(filetest_fails(filetest_open(text, sizeof(text)), shown,
			 sizeof(shown)),
	    -EINVAL);
	cr_assert_not_null(strstr(shown, "F:2: the line exceeds"), "%s", shown);
	text[30] = '\0';
	text[40] = '\n';
	cr_assert_eq(filetest_fails(filetest_open(text, sizeof(text)), shown,
			 sizeof(shown)),
	    -EINVAL);
	cr_assert_not_null(
	    strstr(shown, "F:2: the line has a NUL"), "%s", shown);
}

Test(tablefile, every_packer_is_known_by_content)
{
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		struct tablefile_entry e;
		struct tablefile *f;

		if (!can_unpack(packed[i].data, packed[i].n, &f))
			continue;
		e = filetest_next(f);
		cr_assert_str_eq(filetest_prefix(&e), "10.0.0.0/8");
		e = filetest_next(f);
		cr_assert_str_eq(filetest_prefix(&e), "2001:db8::/32");
		filetest_end(f);
	}
}

Test(tablefile, streams_may_follow_each_other)
{
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		const size_t n = packed[i].n;
		uint8_t two[512] = {0};
		struct tablefile *f;

		memcpy(two, packed[i].data, n);
		memcpy(two + n, packed[i].data, n);
		if (!can_unpack(two, 2 * n + 4, &f))
			continue;
		for (int entry = 0; entry < 4; entry++)
			filetest_next(f);
		filetest_end(f);
	}
}

Test(tablefile, a_packed_file_that_is_cut_or_damaged_is_refused)
{
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		const size_t n = packed[i].n;
		struct tablefile *f;
		uint8_t bad[256];
		char shown[512];

		for (size_t cut = 12; cut < n; cut++) {
			if (!can_unpack(packed[i].data, cut, &f))
				continue;
			cr_assert_eq(
			    filetest_fails(f, shown, sizeof(shown)), -EBADMSG);
			cr_assert_not_null(strstr(shown, "F: the file ends"),
			    "%zu of %zu: %s", cut, n, shown);
		}
		memcpy(bad, packed[i].data, n);
		bad[n / 2] ^= 0x10;
		if (!can_unpack(bad, n, &f))
			continue;
		/* A line may have come out before the check at the end. */
		cr_assert_lt(filetest_fails(f, shown, sizeof(shown)), 0);
		bad[n / 2] ^= 0x10;
		memcpy(bad + n, "tail", 4);
		cr_assert(can_unpack(bad, n + 4, &f));
		cr_assert_eq(filetest_fails(f, shown, sizeof(shown)), -EBADMSG);
		cr_assert_not_null(strstr(shown, "F: "), "%s", shown);
	}
}

Test(tablefile, a_pipe_is_read_from_where_it_is)
{
	static const char text[] = "10.0.0.0/8\n10.1.0.0/16\n";
	struct tablefile_error e;
	struct tablefile *f;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(
	    write(ends[1], text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(ends[1]);
	cr_assert_eq(tablefile_open(ends[0], &f, &e), 0, "%s", e.what.reason);
	filetest_next(f);
	filetest_next(f);
	filetest_end(f);
}

Test(tablefile, what_cannot_be_read_says_why)
{
	struct tablefile_error e;
	struct tablefile *f;

	cr_assert_eq(tablefile_open(-1, &f, &e), -EBADF);
	cr_assert_str_eq(e.what.reason, strerror(EBADF));
}

/* Longer than any buffer on the way. */
Test(tablefile, a_long_list_comes_out_as_it_went_in)
{
	enum {
		LINES = 60000
	};
	char *text = malloc(LINES * 32);
	struct tablefile *f;
	size_t n = 0;

	cr_assert_not_null(text);
	for (uint32_t i = 0; i < LINES; i++)
		n += (size_t)snprintf(
		    text + n, 32, "10.%u.%u.0/24 %u\n", i >> 8, i & 255, i + 1);
	f = filetest_open(text, n);
	for (uint32_t i = 0; i < LINES; i++) {
		const struct tablefile_entry e = filetest_next(f);
		uint32_t prefix;

		memcpy(&prefix, e.prefix, 4);
		cr_assert_eq(ntohl(prefix), 10u << 24 | i << 8);
		cr_assert_eq(e.hop_id, i + 1);
		cr_assert_eq(e.at, i + 1);
	}
	cr_assert_eq(tablefile_position(f), n);
	filetest_end(f);
	free(text);
}
