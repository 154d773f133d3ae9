#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run one libFuzzer target for a while from a read-only seed corpus.

usage: run_fuzz.py TARGET CORPUS

FUZZ_SECONDS (default 10) is the time.  New inputs go to a scratch folder; a
crashing input is kept in the working folder and its path printed.
"""
import os
import subprocess
import sys
import tempfile

target, corpus = sys.argv[1:3]
seconds = int(os.environ.get("FUZZ_SECONDS", "10"))
with tempfile.TemporaryDirectory() as scratch:
    r = subprocess.run([
        target, scratch, corpus, "-max_total_time=%d" % seconds,
        "-max_len=8192", "-timeout=20", "-rss_limit_mb=4096",
        "-print_final_stats=1", "-artifact_prefix=%s/" % os.getcwd()])
# libFuzzer ends a crash with 77, which to a test runner is a test left out.
sys.exit(1 if r.returncode != 0 else 0)
