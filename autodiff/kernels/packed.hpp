// Large products: operands copied into the order in which tiles of registers read them.
#pragma once

#include "product.hpp"

namespace autodiff::kernels {

/// The product on threads() threads at most. Every element of c is added up in one order, which depends on the shape
/// alone, and so the threads may share c between them in any way.
template <class T>
void multiply_packed(const Product<T>& p);

}  // namespace autodiff::kernels
