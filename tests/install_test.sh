#!/bin/sh
# What a user gets from `meson install`: programs outside the tree build with nothing but pkg-config, or CMake, and run.
# Arguments: the build directory, its prefix, and the compiler's command.
set -eu
build=$1 prefix=$2
shift 2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR="$root" meson install -C "$build" --no-rebuild --quiet >"$root/log" 2>&1 || { cat "$root/log"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name xtensor-autodiff.pc)")
LD_LIBRARY_PATH=$(dirname "$(find "$root" -name 'libxtensor-autodiff.*' | head -n 1)")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
cat >"$root/program.cpp" <<'PROGRAM'
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
#include <iostream>
#include <nn/nn.hpp>

struct Cube {
  static constexpr auto name = "cube";
  template <class S>
  static S f(const S& x) {
    return x * square(x);
  }
  template <int I, class S>
  static S vjp(const S& ct, const S&, const S& x) {
    return ct * 3 * square(x);
  }
};

int main() {
  std::cout << XTENSOR_AUTODIFF_VERSION_MAJOR << '.' << XTENSOR_AUTODIFF_VERSION_MINOR << '.'
            << XTENSOR_AUTODIFF_VERSION_PATCH << '\n';
  autodiff::Tape<double> tape;
  auto x = tape.variable(xt::xarray<double>{2.0, 3.0});
  auto y = autodiff::sum(autodiff::record(Cube{}, x) * autodiff::matmul(xt::eye<double>(2), x));
  auto g = autodiff::gradient(y, x);  // of x^4
  return g(0) == 32 && g(1) == 108 ? 0 : 1;
}
PROGRAM
# Macros of the library would meet those of the program, but for those of version.hpp.
# shellcheck disable=SC2046  # the flags are words
macros=$(printf '#include <autodiff/autodiff.hpp>\n#include <autodiff/op.hpp>\n#include <nn/nn.hpp>\n' |
  "$@" -x c++ -std=c++20 -dM -E - $(pkg-config --define-variable=prefix="$root$prefix" --cflags xtensor-autodiff) |
  grep -E '#define ([A-Z_]*AUTODIFF|NN)_' || true)
macros=$(echo "$macros" | grep -v '^#define XTENSOR_AUTODIFF_VERSION_[MP][A-Z]* [0-9]*$' || true)
[ -z "$macros" ] || { printf 'macros leak:\n%s\n' "$macros"; exit 1; }
# shellcheck disable=SC2046  # the flags are words
"$@" "$root/program.cpp" -o "$root/program" \
  $(pkg-config --define-variable=prefix="$root$prefix" --cflags --libs xtensor-autodiff)
version=$("$root/program")
[ "$version" = "$(pkg-config --modversion xtensor-autodiff)" ]

# The same by CMake, where there is one, which asks for no standard of its own.
command -v cmake >/dev/null || { echo "skipped CMake, which is not installed"; exit 0; }
mkdir "$root/project"
cat >"$root/project/program.cpp" <<'PROGRAM'
#include <nn/nn.hpp>

int main() {
  nn::Sequential model(nn::Linear<float>(2, 3), nn::Activation<float>("tanh"));
  model.initialise(1);
  nn::save_safetensors("weights.safetensors", {{"weight", model.parameters()[0].parameter.value()}});
  return model(xt::xarray<float>{{1, 2}}).shape(1) == 3 ? 0 : 1;
}
PROGRAM
cat >"$root/project/CMakeLists.txt" <<'PROJECT'
cmake_minimum_required(VERSION 3.18)
project(program CXX)
find_package(xtensor-autodiff ${version} EXACT REQUIRED COMPONENTS nn)
find_package(xtensor-autodiff 99 QUIET)
if(xtensor-autodiff_FOUND)
  message(FATAL_ERROR "99 is another version")
endif()
add_executable(program program.cpp)
target_link_libraries(program xtensor-autodiff::nn)
PROJECT
for compiler; do :; done  # the last word, behind ccache
cmake -S "$root/project" -B "$root/project/build" -Dversion="$version" -DCMAKE_PREFIX_PATH="$root$prefix" \
  -DCMAKE_CXX_COMPILER="$compiler" >"$root/log" && cmake --build "$root/project/build" >>"$root/log" || { cat "$root/log"; exit 1; }
(cd "$root" && project/build/program)
