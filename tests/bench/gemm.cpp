// Matrix products as the engine calls them, beside oneDNN (float alone) and Eigen called directly, over the shapes that
// models are made of. One line of JSON a shape, then the speed of ours over that of the better library in each family
// of shapes: the geometric mean and the worst.
#include <dnnl.h>
#include <omp.h>

#define EIGEN_DONT_PARALLELIZE
#include <CLI/CLI.hpp>
#include <Eigen/Core>
#include <autodiff/kernels/gemm.hpp>
#include <autodiff/kernels/threads.hpp>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "timing.hpp"

namespace {

/// c (m, n) = op(a) op(b), where form says which operand is transposed: "nn", "tn" or "nt".
struct Shape {
  const char* family;
  std::string form;
  std::size_t m, n, k;
};

/// The three products of a layer: its output, and the gradients of its weights and of its input.
void add_layer(std::vector<Shape>& to, const char* family, std::size_t rows, std::size_t in, std::size_t out) {
  to.push_back({family, "nn", rows, out, in});
  to.push_back({family, "tn", in, out, rows});
  to.push_back({family, "nt", rows, in, out});
}

std::vector<Shape> grid() {
  std::vector<Shape> shapes;
  const std::size_t layers[][3] = {{16, 10, 10},      {32, 784, 30},   {32, 30, 10},      {64, 784, 128},
                                   {64, 128, 10},     {128, 784, 512}, {128, 512, 512},   {128, 512, 10},
                                   {256, 1024, 1024}, {256, 1024, 10}, {128, 2048, 2048}, {128, 64, 64},
                                   {1000, 30, 100},   {256, 256, 256}, {512, 768, 3072}};
  for (const auto& [rows, in, out] : layers) add_layer(shapes, "mlp", rows, in, out);
  for (const std::size_t length : {64, 128, 256, 512})
    for (const std::size_t width : {32, 64, 128}) {
      shapes.push_back({"attention", "nt", length, length, width});
      shapes.push_back({"attention", "nn", length, width, length});
      shapes.push_back({"attention", "tn", length, width, length});
    }
  for (const std::size_t batch : {8, 32, 128})
    for (const std::size_t hidden : {32, 100, 128, 256, 512}) add_layer(shapes, "lstm", batch, hidden, 4 * hidden);
  const std::size_t images[][3] = {{9, 16, 784}, {144, 32, 784}, {288, 64, 196}, {576, 128, 49}, {147, 64, 3136}};
  for (const auto& [patch, filters, places] : images) {
    shapes.push_back({"im2col", "nn", filters, places, patch});
    shapes.push_back({"im2col", "nt", filters, patch, places});
    shapes.push_back({"im2col", "tn", patch, places, filters});
  }
  for (const std::size_t n : {17, 33, 65, 97, 129, 257, 389, 513})
    for (const char* form : {"nn", "tn", "nt"}) shapes.push_back({"odd", form, n, n + 2, n - 2});
  for (const std::size_t n : {32, 64, 96, 192, 384, 768, 1024}) shapes.push_back({"square", "nn", n, n, n});
  const std::size_t thin[][3] = {{2000, 10, 300}, {2000, 2, 300},  {5000, 64, 20},  {1000, 64, 1600}, {20, 3000, 64},
                                 {4, 1024, 1024}, {1024, 4, 1024}, {12, 500, 500},  {3000, 16, 16},   {16, 16, 3000},
                                 {40, 40, 4000},  {1000, 1000, 4}, {2000, 30, 2000}};
  for (const auto& [m, n, k] : thin)
    for (const char* form : {"nn", "tn", "nt"}) shapes.push_back({"thin", form, m, n, k});
  for (const auto& [in, out] : {std::pair{64, 64}, {784, 30}, {1024, 1024}, {2000, 300}})
    add_layer(shapes, "vector", 1, std::size_t(in), std::size_t(out));
  for (const auto& [m, k] : {std::pair{64, 64}, {784, 128}, {1024, 1024}, {300, 2000}})
    for (const char* form : {"nn", "tn"}) shapes.push_back({"vector", form, std::size_t(m), 1, std::size_t(k)});
  return shapes;
}

template <class T>
struct Product {
  explicit Product(const Shape& s)
      : ta(s.form[0] == 't'), tb(s.form[1] == 't'), m(s.m), n(s.n), k(s.k), a(m * k), b(k * n), c(m * n) {
    std::mt19937 random(1);
    std::uniform_real_distribution<T> uniform(-1, 1);
    for (auto* x : {&a, &b})
      for (T& v : *x) v = uniform(random);
  }
  bool ta, tb;
  std::size_t m, n, k;
  std::vector<T> a, b, c;
  std::size_t lda() const { return ta ? m : k; }
  std::size_t ldb() const { return tb ? k : n; }

  void ours() { autodiff::kernels::gemm<T>(ta, tb, m, n, k, 1, a.data(), lda(), b.data(), ldb(), 0, c.data(), n); }
  void onednn() {
    const auto size = [](std::size_t x) { return dnnl_dim_t(x); };
    if constexpr (std::is_same_v<T, float>)
      dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', size(m), size(n), size(k), 1, a.data(), size(lda()), b.data(),
                 size(ldb()), 0, c.data(), size(n));
  }
  void eigen() {
    using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using Column = Eigen::Matrix<T, Eigen::Dynamic, 1>;
    using Row = Eigen::Matrix<T, 1, Eigen::Dynamic>;
    const auto size = [](std::size_t x) { return Eigen::Index(x); };
    const Eigen::Map<const Matrix> left(a.data(), size(ta ? k : m), size(lda())),
        right(b.data(), size(tb ? n : k), size(ldb()));
    if (n == 1) {  // it has other kernels for vectors, chosen by type
      const Eigen::Map<const Column> x(b.data(), size(k));
      Eigen::Map<Column> y(c.data(), size(m));
      ta ? void(y.noalias() = left.transpose() * x) : void(y.noalias() = left * x);
    } else if (m == 1) {
      const Eigen::Map<const Row> x(a.data(), size(k));
      Eigen::Map<Row> y(c.data(), size(n));
      tb ? void(y.noalias() = x * right.transpose()) : void(y.noalias() = x * right);
    } else {
      Eigen::Map<Matrix> y(c.data(), size(m), size(n));
      if (ta)
        y.noalias() = left.transpose() * right;
      else if (tb)
        y.noalias() = left * right.transpose();
      else
        y.noalias() = left * right;
    }
  }
};

struct Speeds {
  double logarithms = 0, worst = 1e9;
  std::size_t count = 0;
  std::string worst_shape;
  void add(double speed, const std::string& shape) {
    logarithms += std::log(speed), ++count;
    if (speed < worst) worst = speed, worst_shape = shape;
  }
  void print(const std::string& type, const std::string& family) const {
    std::printf(R"({"type": "%s", "family": "%s", "shapes": %zu, "mean": %.3f, "worst": %.3f, "of": "%s"})"
                "\n",
                type.c_str(), family.c_str(), count, std::exp(logarithms / double(count)), worst, worst_shape.c_str());
  }
};

template <class T>
void measure(const std::string& type, const std::string& only, double seconds, bool quiet) {
  std::map<std::string, Speeds> families;
  for (const auto& s : grid()) {
    const std::string name = s.form + " " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
    if ((s.family + (" " + name)).find(only) == std::string::npos) continue;
    Product<T> p(s);
    std::vector<std::function<void()>> runs{[&] { p.ours(); }, [&] { p.eigen(); }};
    if (std::is_same_v<T, float>) runs.push_back([&] { p.onednn(); });
    const auto t = bench::side_by_side(runs, seconds, autodiff::kernels::threads() == 1);
    const double best = *std::min_element(t.begin() + 1, t.end()), flops = 2.0 * double(s.m * s.n * s.k);
    families[s.family].add(best / t[0], name), families["all"].add(best / t[0], name);
    if (quiet) continue;
    std::printf(R"({"type": "%s", "family": "%s", "shape": "%s", "us": %.2f, "gflops": %.1f, "eigen": %.2f, )",
                type.c_str(), s.family, name.c_str(), 1e6 * t[0], 1e-9 * flops / t[0], t[1] / t[0]);
    if (t.size() > 2) std::printf(R"("onednn": %.2f, )", t[2] / t[0]);
    std::printf("\"speed\": %.3f}\n", best / t[0]);
    std::fflush(stdout);
  }
  for (const auto& [family, speeds] : families) speeds.print(type, family);
}

}  // namespace

int main(int argc, char** argv) {
  std::string only, type;
  double seconds = 0.1;
  int threads = 1;
  bool quiet = false;
  CLI::App app("Times matrix products beside oneDNN and Eigen; JSON, one line a shape.");
  app.add_option("--only", only, "Only shapes whose family, form and sizes hold this text, such as \"mlp nt\"");
  app.add_option("--type", type, "float or double; both if not given");
  app.add_option("--threads", threads, "Of ours and of oneDNN's; Eigen has one");
  app.add_option("--seconds", seconds, "For each shape");
  app.add_flag("--quiet", quiet, "Print means and worst speeds alone");
  CLI11_PARSE(app, argc, argv);
  autodiff::kernels::set_threads(threads);
  omp_set_num_threads(threads);
  if (type != "double") measure<float>("float", only, seconds, quiet);
  if (type != "float") measure<double>("double", only, seconds, quiet);
}
