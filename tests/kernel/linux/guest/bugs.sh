# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# A module for each seeded bug: the test that is named has to fail.  One that
# ends in a panic ends this guest, too; then the rest is tried in another.
for bug in $(echo "$BUGS" | tr , ' '); do
	id=${bug%%:*} only=${bug#*:}
	echo "guest: try $id"
	if insmod "/modules/bug-$id.ko" "rounds=${ROUNDS:-1}" "only=$only"; then
		verdict "bug-$id" 1 "$only passes"
		rmmod "bug_$(echo "$id" | tr - _)"
	else
		verdict "bug-$id" 0 "found by $only"
	fi
done
