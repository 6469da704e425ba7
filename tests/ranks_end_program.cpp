// A rank that fails in a step, or makes fewer steps than the others: none of them may wait for ever. The argument says
// which; what fails is the program, and so the test.
#include <autodiff/mpi.hpp>
#include <iostream>
#include <nn/nn.hpp>
#include <string_view>

int main(int argc, char** argv) {
  using autodiff::Array, autodiff::Shape;
  autodiff::mpi::Session session(argc, argv);
  auto& ranks = *autodiff::Ranks::of_session();
  const bool fails = std::string_view(argv[1]) == "fails", last = ranks.rank() + 1 == ranks.size();
  nn::Sequential<float> model(nn::Linear<float>(2, 3));
  model.initialise(1);
  nn::Adam<float> adam;
  nn::StepOptions options;
  options.shards = 4, options.ranks = &ranks;
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), options);
  const Array<float> inputs(Shape{12, 2}, 0.5f), labels(Shape{12}, 1.f), labels_of_others(Shape{11}, 1.f);
  try {
    step(inputs, labels);
    if (fails || !last) step(inputs, fails && last ? labels_of_others : labels);
  } catch (const autodiff::Error& error) {
    std::cerr << "rank " << ranks.rank() << ": " << error.what() << std::endl;
    return 1;
  }
}
