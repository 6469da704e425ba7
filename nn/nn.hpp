// The whole of the network layer: models, losses, optimisers, schedules, data, metrics.
#pragma once

#include "clipping.hpp"
#include "data.hpp"
#include "initialisers.hpp"
#include "layers.hpp"
#include "lbfgs.hpp"
#include "losses.hpp"
#include "metrics.hpp"
#include "module.hpp"
#include "optimisers.hpp"
#include "parameter.hpp"
#include "random.hpp"
#include "schedules.hpp"
