// The whole of the engine: tapes, variables, operations, derivatives, checks.
#pragma once

#include "array.hpp"
#include "axes.hpp"
#include "check.hpp"
#include "error.hpp"
#include "ops/activations.hpp"
#include "ops/arithmetic.hpp"
#include "ops/elementary.hpp"
#include "ops/index.hpp"
#include "ops/linalg.hpp"
#include "ops/reduce.hpp"
#include "ops/shape.hpp"
#include "ops/slice.hpp"
#include "ops/softmax.hpp"
#include "tape.hpp"
#include "transforms.hpp"
#include "variable.hpp"
