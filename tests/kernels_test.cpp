// The kernels against naive loops in long double, over the shapes where their paths change.
#include <doctest/doctest.h>
#include <sched.h>
#include <autodiff/kernels/copy.hpp>
#include <autodiff/kernels/gemm.hpp>
#include <autodiff/kernels/reduce.hpp>
#include <autodiff/kernels/rows.hpp>
#include <autodiff/kernels/threads.hpp>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <thread>
#include <vector>

using namespace autodiff;

namespace {

template <class T>
std::vector<T> random_vector(std::size_t n, std::mt19937& random) {
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> v(n);
  for (T& x : v) x = uniform(random);
  return v;
}

struct Product {
  std::size_t m, n, k;
};

}  // namespace

TEST_CASE_TEMPLATE("gemm agrees with three loops, transposed or not, with room between rows", T, float, double) {
  std::mt19937 random(1);
  constexpr Product products[] = {
      {1, 1, 1},      {1, 3, 2},      {16, 10, 10},  {6, 16, 40},    {7, 17, 33},    {5, 1, 300},    {1, 70, 400},
      {32, 32, 32},   {33, 65, 20},   {40, 30, 28},  {32, 30, 784},  {64, 128, 100}, {1, 784, 10},   {300, 7, 90},
      {130, 257, 64}, {700, 1, 900},  {2, 31, 600},  {3, 10, 50},    {50, 15, 1},    {20, 90, 1},    {9, 40, 600},
      {3, 0, 4},      {3, 4, 0},      {90, 2, 700},  {40, 7, 513},   {3, 90, 1030},  {8, 40, 300},   {1, 1, 5000},
      {30, 5, 1024},  {60, 17, 1024}, {61, 70, 512}, {100, 300, 70}, {5, 300, 90},   {150, 150, 14}, {600, 40, 1100}};
  const T tolerance = 8 * std::numeric_limits<T>::epsilon();
  for (const auto& p : products)
    for (int flags = 0; flags < 4; ++flags)
      for (const T beta : {T(0), T(1), T(0.5)}) {
        const std::size_t m = p.m, n = p.n, k = p.k;
        const bool ta = flags & 1, tb = flags & 2;
        const bool dense = k % 512 == 0;  // rows of a whole pages apart
        const std::size_t lda = (ta ? m : k) + (dense ? 0 : 3), ldb = (tb ? k : n) + 5, ldc = n + 2;
        const T alpha = T(-0.75);
        const auto a = random_vector<T>((ta ? k : m) * lda, random), b = random_vector<T>((tb ? n : k) * ldb, random);
        const auto before = random_vector<T>(m * ldc, random);
        auto c = before;
        if (beta == 0)  // must not be read
          for (std::size_t i = 0; i < m; ++i) std::fill_n(c.begin() + std::ptrdiff_t(i * ldc), n, T(NAN));
        kernels::gemm<T>(ta, tb, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
        double worst = 0;
        for (std::size_t i = 0; i < m; ++i)
          for (std::size_t j = 0; j < ldc; ++j) {
            long double expected = before[i * ldc + j], magnitude = 1;
            if (j < n) {
              long double sum = 0;
              for (std::size_t l = 0; l < k; ++l) {
                const long double term =
                    (long double)a[ta ? l * lda + i : i * lda + l] * b[tb ? j * ldb + l : l * ldb + j];
                sum += term, magnitude += std::abs(term);
              }
              expected = alpha * sum + (beta == 0 ? 0 : beta * expected);
            }
            const double error = std::abs(double((c[i * ldc + j] - expected) / magnitude));
            worst = error <= worst ? worst : error;
          }
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        CAPTURE(flags);
        CAPTURE(beta);
        CHECK(worst < tolerance);
      }
}

TEST_CASE_TEMPLATE("an infinity stays in the sums that it belongs to", T, float, double) {
  constexpr Product products[] = {{1, 100, 70},   {100, 1, 70}, {1, 1500, 203}, {1500, 1, 203},
                                  {90, 2, 701},   {6, 90, 701}, {40, 50, 203},  {90, 70, 90},
                                  {300, 100, 33}, {5, 600, 77}, {70, 600, 9}};
  for (const auto& p : products)
    for (int flags = 0; flags < 4; ++flags) {
      const bool ta = flags & 1, tb = flags & 2;
      std::vector<T> a(p.m * p.k, 1), b(p.k * p.n, 1), c(p.m * p.n, NAN);
      b[tb ? p.k - 1 : (p.k - 1) * p.n] = INFINITY;                  // of the last term, in the first column
      a[ta ? (p.k - 1) * p.m + p.m - 1 : p.m * p.k - 1] = INFINITY;  // in the last row
      kernels::gemm<T>(ta, tb, p.m, p.n, p.k, 1, a.data(), ta ? p.m : p.k, b.data(), tb ? p.k : p.n, 0, c.data(), p.n);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < p.m; ++i)
        for (std::size_t j = 0; j < p.n; ++j)
          wrong += c[i * p.n + j] != (i + 1 == p.m || j == 0 ? T(INFINITY) : T(p.k));
      CAPTURE(p.m);
      CAPTURE(p.n);
      CAPTURE(flags);
      CHECK(wrong == 0);
    }
}

// What this thread and those that it starts may use: its first processor alone, while this lives.
class OneProcessor {
 public:
  OneProcessor() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t first;
    CPU_ZERO(&first);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&first) == 0; ++i)
      if (CPU_ISSET(i, &before_)) CPU_SET(i, &first);
    sched_setaffinity(0, sizeof first, &first);
  }
  ~OneProcessor() { sched_setaffinity(0, sizeof before_, &before_); }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_;
};

TEST_CASE_TEMPLATE("gemm gives the same bits for any number of threads and processors", T, float, double) {
  std::mt19937 random(2);
  constexpr Product products[] = {
      {1, 3, 2},        {1, 30, 784},     {1, 784, 10},    {1, 512, 784},  {512, 784, 1},    {784, 1, 900},
      {32, 30, 784},    {784, 30, 32},    {32, 784, 30},   {1000, 10, 70}, {64, 128, 784},   {784, 128, 64},
      {128, 512, 784},  {784, 512, 128},  {128, 10, 512},  {512, 10, 128}, {7, 900, 300},    {257, 900, 130},
      {130, 257, 1000}, {300, 30, 900},   {300, 900, 30},  {77, 555, 333}, {100, 2000, 300}, {256, 1024, 300},
      {1024, 512, 64},  {1000, 1100, 70}, {700, 2, 900},   {6, 900, 700},  {2000, 8, 1024},  {5, 700, 600},
      {600, 700, 9},    {1, 1500, 1500},  {1500, 1, 1500}, {30, 30, 5000}};
  for (const auto& p : products)
    for (int flags = 0; flags < 4; ++flags)
      for (const T beta : {T(0), T(1)}) {
        const std::size_t m = p.m, n = p.n, k = p.k;
        const bool ta = flags & 1, tb = flags & 2;
        const auto a = random_vector<T>(m * k, random), b = random_vector<T>(k * n, random);
        const auto product = [&](int count) {
          const kernels::UseThreads guard(count);
          std::vector<T> c(m * n, 1);
          kernels::gemm<T>(ta, tb, m, n, k, T(-0.1), a.data(), ta ? m : k, b.data(), tb ? k : n, beta, c.data(), n);
          return c;
        };
        const auto one = product(1);
        {
          const OneProcessor guard;
          CHECK(std::memcmp(one.data(), product(3).data(), m * n * sizeof(T)) == 0);
        }
        for (int count : {2, 5, 16}) {
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          CAPTURE(flags);
          CAPTURE(beta);
          CAPTURE(count);
          CHECK(std::memcmp(one.data(), product(count).data(), m * n * sizeof(T)) == 0);
        }
      }
}

TEST_CASE("parallel_for runs every part once, on no more threads than it may use") {
  for (const int count : {1, 2, 5})
    for (const std::size_t parts : {0, 1, 3, 100, 1000}) {
      const kernels::UseThreads guard(count);
      std::vector<int> runs(parts, 0), inside(parts, 0);
      std::vector<std::thread::id> thread(parts);
      kernels::parallel_for(parts, [&](std::size_t i) {
        ++runs[i], inside[i] = kernels::threads(), thread[i] = std::this_thread::get_id();
        kernels::parallel_for(2, [&](std::size_t) { inside[i] += std::this_thread::get_id() == thread[i] ? 0 : 100; });
      });
      const std::size_t team = std::min(parts, std::size_t(count));
      CHECK(runs == std::vector<int>(parts, 1));
      CHECK(std::set(thread.begin(), thread.end()).size() <= team);
      if (team > 1) CHECK(inside == std::vector<int>(parts, 1));
    }
}

TEST_CASE("parts run at the same time, however many there are, and know their thread's number") {
  const kernels::UseThreads guard(3);
  for (const std::size_t parts : {3, 700}) {
    std::atomic<int> started[3] = {};
    std::atomic<bool> too_late = false;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    kernels::parallel_for(parts, [&](std::size_t, std::size_t thread) {
      REQUIRE(thread < 3);
      started[thread] = 1;
      while (started[0] + started[1] + started[2] < 3 && !too_late) {
        if (std::chrono::steady_clock::now() > end) too_late = true;
        std::this_thread::yield();
      }
    });
    CHECK(!too_late);
  }
}

TEST_CASE("a thread's own number of threads goes before that of the process") {
  const int process = kernels::threads();
  kernels::set_threads(3);
  CHECK(kernels::threads() == 3);
  {
    const kernels::UseThreads outer(2);
    CHECK(kernels::threads() == 2);
    {
      const kernels::UseThreads inner(0);
      CHECK(kernels::threads() == 1);
    }
    CHECK(kernels::threads() == 2);
    int elsewhere = 0;
    std::thread([&] { elsewhere = kernels::threads(); }).join();
    CHECK(elsewhere == 3);
  }
  CHECK(kernels::threads() == 3);
  kernels::set_threads(1'000'000'000);
  CHECK_EQ(kernels::threads(), kernels::most_threads);
  kernels::set_threads(process);
}

TEST_CASE_TEMPLATE("sums, maxima and minima over any axes agree with loops", T, float, double) {
  std::mt19937 random(3);
  const std::vector<std::vector<std::size_t>> shapes = {
      {},       {1},        {7},        {1000},     {128, 10},    {10, 128},        {1000, 3}, {3, 1000},
      {33, 65}, {5, 1, 40}, {3, 17, 9}, {9, 2, 70}, {2, 3, 4, 5}, {4, 9, 1, 17, 3}, {0, 4},    {4, 0}};
  for (const auto& shape : shapes) {
    const auto x = random_vector<T>(count(shape), random);
    for (std::uint32_t reduced = 0; reduced < 1u << shape.size(); ++reduced) {
      std::size_t kept = 1;
      for (std::size_t i = 0; i < shape.size(); ++i) kept *= reduced >> i & 1 ? 1 : shape[i];
      std::vector<long double> sum(kept, 0), max(kept, -INFINITY), min(kept, INFINITY);
      for (std::size_t at = 0; at < x.size(); ++at) {
        std::size_t rest = at, to = 0, step = 1;
        for (std::size_t i = shape.size(); i-- > 0; rest /= shape[i])
          if (!(reduced >> i & 1)) to += rest % shape[i] * step, step *= shape[i];
        sum[to] += x[at], max[to] = std::max<long double>(max[to], x[at]),
                          min[to] = std::min<long double>(min[to], x[at]);
      }
      std::vector<T> s(kept), a(kept), i(kept);
      kernels::sum(s.data(), x.data(), shape, reduced);
      kernels::max(a.data(), x.data(), shape, reduced);
      kernels::min(i.data(), x.data(), shape, reduced);
      CAPTURE(reduced);
      CAPTURE(shape.size());
      CAPTURE(x.size());
      for (std::size_t k = 0; k < kept; ++k) {
        CHECK(std::abs(s[k] - sum[k]) <= 20 * std::numeric_limits<T>::epsilon() * std::sqrt(double(x.size() + 1)));
        CHECK(a[k] == T(max[k]));
        CHECK(i[k] == T(min[k]));
      }
    }
  }
}

TEST_CASE("a sum of ten million tenths keeps its digits") {
  const std::vector<float> x(10'000'000, 0.1f);
  float y;
  kernels::sum(&y, x.data(), std::vector<std::size_t>{x.size()}, 1u);
  CHECK(std::abs(y / (double(x.size()) * double(0.1f)) - 1) < 1e-6);
}

TEST_CASE_TEMPLATE("maxima hand a NaN on, wherever it is", T, float, double) {
  for (std::size_t n : {1, 2, 7, 8, 33, 100})
    for (std::size_t at = 0; at < n; ++at) {
      std::vector<T> x(n, 1), y(1);
      x[at] = NAN;
      const std::vector<std::size_t> shape{n};
      kernels::max(y.data(), x.data(), shape, 1u);
      CHECK(std::isnan(y[0]));
      kernels::argmax(y.data(), x.data(), 1, n, 1);
      CHECK(y[0] == T(at));
    }
}

TEST_CASE_TEMPLATE("copies between any strides", T, float, double) {
  std::mt19937 random(4);
  const auto source = random_vector<T>(4000, random);
  const std::vector<std::size_t> shape{9, 20, 11};
  const std::vector<std::vector<std::ptrdiff_t>> layouts = {{220, 11, 1},  {1, 9, 180},    {11, 99, 1},
                                                            {0, 11, 1},    {220, 0, 1},    {20, 1, 0},
                                                            {-220, 11, 1}, {-20, -1, 180}, {0, 0, 0}};
  for (const auto& strides : layouts) {
    std::ptrdiff_t start = 0;
    for (std::size_t i = 0; i < 3; ++i)
      if (strides[i] < 0) start -= strides[i] * (std::ptrdiff_t(shape[i]) - 1);
    for (const auto& to : {layouts[0], layouts[1], layouts[2]}) {
      std::vector<T> y(count(shape));
      kernels::copy<T>({y.data(), shape, to}, {source.data() + start, shape, strides});
      bool same = true;
      for (std::ptrdiff_t i = 0; i < 9; ++i)
        for (std::ptrdiff_t j = 0; j < 20; ++j)
          for (std::ptrdiff_t k = 0; k < 11; ++k)
            same = same && y[std::size_t(i * to[0] + j * to[1] + k * to[2])] ==
                               source[std::size_t(start + i * strides[0] + j * strides[1] + k * strides[2])];
      CHECK(same);
    }
  }
}
