// The whole of the network layer: models, losses, optimisers, data, metrics.
#pragma once

#include "data.hpp"
#include "dropout.hpp"
#include "initialisers.hpp"
#include "layers.hpp"
#include "losses.hpp"
#include "metrics.hpp"
#include "module.hpp"
#include "normalisation.hpp"
#include "optimisers.hpp"
#include "parameter.hpp"
#include "random.hpp"
