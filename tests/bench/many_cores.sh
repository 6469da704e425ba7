#!/bin/sh
# Training steps on a machine with many cores, which needs nothing but this folder of programs and libraries:
#
#   meson setup build-cores -Dinstruction_set=x86-64-v4 && ninja -C build-cores tests/bench/train_step
#   tests/bench/many_cores.sh build-cores FOLDER    # here: what to copy there
#   FOLDER/many_cores.sh                            # there: the table, for 1, 2, 4, 8 and 16 threads or those named
#
# A row is a net; the columns are microseconds a step, those of its bare products by oneDNN on most threads, and the
# ratio of the two.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 2 ] && [ -x "$1/tests/bench/train_step" ]; then
  program=$1/tests/bench/train_step
  mkdir -p "$2/lib"
  cp "$program" "$here/many_cores.sh" "$2"
  ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\).*/\1/p' | xargs -I{} cp -L {} "$2/lib"
  exit
fi

threads=$(echo "${*:-1 2 4 8 16}" | tr ' ' ',')
loader=$(find "$here/lib" -name 'ld-linux*' | head -n 1)
for net in 784-30 784-128 784-512 1024-1024 2048-2048; do
  "$loader" --library-path "$here/lib" "$here/train_step" --case "$net" --threads "$threads" --seconds "${SECONDS_EACH:-3}"
done | awk -v threads="$threads" '
  function number(name) { return match($0, "\"" name "\": [0-9.]+") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) : 0 }
  BEGIN { count = split(threads, n, ","); head = sprintf("%-48s", "threads")
          for (i = 1; i <= count; i++) head = head sprintf("%10d", n[i])
          print head "  products     ratio" }
  { split($0, text, "\""); case_ = text[4] ", " text[8]; row = row sprintf("%10.0f", number("step_us"))
    if (++column == count) {
      products = number("gemm_us"); printf "%-48s%s%10.0f%10.2f\n", case_, row, products, number("step_us") / products
      row = ""; column = 0 } }'
