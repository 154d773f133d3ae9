# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Common to the hosts of scripts/test-kernels, each of which is one script here.
# The environment of such a script:
#   KERNELS_NIGHTLY  set: also what takes long
#   KERNELS_BUGS     empty: leave the seeded bugs out
#   KERNELS_JOBS     how much is compiled at once
#   KERNELS_RESULTS  the file that result() writes to
# Source it with the name of the host as argument.  OUT is the host's folder for
# whatever it builds, and kept for the next run; result() reports each thing
# that was tested; end_host ends the script.

HOST=$1
set --
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

OUT=$BUILD/kernels/$HOST
KERNELS_JOBS=${KERNELS_JOBS:-$(nproc)}
KERNELS_BUGS=${KERNELS_BUGS-1}
KERNELS_RESULTS=${KERNELS_RESULTS:-$OUT/results}
mkdir -p "$OUT"
[ -n "${KERNELS_RUN:-}" ] || : >"$KERNELS_RESULTS"
FAILED=0

# result ok|FAIL|skip NAME [DETAIL]
result()
{
	[ "$1" != FAIL ] || FAILED=$((FAILED + 1))
	printf '%s\t%s\t%s\t%s\n' "$HOST" "$1" "$2" "${3:-}" \
		>>"$KERNELS_RESULTS"
	say "$HOST: $1 $2${3:+: $3}"
}

# failed NAME DETAIL LOG: the same for a failure, with the end of its log.
failed()
{
	result FAIL "$1" "$2"
	show_log "$3"
}

# often_bugs HOST: a line "ID TEST" for each of those that matter most; at night
# of all.
often_bugs()
{
	local often=often

	[ -z "${KERNELS_NIGHTLY:-}" ] || often=
	python3 tests/kernel/seed.py list "$1" $often
}

BUG_LIMIT=90 # seconds of short runs until one has found a bug,
BUG_RUN=20   # and of one of them: a bug may end in waiting for ever, too

# find_bug NAME TEST LOG COMMAND...: it has to fail, and not by taking too long.
# Some tests look at the end only; so short runs again and again.
find_bug()
{
	local name=$1 test=$2 log=$3 begun=$SECONDS status=0

	shift 3
	while [ "$status" -eq 0 ] || [ "$status" -eq 124 ]; do
		if [ $((SECONDS - begun)) -ge "$BUG_LIMIT" ]; then
			failed "$name" "$test does not find it in $BUG_LIMIT s" \
				"$log"
			return
		fi
		{
			timeout "$BUG_RUN" "$@" "$test"
			status=$?
		} >"$log" 2>&1
	done
	result ok "$name" "found by $test, $((SECONDS - begun)) s"
}

end_host()
{
	exit $((FAILED > 0))
}

# need PACKAGE...: install what is missing, or leave the host out.
need()
{
	local missing

	[ -n "${PSNET_NO_INSTALL:-}" ] && return
	if ! command -v dpkg-query >/dev/null; then
		result skip packages "not a Debian system; set PSNET_NO_INSTALL=1"
		end_host
	fi
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -eq 0 ] && return
	if [ "$(id -u)" -eq 0 ] && step "$HOST: install ${missing[*]}" \
		"$OUT/apt.log" install_packages "${missing[@]}"; then
		return
	fi
	result skip packages "not installed: ${missing[*]}"
	end_host
}
