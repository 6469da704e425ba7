// A transformer that sorts: it reads digits, and writes them in order, one after the other, each with a look at all
// that stands in front. Trained on random ones, it sorts others without a mistake.
#include <algorithm>
#include <cstdio>
#include <nn/nn.hpp>

namespace {

using nn::Variable;
using Array = autodiff::Array<float>;

constexpr std::size_t digits = 6, alphabet = 5, width = 32;

struct Sorter : nn::Module<float> {
  nn::Embedding<float> embedding{alphabet, width};
  nn::LearnedPositions<float> positions{2 * digits, width};
  std::vector<nn::TransformerEncoderLayer<float>> blocks{
      2,
      {width, 4, {.feedforward = 4 * width, .dropout = 0, .activation = "gelu", .norm_first = true, .causal = true}}};
  nn::LayerNorm<float> norm{width};
  nn::Linear<float> next{width, alphabet};

  /// Of digits and what is written so far (samples, 2 digits - 1), logits of what is written at each place.
  Variable<float> forward(const Variable<float>& x) override {
    Variable<float> h = positions(embedding(x));
    for (auto& block : blocks) h = block(h);
    return next(norm(take_range(h, 1, digits - 1, 2 * digits - 1)));
  }
  void members(nn::Members<float>& m) override {
    m("embedding", embedding), m("positions", positions), m("blocks", blocks), m("norm", norm), m("next", next);
  }

  /// Writes, from digits (samples, digits): keys and values of what stands in front are kept, not computed again.
  Array sort(const Array& x) {
    std::vector<nn::AttentionCache<float>> caches(blocks.size());
    Array written(autodiff::Shape{x.shape(0), digits});
    Variable<float> now(x);
    for (std::size_t place = 0, at = 0; place < digits; ++place) {
      Variable<float> h = positions.from(at, embedding(now));
      at += now.shape(1);
      for (std::size_t k = 0; k < blocks.size(); ++k) h = blocks[k].next(h, caches[k]);
      now = argmax(next(norm(take_range(h, 1, -1, std::ptrdiff_t(h.shape(1))))), -1);
      for (std::size_t s = 0; s < x.shape(0); ++s) written(s, place) = now.value()(s, 0);
    }
    return written;
  }
};

struct Samples {
  Array digits, inputs, sorted;
};

Samples draw(std::size_t count, nn::Random& random) {
  Samples all{Array(autodiff::Shape{count, digits}), Array(autodiff::Shape{count, 2 * digits - 1}),
              Array(autodiff::Shape{count, digits})};
  for (std::size_t s = 0; s < count; ++s) {
    float* row = all.digits.data() + s * digits;
    std::generate_n(row, digits, [&] { return static_cast<float>(random.below(alphabet)); });
    float *sorted = all.sorted.data() + s * digits, *input = all.inputs.data() + s * (2 * digits - 1);
    std::partial_sort_copy(row, row + digits, sorted, sorted + digits);
    std::copy_n(sorted, digits - 1, std::copy_n(row, digits, input));
  }
  return all;
}

}  // namespace

int main() {
  Sorter model;
  model.initialise(1);
  nn::AdamW<float> adam(0.003);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), {.clip_norm = 1});
  nn::Random random(2);
  for (int i = 1; i <= 600; ++i) {
    if (i == 400) adam.learning_rate(0.0005);
    const auto batch = draw(128, random);
    const float loss = step(batch.inputs, batch.sorted);
    if (i % 100 == 0) std::printf("step %d: loss %.4f\n", i, loss);
  }
  const auto test = draw(1000, random);
  const Array written = model.sort(test.digits);
  std::size_t right = 0;
  for (std::size_t s = 0; s < 1000; ++s)
    right += std::equal(&written(s, 0), &written(s, 0) + digits, &test.sorted(s, 0));
  std::printf("%zu of 1000 sequences are sorted\n", right);
  return right == 1000 ? 0 : 1;
}
