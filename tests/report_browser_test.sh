#!/bin/sh
# The report of a training run in a browser: what it draws, that the address says what is shown, and that it complains of
# nothing. Skipped where there is no Chromium. Argument: train_mlp.
set -eu
for browser in chromium chromium-browser google-chrome; do
  command -v "$browser" >/dev/null 2>&1 && break
  browser=
done
[ -n "$browser" ] || { echo "skipped: there is no Chromium"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --data digits --hidden 16,8 --epochs 4 --validation 0.2 --quiet --report "$folder/run.html"

open_page() {
  what=$1
  shift
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --enable-logging=stderr \
    --virtual-time-budget=2000 "$@" "file://$folder/run.html$what" 2>"$folder/log"
  if grep -E 'CONSOLE.*(rror|arning)' "$folder/log"; then exit 1; fi
}
expect() { # COUNT or more times TEXT
  found=$(grep -oF "$2" "$folder/page" | wc -l)
  [ "$found" -ge "$1" ] || { echo "the page has $found times: $2"; exit 1; }
}

open_page '' --dump-dom >"$folder/page"
expect 3 'by epoch"'            # curves of losses, accuracy and learning rate
expect 8 '<circle'              # their points
expect 1 'epoch 4: loss '       # what is pointed at first
expect 1 '<b> 4</b>'            # the epoch whose layers are shown
expect 6 'aria-label="values of '
expect 1 'Confusion matrix'
open_page '#epoch=2&log1=1' --dump-dom >"$folder/page"
expect 1 '<b> 2</b>'
expect 1 'aria-label="logarithmic scale of metrics" aria-pressed="true"'
open_page '' --screenshot="$folder/page.png" --window-size=1000,1600 --hide-scrollbars >/dev/null
[ "$(wc -c <"$folder/page.png")" -gt 30000 ] || { echo "the picture of the page is empty"; exit 1; }
echo "the report opens in $browser"
