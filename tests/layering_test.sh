#!/bin/sh
# The arrows of the architecture, as far as a grep can see them: which room includes which, and that the engine names no
# operation. Argument: the root of the source tree.
# shellcheck disable=SC2044,SC2046,SC2086  # lists of files, none with a space in its name
set -eu
cd "$1"
broken=0

# Lines of the files in $2... that match the pattern, but for those that match the exception in $1, if there is one.
forbid() {
  rule=$1 pattern=$2 exception=$3
  shift 3
  found=$(grep -nHE "$pattern" "$@" /dev/null | grep -vE "${exception:-^$}") || return 0
  printf '%s:\n%s\n\n' "$rule" "$found"
  broken=1
}
include='^[[:space:]]*#[[:space:]]*include[[:space:]]*'

# The engine is autodiff/ itself, less what operations are written with, what includes all, and what is made of both.
engine=
for file in $(find autodiff -name '*.[hc]pp' -not -path '*/ops/*' -not -path '*/kernels/*' -not -path '*/functions/*' \
  -not -path '*/mpi/*' -not -path '*/onnx/*'); do
  case $file in
    autodiff/op.* | autodiff/autodiff.hpp | autodiff/mpi.hpp | autodiff/onnx.hpp) ;;
    *) engine="$engine $file" ;;
  esac
done
operations=$(grep -hoE 'static constexpr auto name = .*' autodiff/ops/structs/*.hpp | grep -oE '"[a-z0-9_]+"' | tr -d '"' | sort -u)
structs=$(grep -hE '^#define AUTODIFF_[A-Z]+\(X\)' -A8 autodiff/ops/structs/*.hpp | grep -oE 'X\([A-Z][A-Za-z0-9]+\)' | sed 's/X(\(.*\))/\1/' | sort -u)
[ "$(echo "$structs" | wc -l)" -gt 40 ] || { echo "the lists of operations were not found"; exit 1; }
either() { echo "$1" | paste -sd '|'; }

forbid "the engine includes no operations, but + for cotangents, sum for products and stack for rows" \
  "${include}[\"<](\.\./)*(autodiff/)?(ops/|op\.hpp)" \
  '^autodiff/(sweep|sweep_tapes|assembly).cpp:.*"ops/arithmetic.hpp"|^autodiff/transforms.cpp:.*"ops/(reduce|slice).hpp"' $engine
forbid "neither the engine nor operations include functions of recorded functions" \
  "${include}[\"<](\.\./)*(autodiff/)?functions/" '' $engine $(find autodiff/ops autodiff/kernels -name '*.[hc]pp')
forbid "nothing needs ONNX but what writes networks" "${include}[\"<](\.\./)*(autodiff/)?onnx[./]" '^nn/(onnx/|nn.hpp)' \
  $(find autodiff nn -name '*.[hc]pp' -not -path '*/onnx/*')
forbid "nothing needs communication between processes" "${include}[\"<](\.\./)*(autodiff/)?mpi[./]" '' \
  $(find autodiff nn -name '*.[hc]pp' -not -path '*/mpi/*')
forbid "functions of recorded functions do not see the structs of operations" "${include}.*(structs/|[/\"]op\.hpp)" '' \
  $(find autodiff/functions -name '*.[hc]pp')
forbid "the engine asks no operation what it is" 'typeid|dynamic_cast|dynamic_pointer_cast|<typeinfo>|<typeindex>' '' \
  $engine autodiff/op.hpp autodiff/op.cpp
forbid "the engine names no operation" "\"($(either "$operations"))\"|\b($(either "$structs"))\b *[{(<>,]" '' $engine
forbid "public headers of operations declare functions: structs and macros stand in ops/structs" \
  "^(struct|#define) |${include}\"(structs|compile|checked_index)" 'struct ([A-Z][A-Za-z]*Options|Range|Part|Triangular) ' \
  $(find autodiff/ops -maxdepth 1 -name '*.hpp' -not -name compile.hpp -not -name checked_index.hpp)
forbid "only the library itself and its tests see the structs of operations" "${include}.*structs/" '^autodiff/(ops|onnx)/' \
  $(find autodiff nn examples -name '*.[hc]pp')
forbid "the engine does not include the network layer" "${include}[\"<](\.\./)*nn/" '' \
  $(find autodiff -name '*.[hc]pp')
forbid "kernels include nothing of the project but kernels" "${include}(\".*/|<autodiff|<nn)" '' autodiff/kernels/*
forbid "only array.hpp includes xtensor" "${include}[\"<]xt(ensor|l)?[/.]" '^autodiff/array.hpp:' \
  $(find autodiff nn examples -name '*.[hc]pp')
# The stages of a program, each of which includes nothing of a later one; program.hpp is what users see of them all.
stages='recording|options|report|interned graph space|passes|pass_[a-z]+ schedule arena|buffers block_code|plan copies|recompute compiled run_blocks|executor'
earlier=
for stage in $stages; do
  earlier="${earlier:+$earlier|}$stage"
  files=$(find autodiff/program -name '*.[hc]pp' | grep -E "/($stage)\.[hc]pp$")
  [ -n "$files" ] || { echo "there are no files of the stage $stage"; exit 1; }
  forbid "a stage of programs includes earlier ones only: $stage" \
    "${include}(\"[^./\"]*\.hpp|.*program)" "\"($earlier)\.hpp\"" $files
done
staged=$(find autodiff/program -name '*.[hc]pp' | grep -vE "/($earlier)\.[hc]pp$") || true
[ -z "$staged" ] || { echo "of no stage: $staged"; broken=1; }
forbid "nn includes public headers of the engine only" "${include}[\"<](\.\./)*autodiff/" \
  '<autodiff/(autodiff|array|axes|check|error|onnx|ranks|tape|transforms|variable)\.hpp>' $(find nn -name '*.[hc]pp')
forbid "nn leaves only through <autodiff/...>" "${include}\"[^\"]*\.\./" '' $(find nn -name '*.[hc]pp')
# The rooms of nn, each with those that it may include:
#
#   base <- model <- optim, layers   <- train
#   base <- io    <- data   <- observe <- train
#           io, model <- onnx
#           io    <- report <- observe
#           model <- observe
#        parallel <- train
while read -r room others; do
  files=$(find "nn/$room" -name '*.[hc]pp')
  [ -n "$files" ] || { echo "there are no files in nn/$room"; exit 1; }
  forbid "nn/$room includes no more than $room${others:+, }$(echo "$others" | sed 's/ /, /g')" \
    "${include}[\"<]nn/|${include}\"[^\"]*/" "<nn/($(echo "$others" | tr ' ' '|'))/" $files
  [ "$(echo "$files" | wc -l)" -le 20 ] || { echo "nn/$room has more than 20 files: move out what is another matter"; broken=1; }
done <<'ROOMS'
base
model base
layers base model
optim base model
io base
data base io
report base io
observe base model io data report
parallel base
onnx base model io
train base model layers optim io data report observe parallel
ROOMS
in_rooms=$(find nn -name '*.[hc]pp' | grep -vE '^nn/(base|model|layers|optim|io|data|report|observe|onnx|parallel|train)/[a-z_]+\.[hc]pp$|^nn/(pch/)?nn\.hpp$') || true
[ -z "$in_rooms" ] || { printf 'in no room of nn:\n%s\n' "$in_rooms"; broken=1; }
long=$(wc -l $(find nn -name '*.[hc]pp') | awk '$1 > 400 && $2 != "total"')
[ -z "$long" ] || { printf 'more than 400 lines:\n%s\n' "$long"; broken=1; }
forbid "macros of nn do not leave it: none in public headers" '^#define' '' $(find nn -name '*.hpp')
for header in $(grep -oE '"[a-z]+/[a-z_]+\.hpp"' nn/nn.hpp | tr -d '"'); do
  grep -qF "'${header#*/}'" nn/meson.build || { echo "nn.hpp includes $header, which is not installed"; broken=1; }
done
forbid "examples include public headers only" "${include}[\"<][^\">]*(\.\./|autodiff/|nn/)" \
  '<autodiff/(autodiff|op|check|mpi|ranks)\.hpp>|<nn/nn\.hpp>|<nlohmann/json\.hpp>' $(find examples -name '*.[hc]pp')

[ "$broken" = 0 ] && echo "all arrows run one way"
exit "$broken"
