/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The grace period of libsync/pserialize, on processors with store buffers.
 * NR readers run two sections each, NW writers unlink one object each, wait
 * for a grace period, which they may share, and free it.
 *
 * A store of a reader or writer goes through a buffer that the hardware drains
 * at any time.  Membarrier drains all buffers (MODE_FENCED: not there; a light
 * and a heavy fence drain the buffer of their own side only).
 *
 * Each step is there if its line is in the source:
 * @mirror HEAVY       libsync/pserialize/pserialize.c begin    sync_fence_heavy\(\)
 * @mirror SCAN        libsync/pserialize/pserialize.c begin    registry_each\(scan_one
 * @mirror NOTE        libsync/pserialize/pserialize.c scan_one PSERIALIZE_IN \|[^;]*t->snap\[d\] = v;
 * @mirror WAIT        libsync/pserialize/pserialize.c step_one PSERIALIZE_KEY\([^;]*held = true
 * @mirror NEXT        libsync/pserialize/pserialize.c start    \(s \+ 3\) & ~
 * @mirror FENCE_START libsync/pserialize/pserialize.c start    sync_fence_full\(\)
 * @mirror FENCE_ENTER libsync/pserialize/pserialize.c pserialize_enter_slow PSERIALIZE_SLOW\) != 0\) {\s*sync_fence_full
 * @mirror ENTER       libsync/pserialize/pserialize.h pserialize_domain_enter v \+ PSERIALIZE_IN\)
 *
 * And each is needed:
 * @run        NR=1 NW=2
 * @run        NR=2 NW=1
 * @run        NR=1 NW=2 MODE_FENCED=1
 * @must_fail  NR=1 NW=1 HEAVY=0
 * @must_fail  NR=1 NW=1 SCAN=0
 * @must_fail  NR=1 NW=1 NOTE=0
 * @must_fail  NR=1 NW=1 WAIT=0
 * @must_fail  NR=1 NW=2 NEXT=0
 * @must_fail  NR=1 NW=2 FENCE_START=0 MODE_FENCED=1
 * @must_fail  NR=1 NW=1 FENCE_ENTER=0 MODE_FENCED=1
 * @must_fail  NR=1 NW=1 ENTER=0
 */

#ifndef MODE_FENCED
#define MODE_FENCED 0
#endif

#define SECTIONS 2

byte word[NR];             /* odd inside a section; grows */
bool linked[NW], freed[NW];
byte seq;                  /* odd while a grace period runs */
bool leader;               /* its mutex */
byte snapped[NR];

/* Buffered stores: the new word; the unlinking. */
chan rbuf[NR] = [2] of { byte };
chan wbuf[NW] = [1] of { bool };

#define DRAIN_READER(i) \
	do :: len(rbuf[i]) > 0 -> rbuf[i]?word[i] :: else -> break od
#define DRAIN_WRITER(i) \
	do :: len(wbuf[i]) > 0 -> wbuf[i]?linked[i] :: else -> break od

proctype reader_buffer(byte i)
{
end:	do :: atomic { rbuf[i]?word[i] } od
}

proctype writer_buffer(byte i)
{
end:	do :: atomic { wbuf[i]?linked[i] } od
}

proctype reader(byte i)
{
	byte v = 0, n = 0, w;
	bool seen[NW];

	do
	:: n < SECTIONS ->
		/* enter */
#if ENTER
		rbuf[i]!v + 1;
#endif
#if MODE_FENCED && FENCE_ENTER
		atomic { DRAIN_READER(i) };
#endif
		/* find, one object after the other; then use what was found */
		w = 0;
		do
		:: w < NW -> seen[w] = linked[w]; w++
		:: else -> break
		od;
		w = 0;
		do
		:: w < NW -> assert(!seen[w] || !freed[w]); w++
		:: else -> break
		od;
		/* exit */
		v = v + 2;
		rbuf[i]!v;
		n++
	:: else -> break
	od
}

inline heavy()
{
#if HEAVY
	atomic {
		DRAIN_WRITER(w);
#if !MODE_FENCED
		k = 0;
		do :: k < NR -> DRAIN_READER(k); k++ :: else -> break od;
		k = 0;
		do :: k < NW -> DRAIN_WRITER(k); k++ :: else -> break od;
		k = 0;
#endif
	}
#else
	skip
#endif
}

proctype writer(byte w)
{
	byte want, k = 0;

	wbuf[w]!false;                 /* unlink */
	/* start */
#if FENCE_START
	atomic { DRAIN_WRITER(w) };
#endif
#if NEXT
	want = (seq + 3) & 254;
#else
	want = (seq + 2) & 254;        /* one that may have begun before */
#endif
	atomic { !leader -> leader = true; DRAIN_WRITER(w) };
	do
	:: seq < want ->
		/* begin */
		seq = seq + 1;
		heavy();
		k = 0;
		do
		:: k < NR ->
#if SCAN && NOTE
			snapped[k] = word[k];
#endif
			k++
		:: else -> break
		od;
		/* step, until no reader is left */
		k = 0;
		do
		:: k < NR ->
#if WAIT
			snapped[k] % 2 == 0 || word[k] != snapped[k];
#endif
			k++
		:: else -> break
		od;
		k = 0;
		seq = seq + 1
	:: else -> break
	od;
	leader = false;
	freed[w] = true
}

init
{
	byte i = 0;

	atomic {
		do
		:: i < NR -> run reader_buffer(i); run reader(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < NW -> linked[i] = true; run writer_buffer(i);
			run writer(i); i++
		:: else -> break
		od
	}
}
