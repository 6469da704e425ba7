// What most files of the library include, parsed once where meson is told so (-Db_pch=true).
#include <autodiff/autodiff.hpp>
#include <nn/nn.hpp>
