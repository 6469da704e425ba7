#!/bin/sh
# The report of a training run in a browser: what it draws, that the address says what is shown, that it looks as it should,
# and that it complains of nothing. Skipped where there is no Chromium. Argument: train_mlp.
set -eu
for browser in chromium chromium-browser google-chrome; do
  command -v "$browser" >/dev/null 2>&1 && break
  browser=
done
[ -n "$browser" ] || { echo "skipped: there is no Chromium"; exit 77; }
colours=$(cd "$(dirname "$0")" && pwd)/png_colours.py
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

open_page() { # FILE FRAGMENT OPTIONS...
  file=$1 what=$2
  shift 2
  timeout 60 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --enable-logging=stderr \
    --hide-scrollbars --virtual-time-budget=9000 "$@" "file://$folder/$file$what" 2>"$folder/log"
  if grep -E 'CONSOLE.*(rror|arning)' "$folder/log" >&2; then exit 1; fi
}
expect() { # COUNT or more times TEXT
  found=$(grep -oF -- "$2" "$folder/page" | wc -l)
  [ "$found" -ge "$1" ] || { echo "the page has $found times: $2"; exit 1; }
}

"$1" --data digits --hidden 16,8 --epochs 2 --validation 0.2 --quiet --report "$folder/first.html"
"$1" --data digits --hidden 16,8 --epochs 4 --validation 0.2 --quiet --report "$folder/run.html" --compare "$folder/first.html"
[ "$(wc -c <"$folder/run.html")" -lt 500000 ] || { echo "the report is large"; exit 1; }
open_page run.html '' --dump-dom >"$folder/page"
expect 3 'by epoch"'            # curves of losses, accuracy and learning rate
expect 8 '<circle'              # their points
expect 1 'epoch 4: loss '       # what is pointed at first
expect 1 'first: validation loss' # the run that it is compared with
expect 1 'class="best"'
expect 1 '<b> 4</b>'            # the epoch whose layers are shown
expect 6 'aria-label="values of '
expect 16 'aria-label="weights of unit '
expect 1 'Confusion matrix'
expect 1 'Expected calibration error: '
expect 11 'AUC '
expect 12 'aria-label="validation sample '
expect 1 'step 1 of 9'
expect 1 'The input has 64 numbers'
open_page run.html '#epoch=2&log1=1&step=4' --dump-dom >"$folder/page"
expect 1 '<b> 2</b>'
expect 1 'aria-label="logarithmic scale of metrics" aria-pressed="true"'
expect 1 'step 5 of 9'
expect 1 'The loss says: for this truth you cost '

# The chain of a weight: all of its lines say one number.
weight=$(grep -oE 'data-weight="2\.[0-9]+\.[0-9]+"' "$folder/page" | head -n 1 | cut -d '"' -f 2)
open_page run.html "#step=6&weight=$weight" --dump-dom >"$folder/page"
expect 1 'It is what the weight reads, layer1/h['
expect 1 'Through layer3: '
expect 1 'At the loss: '
expect 1 'with products that add up to '
for kind in 's|.*<li>∂ loss / ∂ [^=]* = \([^<]*\)</li>.*|\1|p' 's|.*<li>Through layer3: \([^,]*\), the same.*|\1|p' \
  's|.*<li>At the loss: \([^<]*\)</li>.*|\1|p'; do
  sed -n "$kind" "$folder/page" | head -n 1
done >"$folder/numbers"
[ "$(sort -g "$folder/numbers" | awk 'NR == 1 { a = $1 } { d = $1 - a; if (d < 0) d = -d; m = a < 0 ? -a : a }
  d > 1e-3 * m { bad = 1 } END { print NR, bad + 0 }')" = '3 0' ] || { echo "the chain has other numbers:"; cat "$folder/numbers"; exit 1; }

# Keys and clicks, by a script at the end of the page.
sed 's|</body>|<script>{ const drawing = document.querySelector("[aria-label^=drawing]");\
for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowLeft"]) drawing.dispatchEvent(new KeyboardEvent("keydown", {key}));\
document.querySelector("line.weight").dispatchEvent(new MouseEvent("click"));\
document.title = "at " + location.hash; }</script></body>|' "$folder/run.html" >"$folder/keys.html"
open_page keys.html '' --dump-dom >"$folder/page"
expect 1 'step 8 of 9'
expect 1 '<title>at #step=7&amp;weight=1.'
expect 1 'At the loss: '
[ "$(grep -oE 'stroke="#ee8833"' "$folder/page" | wc -l)" -ge 2 ] || { echo "the chain is not drawn"; exit 1; }

# Two features: a map by epoch, and one of every hidden unit.
awk 'BEGIN { srand(1); print "x,y,side"; for (i = 0; i < 200; ++i) { x = rand() - 0.5; y = rand() - 0.5
  print x "," y "," (x * y > 0 ? "same" : "other") } }' >"$folder/plane.csv"
"$1" --file "$folder/plane.csv" --target side --hidden 6 --epochs 3 --quiet --importance --report "$folder/plane.html" >"$folder/log"
open_page plane.html '#epoch=2' --dump-dom >"$folder/page"
expect 1 'aria-label="what the model decides in epoch 2"'
expect 6 'up to '
expect 1 'Permutation importance'
expect 1 ' against the other; AUC '

# Light and dark, by size and by colours: ground, curves and bars are there, and the dark one is dark.
open_page run.html '#step=4' --screenshot="$folder/light.png" --window-size=700,900 >/dev/null
open_page run.html '#step=4' --screenshot="$folder/dark.png" --window-size=700,900 --force-dark-mode --blink-settings=preferredColorScheme=0 >/dev/null
python3 "$colours" "$folder/light.png" >"$folder/page"
[ "$(head -n 1 "$folder/page")" = '700 900' ] || { echo "the picture has another size"; exit 1; }
awk '$1 == "#ffffff" { ground = $2 } $1 == "#4477aa" { first = $2 } $1 == "#ee6677" { second = $2 }
  END { exit !(ground > 450000 && ground < 620000 && first > 200 && second > 200) }' "$folder/page" ||
  { echo "the picture has other colours:"; cat "$folder/page"; exit 1; }
python3 "$colours" "$folder/dark.png" >"$folder/page"
awk '$1 == "#1c1c1e" { ground = $2 } END { exit !(ground > 450000) }' "$folder/page" ||
  { echo "the dark picture has other colours:"; cat "$folder/page"; exit 1; }
echo "the report opens in $browser"
