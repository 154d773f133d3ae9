# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The routing table of apps/linux-fib: load it, ask it, break off, look up on
# all CPUs while it changes.
dev=/dev/libsync-fib data=/data

# fib_says TEXT: is it in the state of the tables?
fib_says()
{
	cat "$dev" | grep -q "$1"
}

# fib_ask LINE...: write them and print the answers.
fib_ask()
{
	exec 3<>"$dev" || return
	printf '%s\n' "$@" >&3
	fib_status=$?
	cat <&3
	exec 3>&-
	return $fib_status
}

fib_load()
{
	cat $data/table4 >"$dev" && cat $data/table6 >"$dev" &&
		fib_says "ipv4: $(wc -l <$data/table4) prefixes, 1 commits" &&
		fib_says "ipv6: $(wc -l <$data/table6) prefixes, 1 commits"
}

# What another program says of the same tables.
fib_answers()
{
	exec 3<>"$dev" && cat $data/questions >&3 &&
		cat <&3 >/tmp/answers && exec 3>&- &&
		cmp /tmp/answers $data/answers
}

# A line that cannot be done leaves nothing of those before it.
fib_bad_line()
{
	for bad in "route add 10.0.0.1/8 via 3" "route add 10.0.0.0/33 via 3" \
		"route add 10.0.0.0/8 via 0" "route add 10.0.0.0/8" \
		"route del 10.9.0.0/25" "rout add 10.0.0.0/8 via 3" \
		"route add $(head -n 1 $data/table4 | cut -f 1) via 3"; do
		printf 'route add 10.203.113.0/25 via 7\n\n%s\nroute add %s\n' \
			"$bad" "10.203.113.128/25 via 7" \
			>"$dev" 2>/dev/null && return 1
		dmesg | tail -n 1 | grep -q 'libsync-fib: line 3: ' || return 1
	done
	fib_ask "get 10.203.113.1" "get 10.203.113.129" >/tmp/left
	printf '10.203.113.%s unreachable\n' 1 129 | cmp /tmp/left -
}

# Nor does a loader that is killed.
fib_killed()
{
	sh -c 'echo "route add 10.203.113.0/24 via 9"; kill -9 $$' >"$dev"
	[ "$(fib_ask 'get 10.203.113.1')" = '10.203.113.1 unreachable' ]
}

# fib_left ANSWER...: what the table says of 10.203.113.1 to .N.
fib_left()
{
	fib_last=0
	for _ in "$@"; do
		fib_last=$((fib_last + 1))
		echo "get 10.203.113.$fib_last"
	done >/tmp/left.ask
	fib_ask "$(cat /tmp/left.ask)" >/tmp/left &&
		printf '%s\n' "$@" | cmp /tmp/left -
}

# A file that several processes have is one transaction until the last of them
# closes it; one that fails there takes with it what it has written itself only.
fib_shared()
{
	{
		echo "route add 10.203.113.1/32 via 3"
		/busybox true
		echo "bad line"
	} >"$dev" 2>/dev/null && return 1
	fib_left "10.203.113.1 unreachable" || return
	{
		echo "route add 10.203.113.1/32 via 3"
		sh -c 'exit 3'
		sh -c 'kill -9 $$'
		echo "route add 10.203.113.2/32 via 4"
	} >"$dev" &&
		fib_left "10.203.113.1 via 3 length 32" \
			"10.203.113.2 via 4 length 32" || return
	{
		echo "route del 10.203.113.1/32"
		sh -c 'echo "route del 10.203.113.2/32"; kill -9 $$'
		echo "route add 10.203.113.3/32 via 5"
	} >"$dev" 2>/dev/null && return 1
	fib_left "10.203.113.1 via 3 length 32" \
		"10.203.113.2 via 4 length 32" "10.203.113.3 unreachable" ||
		return
	printf 'route del 10.203.113.%s/32\n' 1 2 >"$dev"
}

# Whoever of two closes last, also where each finds the other still there.
fib_together()
{
	for n in $(seq 60); do
		{ : & echo "route replace 10.203.113.1/32 via $n"; } >"$dev"
		fib_left "10.203.113.1 via $n length 32" || return
	done
	echo "route del 10.203.113.1/32" >"$dev"
}

# One commit that empties the table and fills it.
fib_reload()
{
	{ echo clear; cat $data/table4 $data/table6; } >"$dev" &&
		fib_says "ipv4: .* 2 commits" && fib_says "ipv6: .* 2 commits" &&
		fib_answers
}

fib_busy()
{
	exec 4<"$dev"
	rmmod libsync_fib 2>/dev/null && return 1
	exec 4<&-
}

# The table does not fit: nothing of it is there.
fib_no_memory()
{
	rmmod libsync_fib && insmod /modules/libsync-fib.ko memory=2 &&
		echo "route add 198.51.100.0/24 via 5" >"$dev" || return
	seq 0 19999 | awk '{ printf "route add 192.%d.%d.1/32 via %d\n",
		$1 / 256, $1 % 256, $1 % 200 + 1 } END { print "commit" }' \
		>/tmp/large
	cat /tmp/large >"$dev" && return 1
	[ "$(fib_ask 'get 198.51.100.1')" = \
		'198.51.100.1 via 5 length 24' ] &&
		fib_says "ipv4: 1 prefixes, 1 commits"
}

fib_bench()
{
	fib_ask "bench ${FIB_SECONDS:-1}" >/tmp/bench
	fib_status=$?
	cat /tmp/bench
	fib_detail=$(grep CPUs: /tmp/bench | head -n 1)
	return $fib_status
}

insmod /modules/libsync-fib.ko memory=24
verdict fib-insmod $?
for part in ${FIB_PARTS:-load answers bad_line killed reload shared together busy bench}; do
	fib_detail=
	fib_$part
	verdict "fib-$part" $? "$fib_detail"
done
fib_ask check
verdict fib-check $?
fib_no_memory
verdict fib-no-memory $?
rmmod libsync_fib
verdict fib-unload $?
