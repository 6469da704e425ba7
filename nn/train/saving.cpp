#include "saving.hpp"

#include <algorithm>
#include <cmath>
#include <nn/base/data_error.hpp>
#include <nn/base/text.hpp>
#include <nn/io/atomic_file.hpp>
#include <nn/io/safetensors.hpp>
#include <set>
#include <span>
#include <utility>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

using Texts = std::map<std::string, std::string>;
using Tensors = std::map<std::string, Tensor>;

enum class Layout { ours, pytorch };

// In the metadata.
constexpr const char* layout_name = "layout";
constexpr const char* our_layout = "xtensor-autodiff";
constexpr const char* pytorch_layout = "pytorch";
constexpr const char* checkpoint_sign = "xtensor-autodiff";

bool has(const Texts& metadata, const char* name, std::string_view text) {
  const auto found = metadata.find(name);
  return found != metadata.end() && found->second == text;
}
bool says_ours(const Texts& metadata) {
  return has(metadata, layout_name, our_layout) ||
         (metadata.contains(checkpoint_sign) && !metadata.contains(layout_name));
}
bool says_pytorch(const Texts& metadata) {
  return has(metadata, layout_name, pytorch_layout) || has(metadata, "format", "pt");
}

/// "1.inner.weight" is {"1.inner", "weight"}, and "weight" is {"", "weight"}.
std::pair<std::string, std::string> split(const std::string& name) {
  const auto dot = name.rfind('.');
  if (dot == name.npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}
std::string joined(const std::string& module, const std::string& rest) {
  return module.empty() || rest.empty() ? module + rest : module + '.' + rest;
}

/// A parameter or state of a model, as a file has it.
template <Real T>
struct Stored {
  Parameter<T>& parameter;
  std::string name;     // in the model
  std::string in_file;  // its name there
  std::string counter;  // beside it there, if it has one
  Shape shape;          // there
  std::vector<std::size_t> axes;

  std::string expected() const { return to_string(dtype_of<T>, shape); }
  /// From what lies as in the file to what lies as in the model.
  Array<T> ours(Array<T> value) const {
    if (axes.empty()) return value;
    return permute(Variable<T>(std::move(value)), std::vector<int>(axes.begin(), axes.end())).value();
  }
  Array<T> theirs(const Array<T>& value) const {
    if (axes.empty()) return value;
    std::vector<int> back(axes.size());
    for (std::size_t k = 0; k < axes.size(); ++k) back[axes[k]] = static_cast<int>(k);
    return permute(Variable<T>(value), back).value();
  }
  /// Whether it fits in both layouts, with other numbers.
  bool ambiguous() const {
    for (std::size_t k = 0; k < axes.size(); ++k)
      if (axes[k] != k && shape[k] > 1) return shape == parameter.shape();
    return false;
  }
};

/// The names of a file: those of the model as options change them.
class FileNames {
 public:
  FileNames(const std::string& prefix, const Texts& names) : prefix_(prefix), names_(names) {}

  /// Of a parameter, whose own name in its module is another in the file, unless `last` is empty.
  std::string of(const std::string& name, const std::string& last) {
    if (const auto* whole = given(name)) return prefix_ + *whole;
    return beside(name, last.empty() ? split(name).second : last);
  }
  /// Of what is called `last` in the module of a parameter; nothing if that is empty.
  std::string beside(const std::string& name, std::string last) {
    if (last.empty()) return last;
    for (std::string module = split(name).first; !module.empty();) {
      if (const auto* whole = given(module)) return prefix_ + joined(*whole, last);
      auto [outer, inner] = split(module);
      last = joined(inner, last);
      module = std::move(outer);
    }
    return prefix_ + last;
  }
  /// Throws where the model has nothing of a name that was given.
  void check(const char* caller) const {
    for (const auto& [name, there] : names_)
      if (!used_.contains(name))
        fail<ValueError>(caller, "the model has nothing of this name, to be called ", in_quotes(there), ": ",
                         in_quotes(name));
  }

 private:
  const std::string* given(const std::string& name) {
    const auto found = names_.find(name);
    if (found == names_.end()) return nullptr;
    used_.insert(name);
    return &found->second;
  }

  const std::string& prefix_;
  const Texts& names_;
  std::set<std::string> used_;
};

/// `options` are those of loading or saving.
template <Real T, class Options>
std::vector<Stored<T>> stored(Module<T>& model, Layout layout, const char* caller, const Options& options) {
  FileNames in_file(options.prefix, options.names);
  std::vector<Stored<T>> result;
  const auto add = [&](const std::vector<Named<T>>& listed) {
    for (auto& [name, parameter] : listed) {
      const PyTorchLayout there = layout == Layout::pytorch ? parameter.in_pytorch() : PyTorchLayout();
      if (there.absent) continue;
      Shape shape = parameter.shape();
      for (std::size_t k = 0; k < there.axes.size(); ++k) shape[there.axes[k]] = parameter.shape()[k];
      result.push_back({parameter, name, in_file.of(name, there.name), in_file.beside(name, there.counter),
                        std::move(shape), there.axes});
    }
  };
  add(model.parameters());
  add(model.states());
  in_file.check(caller);
  return result;
}

template <Real T>
void write(const std::vector<Stored<T>>& all, const std::filesystem::path& path, Texts metadata, const char* caller,
           const char* layout) {
  std::string& said = metadata[layout_name];  // by another file, where its metadata goes on
  if (!said.empty() && said != our_layout && said != pytorch_layout)
    fail<ValueError>(caller, "the metadata must not have a \"layout\" of its own: ", in_quotes(said));
  said = layout;
  Tensors tensors;
  for (const auto& one : all) {
    if (!tensors.emplace(one.in_file, one.theirs(one.parameter.value())).second)
      fail<ValueError>(caller, "two parameters would have one name in the file: ", in_quotes(one.in_file));
    if (!one.counter.empty()) tensors.emplace(one.counter, Tensor(Dtype::i64, {}, std::vector<std::byte>(8)));
  }
  save_safetensors(path, tensors, metadata);
}

bool is_floating(Dtype dtype) { return dtype >= Dtype::bf16; }

/// What a file's tensors give a model, if nothing differs.
template <Real T>
class Match {
 public:
  Match(std::vector<Stored<T>> all, const Tensors& tensors, const LoadOptions& options)
      : all_(std::move(all)), tensors_(tensors), options_(options) {
    std::set<std::string> known;
    for (const auto& one : all_) {
      known.insert(one.in_file);
      if (!one.counter.empty()) known.insert(one.counter);
      look_for(one);
    }
    for (const auto& [name, tensor] : tensors) {
      if (known.contains(name) || !name.starts_with(options.prefix)) continue;
      report_.unexpected.push_back(name);
      if (options.strict) differs("unexpected ", name, ' ' + to_string(tensor.dtype(), tensor.shape()));
    }
  }

  Match(const Match&) = delete;

  bool fits() const { return differences_.empty(); }
  const std::string& differences() const { return differences_; }
  /// Whether a weight was found that fits in the other layout, too, with other numbers.
  bool ambiguous() const {
    return std::ranges::any_of(found_, [](const auto& pair) { return pair.first->ambiguous(); });
  }

  /// Gives the model the values, all of them or none.
  LoadReport assign() {
    std::vector<Variable<T>> values;  // all of them, so that no lack of memory comes between
    for (const auto& [one, tensor] : found_) {
      values.emplace_back(one->ours(tensor->template as<T>()));
      if (tensor->dtype() == Dtype::f64 && beyond(*tensor))
        differs("", one->in_file, " holds numbers beyond " + std::string(to_string(dtype_of<T>)));
    }
    if (fits())
      for (std::size_t i = 0; i < values.size(); ++i) found_[i].first->parameter.assign(values[i]);
    return std::move(report_);
  }

 private:
  void look_for(const Stored<T>& one) {
    const auto found = tensors_.find(one.in_file);
    if (found == tensors_.end()) {
      report_.missing.push_back(one.name);
      if (options_.strict) differs("missing ", one.in_file, ' ' + one.expected());
      return;
    }
    const Tensor& tensor = found->second;
    if (tensor.shape() != one.shape || !readable(tensor.dtype()))
      return differs("", one.in_file,
                     " expected " + one.expected() + ", found " + to_string(tensor.dtype(), tensor.shape()));
    found_.emplace_back(&one, &tensor);
    std::string how;
    if (tensor.dtype() != dtype_of<T>)
      how = std::string(to_string(tensor.dtype())) + " to " + std::string(to_string(dtype_of<T>));
    if (!one.axes.empty()) how += how.empty() ? "transposed" : ", transposed";
    if (!how.empty()) report_.converted.push_back({one.name, how});
  }
  /// Whole numbers are no weights: what they mean stands elsewhere.
  bool readable(Dtype dtype) const {
    return is_floating(dtype) && (!options_.strict || size(dtype) <= size(dtype_of<T>));
  }
  static bool beyond(const Tensor& tensor) {
    const auto exact = tensor.as<double>();
    return std::ranges::any_of(exact, [](double x) { return std::isfinite(x) && std::isinf(static_cast<T>(x)); });
  }
  void differs(const char* how, const std::string& name, const std::string& what) {
    differences_ += (differences_.empty() ? "" : "; ") + (how + in_quotes(name)) + what;
  }

  std::vector<Stored<T>> all_;
  const Tensors& tensors_;
  const LoadOptions& options_;
  std::vector<std::pair<const Stored<T>*, const Tensor*>> found_;
  std::string differences_;
  LoadReport report_;
};

/// `advice` is for what does not fit, where it would in the other layout.
template <Real T>
LoadReport assign(Match<T>& match, const char* caller, const std::string& source, const char* advice) {
  if (!match.fits()) fail<DataError>(caller, source, ": differs from the model: ", match.differences(), advice);
  LoadReport report = match.assign();
  if (!match.fits()) fail<DataError>(caller, source, ": differs from the model: ", match.differences());
  return report;
}

template <Real T>
LoadReport from_pytorch(Module<T>& model, const Tensors& tensors, const LoadOptions& options,
                        const std::string& source) {
  Match<T> match(stored(model, Layout::pytorch, "load_pytorch", options), tensors, options);
  const Match<T> other(stored(model, Layout::ours, "load_pytorch", options), tensors, options);
  return assign(match, "load_pytorch", source, other.fits() ? "; it fits as save lays weights: call load" : "");
}

}  // namespace

template <Real T>
void save(Module<T>& model, const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) {
  write(stored(model, Layout::ours, "save", SaveOptions()), path, metadata, "save", our_layout);
}

template <Real T>
LoadReport load(Module<T>& model, const std::filesystem::path& path, const LoadOptions& options) {
  const auto file = detail::load_safetensors(path);
  const bool marked = says_ours(file.metadata);
  if (!marked && says_pytorch(file.metadata))
    fail<DataError>("load", path.string(),
                    ": holds weights as they lie in PyTorch, its metadata says: call load_pytorch");
  Match<T> match(stored(model, Layout::ours, "load", options), file.tensors, options);
  const Match<T> other(stored(model, Layout::pytorch, "load", options), file.tensors, options);
  if (match.fits() && other.fits() && other.ambiguous() && !marked && !file.offsets_first)
    fail<DataError>("load", path.string(), ": does not say how its square weights lie: call load_pytorch if PyTorch ",
                    "made them, else write \"layout\": \"", our_layout, "\" into its metadata");
  if (!match.fits() && file.metadata.contains(checkpoint_sign) && options.prefix.empty())
    fail<DataError>("load", path.string(), ": is a checkpoint: call load_checkpoint(path).restore(model)");
  return assign(match, "load", path.string(),
                other.fits() && !marked ? "; it fits as PyTorch's: call load_pytorch" : "");
}

template <Real T>
LoadReport load_pytorch(Module<T>& model, const std::filesystem::path& path, const LoadOptions& options) {
  const auto file = load_safetensors(path);
  if (says_ours(file.metadata))
    fail<DataError>("load_pytorch", path.string(), ": holds weights as they lie here, its metadata says: call load");
  return from_pytorch(model, file.tensors, options, path.string());
}

template <Real T>
LoadReport load_pytorch(Module<T>& model, const std::map<std::string, Tensor>& tensors, const LoadOptions& options) {
  return from_pytorch(model, tensors, options, "tensors");
}

template <Real T>
void save_pytorch(Module<T>& model, const std::filesystem::path& path, const SaveOptions& options) {
  Texts metadata = options.metadata;
  metadata.emplace("format", "pt");  // which some programs want to see
  write(stored(model, Layout::pytorch, "save_pytorch", options), path, metadata, "save_pytorch", pytorch_layout);
}

std::string to_string(const LoadReport& report) {
  std::string text;
  const auto list = [&text](const char* what, const auto& entries, auto&& shown) {
    if (entries.empty()) return;
    text += (text.empty() ? "" : "; ") + std::string(what);
    for (const char* before = " "; const auto& entry : entries) text += std::exchange(before, ", ") + shown(entry);
  };
  list("missing", report.missing, in_quotes);
  list("unexpected", report.unexpected, in_quotes);
  list("converted", report.converted, [](const auto& c) { return in_quotes(c.name) + " (" + c.how + ')'; });
  return text.empty() ? "nothing missing, unexpected or converted" : text;
}

void check_writable(const std::filesystem::path& path) { AtomicFile("check_writable", path); }

void write_text(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file("write_text", path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

#define NN_SAVING(T)                                                                                       \
  template void save(Module<T>&, const std::filesystem::path&, const std::map<std::string, std::string>&); \
  template LoadReport load(Module<T>&, const std::filesystem::path&, const LoadOptions&);                  \
  template LoadReport load_pytorch(Module<T>&, const std::filesystem::path&, const LoadOptions&);          \
  template LoadReport load_pytorch(Module<T>&, const std::map<std::string, Tensor>&, const LoadOptions&);  \
  template void save_pytorch(Module<T>&, const std::filesystem::path&, const SaveOptions&);
NN_SAVING(float)
NN_SAVING(double)

}  // namespace nn
