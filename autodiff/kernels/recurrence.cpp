#include "recurrence.hpp"

#include <algorithm>

#include "lanes.hpp"
#include "threads.hpp"

namespace autodiff::kernels {
namespace {

template <class L>
L logistic(L x) {
  return L(1) / (L(1) + exp(-x));
}

/// f(row, unit, load, store) for each register of units, on threads where that is worth while.
template <class T, class F>
void each_register(std::size_t rows, std::size_t units, const F& f) {
  using L = NativeLanes<T>;
  share_out(rows, units, 1 << 13, [&](std::size_t r, std::size_t end) {
    for (; r < end; ++r) {
      std::size_t j = 0;
      for (; j + L::size <= units; j += L::size)
        f(
            r, j, [](const T* x) { return L::load(x); }, [](T* y, L v) { v.store(y); });
      if (const std::size_t n = units - j; n > 0)
        f(
            r, j, [n](const T* x) { return L::load_part(x, n); }, [n](T* y, L v) { v.store_part(y, n); });
    }
  });
}

}  // namespace

template <class T>
void lstm_cell(std::size_t rows, std::size_t units, const T* x, const T* y, const T* c, T* h, T* next, T* gates) {
  each_register<T>(rows, units, [=](std::size_t r, std::size_t j, auto load, auto store) {
    const std::size_t at = r * units + j, gate = 4 * r * units + j;
    const auto sum = [&](std::size_t k) { return load(x + gate + k * units) + load(y + gate + k * units); };
    const auto i = logistic(sum(0)), f = logistic(sum(1)), g = tanh(sum(2)), o = logistic(sum(3));
    const auto now = f * load(c + at) + i * g;
    store(gates + gate, i), store(gates + gate + units, f);
    store(gates + gate + 2 * units, g), store(gates + gate + 3 * units, o);
    store(next + at, now), store(h + at, o * tanh(now));
  });
}

template <class T>
void lstm_cell_gradient(std::size_t rows, std::size_t units, const T* gates, const T* c, const T* of_h,
                        const T* of_next, T* of_gates, T* of_c) {
  using L = NativeLanes<T>;
  each_register<T>(rows, units, [=](std::size_t r, std::size_t j, auto load, auto store) {
    const std::size_t at = r * units + j, gate = 4 * r * units + j;
    const L i = load(gates + gate), f = load(gates + gate + units), g = load(gates + gate + 2 * units),
            o = load(gates + gate + 3 * units), before = load(c + at), slope = load(of_h + at);
    const L t = tanh(f * before + i * g);
    const L through = load(of_next + at) + slope * o * (L(1) - t * t);
    store(of_gates + gate, through * g * i * (L(1) - i));
    store(of_gates + gate + units, through * before * f * (L(1) - f));
    store(of_gates + gate + 2 * units, through * i * (L(1) - g * g));
    store(of_gates + gate + 3 * units, slope * t * o * (L(1) - o));
    store(of_c + at, through * f);
  });
}

#define INSTANTIATE(T)                                                                         \
  template void lstm_cell(std::size_t, std::size_t, const T*, const T*, const T*, T*, T*, T*); \
  template void lstm_cell_gradient(std::size_t, std::size_t, const T*, const T*, const T*, const T*, T*, T*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::kernels
