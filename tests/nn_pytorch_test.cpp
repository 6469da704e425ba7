// Weights of PyTorch's: files as its tools write them, built by hand, and what they mean here.
#include <bit>
#include <limits>

#include "nn_support.hpp"
#include "scratch.hpp"

using autodiff::Array;
using autodiff::Shape;
using nn::Dtype;
using nn::Tensor;
using test::error_of;
using Tensors = std::map<std::string, Tensor>;
using Texts = std::map<std::string, std::string>;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

Tensor floats(const Array<float>& array) { return array; }

/// 16 bits an element.
Tensor of_bits(Dtype dtype, Shape shape, const std::vector<std::uint16_t>& bits) {
  const auto bytes = std::as_bytes(std::span(bits));
  return {dtype, std::move(shape), {bytes.begin(), bytes.end()}};
}

/// As Python's package writes it: without white space, with dtype, shape and data_offsets in this order.
void write_python(const std::filesystem::path& path, const Tensors& tensors, const std::string& metadata = "") {
  std::string header = metadata, data;
  for (const auto& [name, tensor] : tensors) {
    std::string shape;
    for (const std::size_t extent : tensor.shape()) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    header += (header.empty() ? "" : ",") + ('"' + name) + R"(":{"dtype":")" + std::string(to_string(tensor.dtype())) +
              R"(","shape":[)" + shape + R"(],"data_offsets":[)" + std::to_string(data.size());
    data.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
    header += ',' + std::to_string(data.size()) + "]}";
  }
  header = '{' + header + '}';
  const std::uint64_t length = header.size();
  write_bytes(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + data);
}

constexpr const char* pt = R"("__metadata__":{"format":"pt"})";

/// Linear, LayerNorm, BatchNorm: all of two features.
nn::Sequential<float> square() {
  return nn::Sequential<float>(nn::Linear<float>(2, 2), nn::LayerNorm<float>(2), nn::BatchNorm<float>(2));
}

/// Its state_dict() in PyTorch.
Tensors square_tensors() {
  return {{"0.weight", floats({{1, 2}, {3, 4}})},
          {"0.bias", floats({5, 6})},
          {"1.weight", floats({7, 8})},
          {"1.bias", floats({9, 10})},
          {"2.weight", floats({11, 12})},
          {"2.bias", floats({13, 14})},
          {"2.running_mean", floats({15, 16})},
          {"2.running_var", floats({17, 18})},
          {"2.num_batches_tracked", Tensor(Dtype::i64, {}, {std::byte(3), {}, {}, {}, {}, {}, {}, {}})}};
}

std::map<std::string, Array<float>> values(nn::Module<float>& model) {
  std::map<std::string, Array<float>> result;
  for (auto& listed : {model.parameters(), model.states()})
    for (auto& [name, parameter] : listed) result.emplace(name, parameter.value());
  return result;
}

}  // namespace

TEST_CASE("every F16 and BF16 is read as what it means") {
  // By counting up from 0: values above a power of two lie twice as far apart as those below.
  const struct {
    Dtype dtype;
    int fraction_bits, lowest;  // the first spacing is 2^lowest
  } formats[] = {{Dtype::f16, 10, -24}, {Dtype::bf16, 7, -133}};
  for (const auto& format : formats) {
    const auto [dtype, fraction_bits, lowest] = format;
    CAPTURE(format.lowest);
    std::vector<std::uint16_t> all(65536);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
    const Tensor tensor = of_bits(dtype, {65536}, all);
    const auto wide = tensor.as<double>();
    const auto narrow = tensor.as<float>();
    const std::size_t infinity = 0x8000 - (std::size_t{1} << fraction_bits);
    double value = 0;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < 0x8000; ++i) {
      for (const std::size_t bits : {i, i + 0x8000}) {
        const double expected = i == infinity ? HUGE_VAL : value, sign = bits == i ? 1 : -1;
        if (i > infinity)
          wrong += !std::isnan(wide(bits)) || !std::isnan(narrow(bits));
        else
          wrong += std::bit_cast<std::uint64_t>(wide(bits)) != std::bit_cast<std::uint64_t>(sign * expected) ||
                   static_cast<double>(narrow(bits)) != sign * expected;
      }
      const int exponent = std::max(static_cast<int>(i >> fraction_bits), 1);
      value += std::ldexp(1, lowest + exponent - 1);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("a state_dict of PyTorch's is read with its names and layouts, and written again") {
  const Scratch scratch;
  write_python(scratch / "theirs", square_tensors());
  auto model = square();
  const auto report = nn::load_pytorch(model, scratch / "theirs");
  CHECK(to_string(report) == R"(converted "0.weight" (transposed))");
  const auto read = values(model);
  CHECK(read == std::map<std::string, Array<float>>{{"0.weight", {{1, 3}, {2, 4}}},
                                                    {"0.bias", {5, 6}},
                                                    {"1.weight", {7, 8}},
                                                    {"1.bias", {9, 10}},
                                                    {"2.weight", {11, 12}},
                                                    {"2.bias", {13, 14}},
                                                    {"2.running_mean", {15, 16}},
                                                    {"2.running_variance", {17, 18}}});
  // y = W x + b, with the rows of PyTorch's W.
  CHECK(model[0](Array<float>{{1, 10}}).value() == Array<float>{{1 + 20 + 5, 3 + 40 + 6}});

  nn::save_pytorch(model, scratch / "ours", {.metadata = {{"epochs", "3"}}});
  const auto file = nn::load_safetensors(scratch / "ours");
  CHECK(file.metadata == Texts{{"epochs", "3"}, {"format", "pt"}, {"layout", "pytorch"}});
  auto expected = square_tensors();
  REQUIRE(file.tensors.size() == expected.size());
  for (const auto& named : file.tensors) {
    const Tensor &tensor = named.second, &theirs = expected.at(named.first);
    CAPTURE(named.first);
    CHECK(tensor.shape() == theirs.shape());
    CHECK(tensor.dtype() == theirs.dtype());
    if (named.first != "2.num_batches_tracked") CHECK(tensor.bytes() == theirs.bytes());
  }
  auto back = square();
  nn::load_pytorch(back, scratch / "ours");
  CHECK(values(back) == read);
  expected.erase("2.num_batches_tracked");  // as older versions of PyTorch have it
  nn::load_pytorch(back, expected);
  CHECK(values(back) == read);

  auto copy = model;  // layouts stay with copies
  copy = square();
  nn::load_pytorch(copy, scratch / "ours");
  CHECK(values(copy) == read);
}

TEST_CASE("a file in which weights lie otherwise is refused, and says what to call") {
  const Scratch scratch;
  const auto path = scratch / "w";
  nn::Sequential<float> model(nn::Linear<float>(2, 2));
  model.initialise(1);
  const auto before = values(model);
  const Tensors linear{{"0.weight", floats({{1, 2}, {3, 4}})}, {"0.bias", floats({5, 6})}};
  const auto error = [&](auto& of) { return error_of([&] { nn::load(of, path); }); };

  for (const char* mark : {pt, R"("__metadata__":{"layout":"pytorch"})"}) {
    write_python(path, linear, mark);
    CHECK(error(model) ==
          "[load] " + path.string() + ": holds weights as they lie in PyTorch, its metadata says: call load_pytorch");
  }
  write_python(path, linear);  // as PyTorch's save_file does
  CHECK(contains(error(model), "does not say how its square weights lie: call load_pytorch"));
  CHECK(values(model) == before);
  write_python(path, linear, R"("__metadata__":{"layout":"xtensor-autodiff"})");
  CHECK(error(model) == "no error");
  CHECK(values(model).at("0.weight") == Array<float>{{1, 2}, {3, 4}});
  CHECK(error_of([&] { nn::load_pytorch(model, path); }) ==
        "[load_pytorch] " + path.string() + ": holds weights as they lie here, its metadata says: call load");
  nn::save_safetensors(path, {{"0.weight", floats({{4, 3}, {2, 1}})}, {"0.bias", floats({0, 0})}});
  CHECK(error(model) == "no error");  // as save wrote before it said the layout
  CHECK(values(model).at("0.weight") == Array<float>{{4, 3}, {2, 1}});

  nn::Sequential<float> wide(nn::Linear<float>(3, 2), nn::Linear<float>(2, 2));
  Tensors tensors{{"0.weight", floats({{1, 2, 3}, {4, 5, 6}})},
                  {"0.bias", floats({0, 0})},
                  {"1.weight", floats({{1, 2}, {3, 4}})},
                  {"1.bias", floats({0, 0})}};
  write_python(path, tensors);
  CHECK(error(wide) == "[load] " + path.string() +
                           R"(: differs from the model: "0.weight" expected F32 (3, 2), found F32 (2, 3); )"
                           "it fits as PyTorch's: call load_pytorch");
  CHECK(error_of([&] { nn::load_pytorch(wide, path); }) == "no error");
  tensors["0.weight"] = floats({{1, 2}, {3, 4}, {5, 6}});
  write_python(path, tensors);  // the one that is not square says how the others lie
  CHECK(contains(error_of([&] { nn::load_pytorch(wide, path); }), "it fits as save lays weights: call load"));
  CHECK(error(wide) == "no error");
  CHECK(values(wide).at("1.weight") == Array<float>{{1, 2}, {3, 4}});

  nn::Sequential<float> norms(nn::LayerNorm<float>(2));  // nothing there lies otherwise
  write_python(path, {{"0.weight", floats({1, 2})}, {"0.bias", floats({3, 4})}});
  CHECK(error(norms) == "no error");
  auto with_running = square();
  write_python(path, square_tensors());
  CHECK(contains(error(with_running), "call load_pytorch"));
}

TEST_CASE("files of save say their layout, and a layout of one's own in the metadata is refused") {
  const Scratch scratch;
  auto model = square();
  model.initialise(1);
  nn::save(model, scratch / "w");
  CHECK(nn::load_safetensors(scratch / "w").metadata == Texts{{"layout", "xtensor-autodiff"}});
  CHECK(contains(error_of([&] {
                   nn::save(model, scratch / "w", {{"layout", "wide"}});
                 }),
                 "[save] the metadata must not have a \"layout\" of its own: \"wide\""));
  nn::save_pytorch(model, scratch / "w", {.metadata = nn::load_safetensors(scratch / "w").metadata});
  CHECK(nn::load_safetensors(scratch / "w").metadata == Texts{{"format", "pt"}, {"layout", "pytorch"}});
  nn::save(model, scratch / "w", nn::load_safetensors(scratch / "w").metadata);
  CHECK(to_string(nn::load(model, scratch / "w")) == "nothing missing, unexpected or converted");
  nn::Checkpoint checkpoint;
  checkpoint.put(model);
  nn::save_checkpoint(scratch / "run", checkpoint);
  auto other = square();
  nn::load(other, scratch / "run", {.prefix = "model."});
  CHECK(values(other) == values(model));
  CHECK(contains(error_of([&] { nn::load_pytorch(other, scratch / "run", {.prefix = "model."}); }), "call load"));
}

TEST_CASE("names of a file are mapped by prefix, module and parameter, both ways") {
  const Scratch scratch;
  nn::Sequential<float> model(nn::Linear<float>(2, 2), nn::Residual<float>(nn::Sequential<float>(
                                                           nn::BatchNorm<float>(2), nn::Linear<float>(2, 2))));
  const Texts names{{"0", "fc"}, {"1.inner", "block"}, {"1.inner.1", "block.out"}, {"1.inner.1.bias", "offset"}};
  Tensors tensors{{"net.fc.weight", floats({{1, 2}, {3, 4}})},
                  {"net.fc.bias", floats({5, 6})},
                  {"net.block.0.weight", floats({7, 8})},
                  {"net.block.0.bias", floats({9, 10})},
                  {"net.block.0.running_mean", floats({11, 12})},
                  {"net.block.0.running_var", floats({13, 14})},
                  {"net.block.0.num_batches_tracked", Tensor(Dtype::i64, {}, std::vector<std::byte>(8))},
                  {"net.block.out.weight", floats({{15, 16}, {17, 18}})},
                  {"net.offset", floats({19, 20})},
                  {"head.weight", floats({0, 0})}};
  nn::load_pytorch(model, tensors, {.prefix = "net.", .names = names});
  const auto read = values(model);
  CHECK(read.at("0.weight") == Array<float>{{1, 3}, {2, 4}});
  CHECK(read.at("1.inner.0.running_variance") == Array<float>{13, 14});
  CHECK(read.at("1.inner.1.weight") == Array<float>{{15, 17}, {16, 18}});
  CHECK(read.at("1.inner.1.bias") == Array<float>{19, 20});

  nn::save_pytorch(model, scratch / "w", {.prefix = "net.", .names = names});
  tensors.erase("head.weight");
  const auto written = nn::load_safetensors(scratch / "w").tensors;
  REQUIRE(written.size() == tensors.size());
  for (const auto& [name, tensor] : written) CHECK(tensor.bytes() == tensors.at(name).bytes());

  CHECK(contains(error_of([&] { nn::load_pytorch(model, tensors); }), R"(missing "0.weight" F32 (2, 2))"));
  CHECK(contains(error_of([&] {
                   nn::load_pytorch(model, tensors, {.prefix = "net.", .names = {{"3", "fc"}}});
                 }),
                 R"([load_pytorch] the model has nothing of this name, to be called "fc": "3")"));
  CHECK(contains(error_of([&] {
                   nn::save_pytorch(model, scratch / "w", {.names = {{"0", "1.inner.1"}}});
                 }),
                 R"([save_pytorch] two parameters would have one name in the file: "1.inner.1.)"));
  CHECK(values(model) == read);
}

TEST_CASE("loading that is not strict takes what fits, and says what was missing, unexpected and converted") {
  auto model = square();
  model.initialise(1);
  const auto before = values(model);
  Tensors tensors{{"0.weight", Array<double>{{1, 2}, {3, 0.1}}},
                  {"1.weight", of_bits(Dtype::f16, {2}, {0x3c00, 0xc000})},
                  {"1.bias", of_bits(Dtype::bf16, {2}, {0x3f80, 0xc000})},
                  {"head\n", floats({1, 2})}};
  const auto error = error_of([&] { nn::load_pytorch(model, tensors); });
  CHECK(contains(error, R"("0.weight" expected F32 (2, 2), found F64 (2, 2); missing "0.bias" F32 (2); )"));
  CHECK(contains(error, R"(; missing "2.running_var" F32 (2); unexpected "head?" F32 (2))"));
  CHECK(values(model) == before);

  const auto report = nn::load_pytorch(model, tensors, {.strict = false});
  CHECK(report.missing ==
        std::vector<std::string>{"0.bias", "2.weight", "2.bias", "2.running_mean", "2.running_variance"});
  CHECK(report.unexpected == std::vector<std::string>{"head\n"});
  CHECK(to_string(report) ==
        R"(missing "0.bias", "2.weight", "2.bias", "2.running_mean", "2.running_variance"; unexpected "head?"; )"
        R"(converted "0.weight" (F64 to F32, transposed), "1.weight" (F16 to F32), "1.bias" (BF16 to F32))");
  const auto after = values(model);
  CHECK(after.at("0.weight") == Array<float>{{1, 3}, {2, 0.1f}});
  CHECK(after.at("1.weight") == Array<float>{1, -2});
  CHECK(after.at("1.bias") == Array<float>{1, -2});
  CHECK(after.at("2.weight") == before.at("2.weight"));

  // Neither other shapes nor whole numbers nor what float does not hold.
  const std::pair<const char*, Tensor> wrong[] = {
      {"expected F32 (2), found F32 (3)", floats({1, 2, 3})},
      {"expected F32 (2), found I8 (2)", Tensor(Dtype::i8, {2}, std::vector<std::byte>(2))},
      {"holds numbers beyond F32", Array<double>{1, 1e39}}};
  for (const auto& [rule, tensor] : wrong) {
    tensors["1.bias"] = tensor;
    CHECK(error_of([&] { nn::load_pytorch(model, tensors, {.strict = false}); }) ==
          std::string("[load_pytorch] tensors: differs from the model: \"1.bias\" ") + rule);
    CHECK(values(model) == after);
  }
  tensors["1.bias"] = Array<double>{1, HUGE_VAL};  // is infinite, and stays so
  nn::load_pytorch(model, tensors, {.strict = false});
  CHECK(values(model).at("1.bias") == Array<float>{1, HUGE_VALF});
}

TEST_CASE("elements that the model holds exactly are converted by strict loading, too") {
  nn::Embedding<double> model(1, 2);
  const std::pair<const char*, Tensor> exact[] = {{"F16", of_bits(Dtype::f16, {1, 2}, {0x3c00, 0xc000})},
                                                  {"BF16", of_bits(Dtype::bf16, {1, 2}, {0x3f80, 0xc000})},
                                                  {"F32", floats({{1, -2}})}};
  const Scratch scratch;
  for (const auto& [type, tensor] : exact) {
    nn::save_safetensors(scratch / "w", {{"weight", tensor}});
    const std::string how = std::string("converted \"weight\" (") + type + " to F64)";
    CHECK(to_string(nn::load(model, scratch / "w")) == how);
    CHECK(to_string(nn::load_pytorch(model, scratch / "w")) == how);
    CHECK(model.weight.value() == Array<double>{{1, -2}});
  }
}

TEST_CASE("a layer of one's own says how it lies in PyTorch, in any order of axes") {
  using nn::Parameter;
  struct Layer : nn::Module<float> {
    Parameter<float> kernel{{2, 3, 4}, nn::zeros(), nn::PyTorchLayout{.name = "filter", .axes = {2, 0, 1}}};
    autodiff::Variable<float> forward(const autodiff::Variable<float>& x) override { return x; }
    void members(nn::Members<float>& m) override { m("kernel", kernel); }
  } layer;
  Array<float> filter(Shape{3, 4, 2});
  for (std::size_t i = 0; i < filter.size(); ++i) filter.data()[i] = static_cast<float>(i);
  nn::load_pytorch(layer, Tensors{{"filter", filter}});
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 4; ++k) CHECK(layer.kernel.value()(i, j, k) == filter(j, k, i));
  const Scratch scratch;
  nn::save_pytorch(layer, scratch / "w");
  CHECK(nn::load_safetensors(scratch / "w").tensors.at("filter").as<float>() == filter);
  for (const std::vector<std::size_t>& axes : {std::vector<std::size_t>{0}, {0, 0}, {1, 2}, {0, 1, 2}})
    CHECK(contains(error_of([&] {
                     Parameter<float>({2, 2}, nn::zeros(), nn::PyTorchLayout{.axes = axes});
                   }),
                   "[parameter] the axes in PyTorch must be an order of all axes: (2, 2)"));
}

TEST_CASE("pytorch: what a file says of its layout counts before any other sign") {
  const Scratch scratch;
  nn::Linear<float> model(2, 2), other(2, 2);
  model.initialise(1), other.initialise(2);
  nn::save_pytorch(model, scratch / "w.safetensors", {.metadata = {{"xtensor-autodiff", "0.2.0"}}});
  CHECK(contains(error_of([&] { nn::load(other, scratch / "w.safetensors"); }), "load_pytorch"));
  nn::load_pytorch(other, scratch / "w.safetensors");
  CHECK(other.weight.value() == model.weight.value());
}
