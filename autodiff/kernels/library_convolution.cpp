#include "library_convolution.hpp"

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "one_thread.hpp"
#include "scratch.hpp"
#include "threads.hpp"

// The library computes in layouts of its own. So samples go through it in parts, which are converted in the cache;
// parts depend on the shape alone, and each is computed by one thread.

namespace autodiff::kernels {
namespace {

using dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

enum class By : std::uint8_t { result, image, kernel };

/// An array in the caller's layout and in the library's, and what converts it; nothing where they are one.
struct Array {
  memory::desc here, there;
  dnnl::reorder convert;
  bool same = true;
};

/// The code for one shape: image, kernel and result, one of which it computes.
struct Code {
  dnnl::primitive compute;
  Array image, kernel, result;
  memory::desc scratch;
};

memory::dims sizes(const Convolution& c, std::size_t first, std::size_t second, const Convolution::Lengths& space,
                   std::size_t groups = 0) {
  memory::dims all;
  if (groups > 1) all.push_back(memory::dim(groups));
  all.push_back(memory::dim(first)), all.push_back(memory::dim(second));
  for (std::size_t a = c.input[0] * c.kernel[0] == 1 ? 1 : 0; a < 3; ++a) all.push_back(memory::dim(space[a]));
  return all;
}

memory::desc dense(const memory::dims& sizes) {
  memory::dims strides(sizes.size(), 1);
  for (std::size_t i = sizes.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * sizes[i + 1];
  return {sizes, memory::data_type::f32, strides};
}

/// An array that is read, or else written.
Array array(const memory::dims& sizes, const memory::desc& there, bool reads, const dnnl::primitive_attr& attributes) {
  Array a{dense(sizes), there, {}, true};
  a.same = a.here == a.there;
  if (a.same) return a;
  const auto &from = reads ? a.here : a.there, &to = reads ? a.there : a.here;
  a.convert = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to, attributes));
  return a;
}

/// Describes, by what the result is called with, how to compute it; backwards for what `forward` describes.
template <class Primitive, class... Forward>
auto describe(const dnnl::primitive_attr& attributes, const Forward&... forward) {
  return [&](const auto&... shape) -> typename Primitive::primitive_desc {
#if DNNL_VERSION_MAJOR < 3
    return {typename Primitive::desc(shape...), attributes, engine(), forward...};
#else
    return {engine(), shape..., forward..., attributes};
#endif
  };
}

/// Of the library's codes, others than these are slower than ours.
bool is_fast(std::string_view name) { return name.starts_with("jit") || name.starts_with("brg"); }

std::shared_ptr<const Code> make(const Convolution& c, By by, bool with_bias) {
  const OneThread guard;
  const std::size_t g = c.groups;
  const memory::dims x = sizes(c, c.samples, c.channels, c.input), y = sizes(c, c.samples, c.filters, c.output),
                     k = sizes(c, c.filters / g, c.channels / g, c.kernel, g);
  memory::dims strides, gaps, front, back;
  for (std::size_t a = 5 - x.size(); a < 3; ++a) {
    strides.push_back(memory::dim(c.stride[a])), gaps.push_back(memory::dim(c.dilation[a]) - 1);
    front.push_back(memory::dim(c.front[a]));
    const auto reach = memory::dim((c.output[a] - 1) * c.stride[a] + c.dilation[a] * (c.kernel[a] - 1) + 1);
    back.push_back(std::max<memory::dim>(0, reach - memory::dim(c.front[a] + c.input[a])));
  }
  const auto any = [](const memory::dims& d) {
    return memory::desc(d, memory::data_type::f32, memory::format_tag::any);
  };
  const memory::desc bias = with_bias ? dense({memory::dim(c.filters)}) : memory::desc();
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const auto forward = describe<dnnl::convolution_forward>(attributes)(
      dnnl::prop_kind::forward_training, direct, any(x), any(k), bias, any(y), strides, gaps, front, back);
  const auto finish = [&](const auto& desc, dnnl::primitive code, const memory::desc& image, const memory::desc& kernel,
                          const memory::desc& result) -> std::shared_ptr<const Code> {
    if (!is_fast(desc.impl_info_str())) return nullptr;
    return std::make_shared<const Code>(Code{std::move(code), array(x, image, by != By::image, attributes),
                                             array(k, kernel, by != By::kernel, attributes),
                                             array(y, result, by != By::result, attributes), desc.scratchpad_desc()});
  };
  if (by == By::result)
    return finish(forward, dnnl::convolution_forward(forward), forward.src_desc(), forward.weights_desc(),
                  forward.dst_desc());
  if (by == By::image) {
    const auto desc = describe<dnnl::convolution_backward_data>(attributes, forward)(direct, any(x), any(k), any(y),
                                                                                     strides, gaps, front, back);
    return finish(desc, dnnl::convolution_backward_data(desc), desc.diff_src_desc(), desc.weights_desc(),
                  desc.diff_dst_desc());
  }
  const auto desc = describe<dnnl::convolution_backward_weights>(attributes, forward)(direct, any(x), any(k), any(y),
                                                                                      strides, gaps, front, back);
  return finish(desc, dnnl::convolution_backward_weights(desc), desc.src_desc(), desc.diff_weights_desc(),
                desc.diff_dst_desc());
}

/// The code for a shape, made once; null where the library has none that is worth its while.
std::shared_ptr<const Code> code(const Convolution& c, By by, bool with_bias = false) {
  using Key = std::array<std::size_t, 24>;
  Key key{c.samples, c.channels, c.filters, c.groups, std::size_t(by), with_bias};
  auto to = key.begin() + 6;
  for (const auto* each : {&c.input, &c.kernel, &c.output, &c.stride, &c.dilation, &c.front})
    to = std::copy(each->begin(), each->end(), to);
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const Code>> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  constexpr std::size_t most = 512;
  if (known.size() >= most) known.clear();
  std::shared_ptr<const Code> made;
  try {
    made = make(c, by, with_bias);
  } catch (const dnnl::error&) {  // no code at all
  }
  return known[key] = made;
}

memory at(const memory::desc& desc, const void* data) { return {desc, engine(), const_cast<void*>(data)}; }

/// Runs code on this thread.
class Runner {
 public:
  /// What is read, in the library's layout: converted into `scratch` where that is another.
  memory read(const Array& a, const float* data, Scratch<char>& scratch) {
    const memory here = at(a.here, data);
    if (a.same) return here;
    const memory there = at(a.there, scratch.get(a.there.get_size()));
    a.convert.execute(stream_, {{DNNL_ARG_FROM, here}, {DNNL_ARG_TO, there}});
    return there;
  }
  memory written(const Array& a, float* data, Scratch<char>& scratch) {
    return a.same ? at(a.here, data) : at(a.there, scratch.get(a.there.get_size()));
  }
  void write(const Array& a, const memory& there, float* data) {
    if (!a.same) a.convert.execute(stream_, {{DNNL_ARG_FROM, there}, {DNNL_ARG_TO, at(a.here, data)}});
  }
  void run(const Code& code, std::unordered_map<int, memory> arguments) {
    thread_local Scratch<char> scratch;
    arguments.insert({DNNL_ARG_SCRATCHPAD, at(code.scratch, scratch.get(code.scratch.get_size()))});
    code.compute.execute(stream_, arguments);
  }

 private:
  const OneThread guard_;
  dnnl::stream stream_{engine()};
};

/// Samples in equal parts, and a last one that may be smaller.
struct Parts {
  Parts(const Convolution& convolution, std::size_t most) : c(convolution), all(c.samples) {
    step = std::max<std::size_t>(1, (all + most - 1) / most);
    count = (all + step - 1) / step;
  }
  Convolution part(std::size_t samples) const {
    Convolution result = c;
    result.samples = samples;
    return result;
  }
  /// Calls f(part, first sample, code) for all of them; false, and nothing is done, where there is no code.
  template <class F>
  bool run(By by, bool with_bias, const F& f) const {
    const auto whole = code(part(step), by, with_bias);
    const auto last = all % step ? code(part(all % step), by, with_bias) : whole;
    if (!whole || !last) return false;
    parallel_for(count, [&](std::size_t i) { f(i, i * step, (i + 1) * step > all ? *last : *whole); });
    return true;
  }
  const Convolution& c;
  std::size_t all, step, count;
};

bool worth_it(const Convolution& c) {
  std::size_t work = c.samples * c.filters * (c.channels / c.groups);
  for (std::size_t a = 0; a < 3; ++a) work *= c.output[a] * c.kernel[a];
  constexpr std::size_t least = 1 << 20;  // in multiplications
  return work >= least;
}
std::size_t pixels(const Convolution::Lengths& a) { return a[0] * a[1] * a[2]; }

constexpr std::size_t most_parts = 16;

}  // namespace

bool library_convolve(float* y, const float* x, const float* kernel, const float* bias, const Convolution& c) {
  if (!worth_it(c)) return false;
  const std::size_t image = c.channels * pixels(c.input), result = c.filters * pixels(c.output);
  return Parts(c, most_parts).run(By::result, bias, [&](std::size_t, std::size_t first, const Code& code) {
    thread_local Scratch<char> of_x, of_k, of_y;
    Runner runner;
    const memory to = runner.written(code.result, y + first * result, of_y);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, runner.read(code.image, x + first * image, of_x)},
                                              {DNNL_ARG_WEIGHTS, runner.read(code.kernel, kernel, of_k)},
                                              {DNNL_ARG_DST, to}};
    if (bias) arguments.insert({DNNL_ARG_BIAS, at(dense({memory::dim(c.filters)}), bias)});
    runner.run(code, std::move(arguments));
    runner.write(code.result, to, y + first * result);
  });
}

bool library_transposed(float* x, const float* y, const float* kernel, const Convolution& c) {
  if (!worth_it(c)) return false;
  const std::size_t image = c.channels * pixels(c.input), result = c.filters * pixels(c.output);
  return Parts(c, most_parts).run(By::image, false, [&](std::size_t, std::size_t first, const Code& code) {
    thread_local Scratch<char> of_x, of_k, of_y;
    Runner runner;
    const memory to = runner.written(code.image, x + first * image, of_x);
    runner.run(code, {{DNNL_ARG_DIFF_DST, runner.read(code.result, y + first * result, of_y)},
                      {DNNL_ARG_WEIGHTS, runner.read(code.kernel, kernel, of_k)},
                      {DNNL_ARG_DIFF_SRC, to}});
    runner.write(code.image, to, x + first * image);
  });
}

bool library_kernel(float* kernel, const float* x, const float* y, const Convolution& c) {
  if (!worth_it(c)) return false;
  const std::size_t image = c.channels * pixels(c.input), result = c.filters * pixels(c.output);
  const std::size_t size = c.filters * (c.channels / c.groups) * pixels(c.kernel);
  const Parts parts(c, most_parts / 2);
  thread_local Scratch<float> scratch;
  float* const sums = scratch.get(parts.count * size);  // of each part, added up in order
  if (!parts.run(By::kernel, false, [&](std::size_t part, std::size_t first, const Code& code) {
        thread_local Scratch<char> of_x, of_k, of_y;
        Runner runner;
        const memory to = runner.written(code.kernel, sums + part * size, of_k);
        runner.run(code, {{DNNL_ARG_SRC, runner.read(code.image, x + first * image, of_x)},
                          {DNNL_ARG_DIFF_DST, runner.read(code.result, y + first * result, of_y)},
                          {DNNL_ARG_DIFF_WEIGHTS, to}});
        runner.write(code.kernel, to, sums + part * size);
      }))
    return false;
  std::copy_n(sums, size, kernel);
  for (std::size_t part = 1; part < parts.count; ++part)
    for (std::size_t i = 0; i < size; ++i) kernel[i] += sums[part * size + i];
  return true;
}

}  // namespace autodiff::kernels
