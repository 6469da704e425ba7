// Products with a vector or a few of them, which read the matrix once: as fast as the memory gives it.
#pragma once

#include "product.hpp"

namespace autodiff::kernels {

/// The product on threads() threads at most if one side of c has few elements and the matrix is stored so that it can
/// be read along its rows; else nothing, and false. Every element is added up in one order, whoever computes it.
template <class T>
bool multiply_vectors(const Product<T>& p);

}  // namespace autodiff::kernels
