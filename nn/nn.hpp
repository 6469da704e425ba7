// The whole of the network layer: models, losses, optimisers, data, metrics.
#pragma once

#include "csv.hpp"
#include "data_error.hpp"
#include "dataset.hpp"
#include "idx.hpp"
#include "initialisers.hpp"
#include "layers.hpp"
#include "losses.hpp"
#include "metrics.hpp"
#include "module.hpp"
#include "npy.hpp"
#include "optimisers.hpp"
#include "parameter.hpp"
#include "random.hpp"
#include "scaling.hpp"
#include "source.hpp"
