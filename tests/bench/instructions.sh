#!/bin/sh
# Fails where what `instructions` does takes 3 % more instructions than it did: speed that leaks away shows here, on any
# machine, however busy. The counts are those of instructions.txt, of GCC 12 and -Dinstruction_set=x86-64-v3, which
# Callgrind knows and which processors since 2013 have. Usage: instructions.sh PROGRAM [--update]
set -u
unset MALLOC_PERTURB_  # which Meson sets: memory filled at each allocation is not counted
program=$1
here=$(dirname "$0")
counts=$here/instructions.txt
command -v valgrind >/dev/null || { echo "skipped: there is no valgrind"; exit 77; }
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file="$made/out" "$program" >"$made/log" 2>&1 ||
  { cat "$made/log"; exit 1; }
for dump in "$made"/out.*; do
  awk '/^desc: Trigger: Client Request: / { name = $5 } /^(totals|summary): / { if (name != "") print name, $2; exit }' "$dump"
done | sort >"$made/counts"
if [ "${2-}" = --update ]; then
  cp "$made/counts" "$counts"
  exit
fi
# A count that is missing, on either side, is a failure, too.
join -a 1 -a 2 -e 0 -o 0,1.2,2.2 "$counts" "$made/counts" | awk '
  { more = $2 > 0 ? $3 / $2 : 0
    printf "%-18s %12d, was %12d: %.3f\n", $1, $3, $2, more
    if ($3 == 0 || more == 0 || more > 1.03) failed = failed " " $1
    else if (more < 0.97) better = better " " $1 }
  END {
    if (better != "") print "better, so put it down (--update):" better
    if (failed != "") { print "more instructions, or none:" failed; exit 1 } }'
