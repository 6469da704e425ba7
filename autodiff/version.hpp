// Which version of the library this is, for the preprocessor. meson.build reads the numbers from here.
//
// While MAJOR is 0, MINOR rises when programs have to be written differently or what they compute means something else,
// and CHANGELOG.md says what to write instead; PATCH rises for anything less. This holds for the names that
// <autodiff/autodiff.hpp>, <autodiff/op.hpp> and <nn/nn.hpp> declare, but for those in namespaces `detail` and
// `kernels`. Include these three: which other headers there are, and what stands in which, may change at any time.
//
// Headers and library belong together: a program is compiled with the headers of the library that it is linked with.
// Weights in safetensors, .npy and CSV files are read by every later version. A checkpoint, with which a run of
// training goes on, is read by versions of the same MINOR; others may refuse it, with a DataError that says so.
#pragma once

#define XTENSOR_AUTODIFF_VERSION_MAJOR 0
#define XTENSOR_AUTODIFF_VERSION_MINOR 2
#define XTENSOR_AUTODIFF_VERSION_PATCH 0
