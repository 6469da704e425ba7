// The whole of the network layer: models, losses, optimisers, schedules, data, metrics, saving.
#pragma once

#include "checkpoint.hpp"
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
#include "safetensors.hpp"
#include "saving.hpp"
#include "schedules.hpp"
#include "tensor.hpp"
