# What the recipe asks for is taken from Debian's packages, those of .ci/install, and nothing is downloaded. The versions
# stand for what is installed. Static libraries know nothing of the system's: build programs with the shared one.
include(default)

[settings]
compiler.cppstd=20

[options]
xtensor-autodiff/*:shared=True

[platform_requires]
xtensor/0.24.7
xsimd/13.2.0
eigen/3.4.0
xbyak/6.68
zlib/1.2.13
minizip/1.2.13
nlohmann_json/3.11.2

[platform_tool_requires]
meson/1.0.1
pkgconf/1.8.1
