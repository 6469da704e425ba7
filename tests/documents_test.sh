#!/bin/sh
# Every file and folder that a document names in backticks exists, as seen from the root or from the document's folder;
# a name without a folder may be anywhere. Every link leads to a file, and to a heading of it where it says one.
# Argument: the root of the source tree.
# shellcheck disable=SC2016,SC2086  # backticks are those of Markdown; names may be patterns
set -eu
cd "$1"
missing=0

# The headings of a document as links name them.
headings() {
  awk '/^```/ { inside = !inside } !inside && /^#+ /' "$1" | sed -E 's/^#+ //' | tr '[:upper:]' '[:lower:]' |
    sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

for document in README.md CONTRIBUTING.md CHANGELOG.md autodiff/operations.md \
  $(find autodiff nn tests -name README.md) $(find examples/guide -maxdepth 1 -name '*.md'); do
  folder=$(dirname "$document")
  names=$(grep -oE '`[A-Za-z0-9_./*-]+`' "$document" | tr -d '`' | sort -u |
    grep -E '/$|\.(hpp|cpp|sh|py|md|build|csv)$|^(autodiff|nn|tests|examples|\.ci)/' | grep -v '^build/' || true)
  for name in $names; do
    case $name in
      */*) found=$(ls -d $name "$folder"/$name 2>/dev/null || true) ;;
      *) found=$(find "$folder" autodiff nn tests examples -name "$name") ;;
    esac
    [ -n "$found" ] || { echo "$document names $name, which is not there"; missing=1; }
  done

  links=$(awk '/^```/ { inside = !inside } !inside' "$document" | sed 's/`[^`]*`//g' | grep -oE '\]\([^)]*\)' |
    sed -E 's/^..//; s/.$//' | grep -v '^https*:' | sort -u || true)
  for link in $links; do
    path=${link%%#*}
    file=${path:+$folder/$path}
    file=${file:-$document}
    [ -e "$file" ] || { echo "$document links to $link, which is not there"; missing=1; continue; }
    case $link in *\#*)
      headings "$file" | grep -qxF "${link#*#}" || { echo "$document links to $link, which is no heading of $file"; missing=1; }
    esac
  done
done
# Packages are of this version.
version=$(sed -n 's/^#define XTENSOR_AUTODIFF_VERSION_[A-Z]* //p' autodiff/version.hpp | paste -sd .)
grep -qF "xtensor-autodiff ($version-" examples/packages/debian/changelog &&
  grep -qF "libxtensor-autodiff${version%.*} " examples/packages/debian/control &&
  grep -qF "\"version\": \"$version\"" examples/packages/vcpkg/vcpkg.json || {
  echo "a package in examples/packages is of another version than $version"
  missing=1
}
exit "$missing"
