#!/bin/sh
# labctl takes a labwright bundle into use on the machine it was made for, and takes it back again.
#
# It needs a POSIX shell (dash, busybox ash) and the usual small tools (coreutils or busybox: awk, tar,
# gzip, od, sha256sum, stat; flock). It trusts nothing in an archive before the whole of it is verified, changes
# nothing before the revert is armed, and leaves a journal (`pending`) from which any later call, a timer
# or the next boot can finish the change or put the old generation back.
#
#   /var/lib/labwright/<lab>/
#     gen/<id>/     unpacked generations: BUNDLE SHA256SUMS manifest.json payload/
#     current       link to the active generation; previous: to the one before it
#     machine       the machine's name: its identity, whatever the host name says
#     pending       the journal of a change that is under way
#     installed     every path outside the state that labctl has written
#     replaced/     files that were there before labctl wrote their path
#     edited/       files of ours that somebody had edited, as they were before being overwritten
#     dumps/        what services kept before an image of theirs changed
#     log           one line per event; output: what the steps of the last run printed
#     labctl        the copy that the armed revert runs, never the one of the new generation
#
# For tests only: LABWRIGHT_ROOT is put before every absolute path, so that everything runs unprivileged
# in a folder. The other LABWRIGHT_TEST_* variables count only together with it.

# shellcheck disable=SC2317  # reached by trap
# shellcheck disable=SC2015  # `a && b || fail`: that fail also answers for b is meant
# shellcheck disable=SC2016  # awk programs and messages that name a command hold $ and ` that are not for sh

set -u
umask 022
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV GZIP TAR_OPTIONS POSIXLY_CORRECT GREP_OPTIONS 2>/dev/null
PATH=${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
IFS=' 	
'
TAB='	'

FORMAT='labwright.bundle/1'
UNPACKED_LIMIT=$((256 * 1024 * 1024)) # as the compiler's own reader has it; more than this is a bomb
REVERT_EVERY=15                       # seconds between two looks of the armed timer
RETRY_EVERY=300                       # seconds before it tries a revert again that has failed
HEALTH_TIMEOUT=${LABWRIGHT_HEALTH_TIMEOUT:-300}
HEALTH_INTERVAL=${LABWRIGHT_HEALTH_INTERVAL:-2}

ROOT=${LABWRIGHT_ROOT:-}
BASE=$ROOT/var/lib/labwright
TRUST=$ROOT/etc/labwright/trust/allowed_signers
LOCK_FILE=$ROOT/run/labwright.lock
STEP_FILE=$ROOT/run/labwright.step

# What the command line said.
VERB='' FILE='' LAB='' NAME='' JSON=0 ALL=0 KEEP=3 WITHIN='' ONE_WAY=0 DATA='' ALL_STEPS=0 AT_BOOT=0 WATCH=0 REACH=0

# What the running call knows. STATE is empty until the lab is known.
STATE='' WORK='' STAGED='' LOCKED=0 INTERRUPTED=0 TOUCHED=0 EARLIER=''
