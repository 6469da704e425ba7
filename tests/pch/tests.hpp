// What most tests include, parsed once for each program of several where meson is told so (-Db_pch=true).
#include <doctest/doctest.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
