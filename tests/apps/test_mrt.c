/* SPDX-License-Identifier: BSD-2-Clause */

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/apps/filetest.h"
#include "tests/apps/mrtbuild.h"

#define V6_HOP UINT64_C(0x20010db800000000)

static void
refuses(const struct mrtbuild *b, const char *expected)
{
	char shown[512];

	cr_assert_eq(
	    filetest_fails(filetest_open(b->data, b->n), shown, sizeof(shown)),
	    -EINVAL);
	cr_assert_not_null(strstr(shown, expected), "\"%s\" is not in \"%s\"",
	    expected, shown);
}

/* 192.0.2.0/24 by both peers. */
static void
put_rib(struct mrtbuild *b, uint32_t second_peer)
{
	mrtbuild_begin(b, 13, 2);
	mrtbuild_number(b, 4, 0);
	mrtbuild_number(b, 4, 0x18c00002);
	mrtbuild_number(b, 2, 2);
	mrtbuild_rib_entry(b, 0, 0x0a000001);
	mrtbuild_rib_entry(b, second_peer, 0x0a000002);
	mrtbuild_end(b, 0);
}

Test(mrt, a_rib_has_the_routes_of_all_peers)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile_entry e;
	struct tablefile *f;

	mrtbuild_index(&b);
	put_rib(&b, 1);
	f = filetest_open(b.data, b.n);
	e = filetest_next(f);
	cr_assert_str_eq(tablefile_format(f), "MRT");
	cr_assert_str_eq(filetest_prefix(&e), "192.0.2.0/24");
	cr_assert_eq(e.at, 2);
	cr_assert_eq(e.usec, UINT64_C(2000000000));
	cr_assert_eq(e.peer_family, 4);
	cr_assert_eq(memcmp(e.peer, (uint8_t[]){192, 0, 2, 1}, 4), 0);
	cr_assert_eq(e.hop_kind, TABLEFILE_HOP_INET);
	cr_assert_eq(memcmp(e.hop, (uint8_t[]){10, 0, 0, 1}, 4), 0);
	cr_assert_not(e.again);
	e = filetest_next(f);
	cr_assert_eq(e.peer_family, 6);
	cr_assert_eq(e.peer[15], 1);
	cr_assert_eq(e.hop[3], 2);
	cr_assert(e.again);
	filetest_end(f);
}

/* 2001:db8:8000::/33; whole: with all of MP_REACH up to the next hop. */
static void
put_rib6(struct mrtbuild *b, uint32_t subtype, size_t hop, bool whole)
{
	const size_t attr = (whole ? 3 : 0) + 1 + hop;

	mrtbuild_begin(b, 13, subtype);
	mrtbuild_number(b, 4, 0);
	mrtbuild_number(b, 1, 33);
	mrtbuild_number(b, 5, UINT64_C(0x20010db8ff)); /* 7 bits too many */
	mrtbuild_number(b, 2, 1);
	mrtbuild_number(b, 2, 1);
	mrtbuild_number(b, 4, 0);
	if (subtype == 10)
		mrtbuild_number(b, 4, 77); /* path */
	mrtbuild_number(b, 2, 4 + attr);
	mrtbuild_number(b, 2, 0x900e); /* a length of two bytes */
	mrtbuild_number(b, 2, attr);
	if (whole)
		mrtbuild_number(b, 3, 0x000201);
	mrtbuild_number(b, 1, hop);
	mrtbuild_number(b, 8, V6_HOP);
	mrtbuild_number(b, 8, 9);
	for (size_t i = 16; i < hop; i++)
		mrtbuild_number(b, 1, 0xfe);
	mrtbuild_end(b, 0);
}

Test(mrt, a_rib_of_ipv6_has_its_next_hop_in_either_form)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile *f;

	mrtbuild_index(&b);
	put_rib6(&b, 4, 16, false);
	put_rib6(&b, 4, 32, false);
	put_rib6(&b, 10, 16, false);
	put_rib6(&b, 4, 16, true);
	f = filetest_open(b.data, b.n);
	for (int i = 0; i < 4; i++) {
		const struct tablefile_entry e = filetest_next(f);

		cr_assert_str_eq(filetest_prefix(&e), "2001:db8:8000::/33");
		cr_assert_eq(e.hop_kind, TABLEFILE_HOP_INET6);
		cr_assert_eq(e.hop[0], 0x20);
		cr_assert_eq(e.hop[15], 9);
	}
	filetest_end(f);
}

/* TABLE_DUMP of 198.51.100.0/24 with host bits. */
static void
put_table_dump(struct mrtbuild *b, uint32_t peer)
{
	mrtbuild_begin(b, 12, 1);
	mrtbuild_number(b, 4, 7);
	mrtbuild_number(b, 4, 0xc63364ff);
	mrtbuild_number(b, 2, 0x1801);
	mrtbuild_number(b, 4, 5);
	mrtbuild_number(b, 4, peer);
	mrtbuild_number(b, 2, 65001);
	mrtbuild_number(b, 2, 7);
	mrtbuild_number(b, 3, 0x400304);
	mrtbuild_number(b, 4, 0x0a000003);
	mrtbuild_end(b, 0);
}

Test(mrt, an_old_table_dump_has_a_record_for_each_route)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile_entry e;
	struct tablefile *f;

	put_table_dump(&b, 0xc0000201);
	put_table_dump(&b, 0xc0000202);
	f = filetest_open(b.data, b.n);
	e = filetest_next(f);
	cr_assert_str_eq(filetest_prefix(&e), "198.51.100.0/24");
	cr_assert_eq(e.peer[3], 1);
	cr_assert_eq(e.hop[3], 3);
	cr_assert_not(e.again);
	e = filetest_next(f);
	cr_assert_eq(e.at, 2);
	cr_assert_eq(e.peer[3], 2);
	cr_assert(e.again);
	filetest_end(f);
}

/* Withdraws 10.0.0.0/8 and announces 10.64.0.0/10 and 0.0.0.0/0. */
static void
put_update(struct mrtbuild *b, uint32_t subtype)
{
	const size_t path = subtype == 9 ? 4 : 0;

	mrtbuild_message(b, subtype, 2 + 2 + path + 2 + 7 + 4 + 2 * path);
	mrtbuild_number(b, 2, 2 + path);
	mrtbuild_number(b, path, 1);
	mrtbuild_number(b, 2, 0x080a);
	mrtbuild_number(b, 2, 7);
	mrtbuild_number(b, 3, 0x400304);
	mrtbuild_number(b, 4, 0x0a000004);
	mrtbuild_number(b, path, 1);
	mrtbuild_number(b, 3, 0x0a0a7f);
	mrtbuild_number(b, path, 1);
	mrtbuild_number(b, 1, 0);
	mrtbuild_end(b, 0);
}

Test(mrt, an_update_withdraws_and_announces)
{
	static const uint32_t subtypes[] = {4, 9};

	for (size_t i = 0; i < 2; i++) {
		struct mrtbuild b = {.n = 0};
		struct tablefile_entry e;
		struct tablefile *f;

		put_update(&b, subtypes[i]);
		f = filetest_open(b.data, b.n);
		e = filetest_next(f);
		cr_assert_eq(e.action, TABLEFILE_WITHDRAW);
		cr_assert_str_eq(filetest_prefix(&e), "10.0.0.0/8");
		cr_assert_eq(e.hop_kind, TABLEFILE_HOP_NONE);
		cr_assert_eq(e.usec, UINT64_C(1000000000));
		e = filetest_next(f);
		cr_assert_eq(e.action, TABLEFILE_ANNOUNCE);
		cr_assert_str_eq(filetest_prefix(&e), "10.64.0.0/10");
		cr_assert_eq(e.hop[3], 4);
		cr_assert_eq(e.peer[0], 192);
		e = filetest_next(f);
		cr_assert_str_eq(filetest_prefix(&e), "0.0.0.0/0");
		filetest_end(f);
	}
}

/* MP_UNREACH of 2001:db8::/32, MP_REACH of 2001:db8:1::/48, labels ignored. */
Test(mrt, an_update_of_ipv6_is_in_its_attributes)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile_entry e;
	struct tablefile *f;

	mrtbuild_message(&b, 4, 2 + 2 + (3 + 3 + 5) + (3 + 21 + 7) + (3 + 6));
	mrtbuild_number(&b, 2, 0);
	mrtbuild_number(&b, 2, (3 + 3 + 5) + (3 + 21 + 7) + (3 + 6));
	mrtbuild_number(&b, 3, 0x800f08);
	mrtbuild_number(&b, 3, 0x000201);
	mrtbuild_number(&b, 5, UINT64_C(0x2020010db8));
	mrtbuild_number(&b, 3, 0x800e1c);
	mrtbuild_number(&b, 4, 0x00020110);
	mrtbuild_number(&b, 8, V6_HOP);
	mrtbuild_number(&b, 8, 5);
	mrtbuild_number(&b, 1, 0);
	mrtbuild_number(&b, 7, UINT64_C(0x3020010db80001));
	mrtbuild_number(&b, 3, 0x800f06);
	mrtbuild_number(&b, 6, UINT64_C(0x000104010203)); /* SAFI 4 */
	mrtbuild_end(&b, 0);
	f = filetest_open(b.data, b.n);
	e = filetest_next(f);
	cr_assert_eq(e.action, TABLEFILE_WITHDRAW);
	cr_assert_str_eq(filetest_prefix(&e), "2001:db8::/32");
	e = filetest_next(f);
	cr_assert_eq(e.action, TABLEFILE_ANNOUNCE);
	cr_assert_str_eq(filetest_prefix(&e), "2001:db8:1::/48");
	cr_assert_eq(e.hop[15], 5);
	filetest_end(f);
}

Test(mrt, microseconds_count_and_other_records_are_skipped)
{
	struct mrtbuild b = {.n = 0};
	struct tablefile_entry e;
	struct tablefile *f;

	mrtbuild_begin(&b, 11, 0); /* OSPF */
	mrtbuild_number(&b, 4, 1);
	mrtbuild_end(&b, 0);
	mrtbuild_begin(&b, 16, 0); /* a change of state */
	mrtbuild_number(&b, 4, 1);
	mrtbuild_end(&b, 0);
	put_update(&b, 7); /* the collector's own */
	b.record = b.n;
	put_update(&b, 4);
	memmove(b.data + b.record + 16, b.data + b.record + 12,
	    b.n - b.record - 12);
	b.n = b.record + 12;
	mrtbuild_number(&b, 4, 345678);
	b.data[b.record + 5] = 17;
	b.data[b.record + 11] += 4;
	b.n = b.record + 12 + b.data[b.record + 11];
	f = filetest_open(b.data, b.n);
	e = filetest_next(f);
	cr_assert_eq(e.at, 4);
	cr_assert_eq(e.usec, UINT64_C(1000345678));
	filetest_next(f);
	filetest_next(f);
	filetest_end(f);
}

/* Whatever is cut off at the end: never a result without an error. */
Test(mrt, a_file_that_ends_in_a_record_is_refused)
{
	struct mrtbuild b = {.n = 0};
	size_t whole;
	char shown[512];

	mrtbuild_index(&b);
	whole = b.n;
	put_rib(&b, 1);
	for (size_t n = whole + 1; n < b.n; n++) {
		cr_assert_eq(filetest_fails(filetest_open(b.data, n), shown,
				 sizeof(shown)),
		    -EINVAL);
		cr_assert_not_null(
		    strstr(shown, "F: record 2: the file ends"), "%s", shown);
	}
}

/* The same with lengths that agree: the record ends before its contents. */
Test(mrt, a_record_shorter_than_its_contents_is_refused)
{
	static void (*const put[])(struct mrtbuild *, uint32_t) = {
	    put_rib, put_update, put_table_dump};

	for (size_t i = 0; i < 3; i++) {
		struct mrtbuild b = {.n = 0};
		size_t begin, end;

		mrtbuild_index(&b);
		begin = b.n;
		put[i](&b, i == 1 ? 4 : 1);
		end = b.n;
		for (size_t n = begin + 12; n < end; n++) {
			b.n = n;
			b.record = begin;
			mrtbuild_end(&b, 0);
			refuses(&b, "F: record 2: ");
		}
		b.n = end;
		mrtbuild_number(&b, 1, 0);
		b.record = begin;
		mrtbuild_end(&b, 0);
		refuses(&b, "F: record 2: ");
	}
}

Test(mrt, what_makes_no_sense_is_refused)
{
	struct mrtbuild b = {.n = 0};

	put_rib(&b, 1);
	refuses(&b, "record 1: no index of the peers");
	b.n = 0;
	mrtbuild_index(&b);
	put_rib(&b, 2);
	refuses(&b, "record 2: peer 2 of 2");
	b.n = 0;
	put_table_dump(&b, 1);
	b.data[12 + 8] = 33;
	refuses(&b, "record 1: a prefix of 33 bits");
	b.data[7] = 3;
	refuses(&b, "record 1: address family 3");
	b.n = 0;
	put_update(&b, 4);
	b.data[7] = 12;
	refuses(&b, "record 1: subtype 12 of BGP4MP");
	b.n = 0;
	mrtbuild_index(&b);
	mrtbuild_begin(&b, 99, 0);
	mrtbuild_end(&b, 0);
	refuses(&b, "record 2: type 99");
}

Test(mrt, zeros_are_no_records)
{
	struct mrtbuild b = {.n = 1200};

	refuses(&b, "F:1: the line has a NUL character");
	b.n = 5;
	refuses(&b, "F:1: the line has a NUL character");
	b.n = 0;
	mrtbuild_index(&b);
	put_rib(&b, 1);
	b.n += 512;
	refuses(&b, "record 3: type 0 of MRT");
}
