# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Common set-up of scripts/test, scripts/demo and scripts/bench: Debian
# packages, build folders, steps with progress and a log, clean end.  Source
# it; it changes to the root of the tree and closes standard input.

# The one list of what a build, a test run or a demo needs from Debian 12.
PACKAGES=(
	# compilers, build, checks
	gcc g++ libc6-dev clang libclang-rt-dev llvm clang-format clang-tidy
	meson ninja-build pkg-config python3 mandoc spin
	# the same for the machines that libsync is compiled for in tests
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
	# libraries: tests, programs
	libcriterion-dev libjansson-dev
	zlib1g-dev liblzma-dev libbz2-dev libzstd-dev
	# what the end-to-end tests and the demo run as the other side
	iproute2 iputils-ping iputils-arping iputils-tracepath traceroute
	iperf3 curl tcpdump ethtool procps
)

# What the benchmarks need more, and their peers, which may be missing.
# shellcheck disable=SC2034 # scripts/bench uses them
BENCH_PACKAGES=(libbenchmark-dev)
# shellcheck disable=SC2034
PEER_PACKAGES=(
	liburcu-dev libck-dev libdpdk-dev libconcurrentqueue-dev libtbb-dev)

# Build configurations: name, compiler, meson options.  scripts/test runs the
# first four; the demo uses release and bench, scripts/bench uses bench.  What
# a test or a sanitizer says has lines and calls, for which -g1 is enough.
declare -A CONFIG_CC=(
	[gcc]=gcc [gcc-tsan]=gcc [clang-tsan]=clang [asan]=clang [release]=gcc
	[bench]=gcc [bench-route]=gcc)
declare -A CONFIG_ARGS=(
	[gcc]='-Dc_args=-g1'
	[gcc-tsan]='-Db_sanitize=thread -Dc_args=-g1'
	[clang-tsan]='-Db_sanitize=thread -Dc_args=-g1'
	[asan]="-Db_sanitize=address,undefined -Dc_args=['-fno-sanitize-recover=all','-g1']"
	[release]='-Dbuildtype=release -Dchecks=false -Dtests=false'
	[bench]='-Dbuildtype=release -Dchecks=false -Dtests=false -Dstack=false -Dbenchmarks=true'
	[bench-route]='-Dbuildtype=release -Dchecks=false -Dtests=false -Dbenchmarks=true'
)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
STEP_PID=
STEP_STARTED=$SECONDS

cd "$ROOT" || exit 1
exec </dev/null
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p "$BUILD" || exit 1

say()
{
	printf '[%4ds] %s\n' $((SECONDS - STEP_STARTED)) "$*"
}

die()
{
	echo "$*" >&2
	exit 1
}

# One run at a time in a tree: build folders and namespaces are shared.
lock_tree()
{
	exec 9>"$BUILD/.lock"
	flock -n 9 || die "another run is using $BUILD; wait for it to end"
}

# Ends the step that is running, so that its own clean-up can run, and then
# calls the script's on_exit, if it has one.
end_run()
{
	local status=$?

	trap - EXIT INT TERM HUP
	if [ -n "$STEP_PID" ]; then
		kill -TERM "$STEP_PID" 2>/dev/null
		wait "$STEP_PID" 2>/dev/null
	fi
	if declare -F on_exit >/dev/null; then
		on_exit
	fi
	exit "$status"
}
trap end_run EXIT
trap 'echo interrupted >&2; exit 130' INT
trap 'exit 143' TERM HUP

# What a running step is at: packages, tests or results done, or ninja's [n/m].
step_position()
{
	case $1 in
	*/apt.log)
		grep -c '^Setting up' "$1" | sed 's/$/ set up/' ;;
	*/bench.log)
		grep -cE ' (ns|us|ms) ' "$1" | sed 's/$/ results/' ;;
	*/meson-test.log)
		grep -cE '^ *[0-9]+/[0-9]+ ' "$1" | sed 's/$/ done/' ;;
	*)
		tail -c 4096 "$1" | grep -aoE '^\[[0-9]+/[0-9]+\]' | tail -n 1 ;;
	esac
}

# step TITLE LOG COMMAND...: run with all output in LOG and a sign of life.
# Returns the command's status.
step()
{
	local title=$1 log=$2 status next=$((SECONDS + 20))

	shift 2
	say "$title"
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 9>&- &
	STEP_PID=$!
	while kill -0 "$STEP_PID" 2>/dev/null; do
		sleep 0.2
		if [ "$SECONDS" -ge "$next" ]; then
			say "$title ... $(step_position "$log")"
			next=$((SECONDS + 20))
		fi
	done
	wait "$STEP_PID"
	status=$?
	STEP_PID=
	return "$status"
}

# missing_packages PACKAGE...: those that are not installed.
missing_packages()
{
	local have

	have=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' \
		"$@" 2>/dev/null | awk '$2 == "installed" { print $1 }')
	comm -23 <(printf '%s\n' "$@" | sort -u) \
		<(printf '%s\n' "$have" | sort -u)
}

install_packages()
{
	apt-get -q update &&
		apt-get -q install -y --no-install-recommends "$@"
}

# setup_packages [PACKAGE...]: install what is missing of the common list and
# of these, as root; otherwise say how, and exit 2.
# PSNET_NO_INSTALL=1 trusts the machine as it is (other distributions).
setup_packages()
{
	local missing

	[ -n "${PSNET_NO_INSTALL:-}" ] && return
	command -v dpkg-query >/dev/null || {
		echo "Not a Debian system.  These Debian packages are needed:" \
			"${PACKAGES[*]} $*" >&2
		echo "With their contents in place set PSNET_NO_INSTALL=1." >&2
		exit 2
	}
	mapfile -t missing < <(missing_packages "${PACKAGES[@]}" "$@")
	[ ${#missing[@]} -eq 0 ] && return
	if [ "$(id -u)" -ne 0 ]; then
		echo "Packages are missing.  As root, run:" >&2
		echo "apt-get install -y --no-install-recommends ${missing[*]}" >&2
		exit 2
	fi
	echo "missing: ${missing[*]}"
	step "install ${#missing[@]} packages" "$BUILD/apt.log" \
		install_packages "${missing[@]}" || {
		tail -n 20 "$BUILD/apt.log" >&2
		die "apt-get failed; the log is $BUILD/apt.log"
	}
}

# setup_build CONFIG [TARGET...]: (re)configure and build all, or the targets,
# in build/CONFIG.  The logs are configure.log and build.log there; the status
# says if the build succeeded.
setup_build()
{
	local config=$1 dir=$BUILD/$1 args
	local -x CC=${CONFIG_CC[$1]}

	shift
	read -ra args <<<"-Dstack=true -Dwerror=true ${CONFIG_ARGS[$config]}"
	[ -f "$dir/build.ninja" ] && args+=(--reconfigure)
	step "$config: configure" "$BUILD/$config.configure.log" \
		meson setup "$dir" "${args[@]}" ||
		step "$config: configure anew" "$BUILD/$config.configure.log" \
			fresh_configure "$dir" "${args[@]}" || {
		show_log "$BUILD/$config.configure.log"
		return 1
	}
	step "$config: build" "$BUILD/$config.build.log" ninja -C "$dir" "$@" || {
		show_log "$BUILD/$config.build.log"
		return 1
	}
}

fresh_configure()
{
	local dir=$1

	shift
	rm -rf "$dir"
	meson setup "$dir" "${@/--reconfigure/-Dwerror=true}"
}

show_log()
{
	echo "---- the end of $1"
	tail -n 60 "$1"
	echo "----"
}
