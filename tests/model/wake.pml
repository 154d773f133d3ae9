/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A worker falls asleep while somebody brings it work: the two stores and two
 * loads of stack/core, on processors with store buffers.  Membarrier, the
 * heavy fence, drains all buffers; the light fence does nothing.
 *
 * Each step is there if its line is in the source:
 * @mirror ARM    stack/core/worker_thread.c try_sleep   sync_store_seq_cst\(&wi->armed, 1\);(?=[\s\S]*lfqueue_mpsc_empty)
 * @mirror HEAVY  stack/core/worker_thread.c try_sleep   sync_fence_heavy\(\)
 * @mirror LOOK   stack/core/worker_thread.c try_sleep   lfqueue_mpsc_empty\(&wi->mailbox\)
 * @mirror RING   stack/core/worker.c        worker_wake write\(wi->wake_fd
 * @mirror WAKE   stack/core/worker.c        worker_post worker_wake\(w\)
 *
 * And each is needed:
 * @run
 * @must_fail  ARM=0
 * @must_fail  HEAVY=0
 * @must_fail  LOOK=0
 * @must_fail  RING=0
 * @must_fail  WAKE=0
 */

bool work, armed, rang, awake;

chan poster_buffer = [1] of { bool };
chan worker_buffer = [2] of { bool };

proctype flush_poster()
{
end:	do :: atomic { poster_buffer?work } od
}

proctype flush_worker()
{
end:	do :: atomic { worker_buffer?armed } od
}

proctype poster()
{
	poster_buffer!true;            /* push */
	/* light fence */
#if WAKE
	if
	:: armed ->
#if RING
		rang = true
#else
		skip
#endif
	:: else -> skip
	fi
#endif
}

proctype worker()
{
	bool saw = false;

#if ARM
	worker_buffer!true;
#endif
#if HEAVY
	atomic {
		do :: len(worker_buffer) > 0 -> worker_buffer?armed
		:: else -> break od;
		do :: len(poster_buffer) > 0 -> poster_buffer?work
		:: else -> break od
	}
#endif
#if LOOK
	saw = work;
#endif
#if !ARM
	worker_buffer!true;            /* after the look */
#endif
	/* sleep: unless work was seen, only a bell ends it */
	saw || rang;
	awake = true
}

init
{
	atomic { run flush_poster(); run flush_worker(); run poster(); run worker() }
}
