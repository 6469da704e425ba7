#!/bin/sh
# Mistakes in the struct of an operation, and mixed element types: the compiler's first error names the cause, as the
# first line of each program says, and what it prints is short. Arguments: the root of the source tree, the compiler's
# command.
set -eu
root=$1
shift
most=20
"$@" --version | grep -q clang && most=120  # which goes on for longer
broken=0
for program in "$root"/tests/mistakes/*.cpp; do
  phrase=$(sed -n '1s|^// error: ||p' "$program")
  # shellcheck disable=SC2046  # the flags are words
  if printed=$("$@" -std=c++20 -fsyntax-only -I"$root" $(pkg-config --cflags xtensor xsimd) "$program" 2>&1); then
    echo "$program compiles"
    broken=1
  elif ! echo "$printed" | grep 'error:' | head -n 1 | grep -qF "$phrase"; then
    printf '%s: the first error does not say "%s":\n%s\n' "$program" "$phrase" "$printed"
    broken=1
  elif [ "$(echo "$printed" | wc -l)" -gt "$most" ]; then
    printf '%s: more than %s lines:\n%s\n' "$program" "$most" "$printed"
    broken=1
  fi
done
exit "$broken"
