// A network that writes: an LSTM reads four of Shakespeare's sonnets letter by letter, learns which comes next, and
// goes on from a first line by itself. 7_sequence [text file]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nn/nn.hpp>
#include <set>
#include <string>

namespace {

using nn::Variable;
using Array = autodiff::Array<float>;

struct Writer : nn::Module<float> {
  nn::Embedding<float> letters;
  nn::LSTM<float> lstm;
  nn::Linear<float> next;

  Writer(std::size_t alphabet, std::size_t units) : letters(alphabet, 32), lstm(32, units), next(units, alphabet) {}
  /// Of letters (samples, time), how likely each is the next one (samples, time, letters), as logits; where states
  /// follow, those at the end follow, too.
  std::vector<Variable<float>> forward(const std::vector<Variable<float>>& inputs) override {
    auto results = inputs;
    results[0] = letters(inputs[0]);
    results = lstm(results);
    results[0] = next(results[0]);
    return results;
  }
  void members(nn::Members<float>& m) override { m("letters", letters), m("lstm", lstm), m("next", next); }
};

}  // namespace

int main(int argc, char** argv) {
  std::ifstream file(argc > 1 ? argv[1] : SONNETS);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::set<char> found(text.begin(), text.end());
  const std::string alphabet(found.begin(), found.end());
  const auto number = [&](char c) { return static_cast<float>(alphabet.find(c)); };

  constexpr std::size_t samples = 16, time = 48;
  Writer model(alphabet.size(), 128);
  model.initialise(1);
  nn::Adam<float> adam(0.005);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), {.clip_norm = 1});
  nn::Random random(2);
  float loss = 0;
  for (int i = 1; i <= 500; ++i) {
    Array x(autodiff::Shape{samples, time}), y(autodiff::Shape{samples, time});
    for (std::size_t s = 0; s < samples; ++s) {
      const std::size_t from = random.below(text.size() - time - 1);
      for (std::size_t t = 0; t < time; ++t) x(s, t) = number(text[from + t]), y(s, t) = number(text[from + t + 1]);
    }
    loss = step(x, y);
    if (i % 100 == 0) std::printf("step %d: %.2f bits a letter\n", i, loss / std::log(2.0));
  }

  std::string written = "Let me not to ";
  std::vector<Variable<float>> inputs{Variable<float>()};
  for (const auto& state : model.lstm.zero_state(1)) inputs.push_back(state);
  std::size_t read = 0;
  while (written.size() < 160) {  // what was written is read, and the most likely letter is next
    Array letters(autodiff::Shape{1, written.size() - read});
    for (float& each : letters) each = number(written[read++]);
    inputs[0] = Variable<float>(letters);
    inputs = model(inputs);
    const Array logits = inputs[0].value();
    const float* last = logits.data() + logits.size() - alphabet.size();
    written += alphabet[static_cast<std::size_t>(std::max_element(last, last + alphabet.size()) - last)];
  }
  std::printf("%s\n", written.c_str());
  const bool remembers = text.find(written.substr(0, 60)) != text.npos;
  return loss < 0.5f * std::log(2.0f) && remembers ? 0 : 1;
}
