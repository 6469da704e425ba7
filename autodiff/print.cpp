#include "print.hpp"

#include <ostream>

#include "explain/labels.hpp"

namespace autodiff {

template <Real T>
std::ostream& operator<<(std::ostream& out, const Variable<T>& v) {
  if (!v.alive()) return out << (v.recorded() ? "a variable whose tape is gone" : "an empty variable");
  if (const auto name = v.name(); !name.empty()) out << name << ' ';
  out << to_string(Dims(v.shape()));
  return v.abstract() ? out : out << ' ' << detail::abbreviated(v.value());
}

template <Real T>
std::ostream& operator<<(std::ostream& out, const Array<T>& a) {
  return out << to_string(Dims(a.shape())) << ' ' << detail::abbreviated(a);
}

template <Real T>
void print(std::ostream& out, const Tape<T>& tape) {
  const detail::Labels<T> labels(tape);
  std::string scope;
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const auto& node = tape.node(i);
    if (auto its = tape.scope_of(i); its != scope)
      out << "# " << ((scope = std::move(its)).empty() ? "/" : scope) << '\n';
    out << "  " << labels(i) << " = ";
    if (!node.operation) {
      out << (node.constant ? "constant" : "variable");
    } else {
      out << node.operation->name();
      for (auto j : tape.inputs(i)) out << ' ' << labels(j);
      if (node.operation->results() > 1) out << "  result " << node.result;
      if (node.constant) out << "  without gradient";
    }
    out << "  " << to_string(Dims(node.value->shape()));
    if (has_elements(node.value)) out << "  " << detail::abbreviated(*node.value);
    out << '\n';
  }
}

#define AUTODIFF_PRINT(T)                                               \
  template std::ostream& operator<<(std::ostream&, const Variable<T>&); \
  template std::ostream& operator<<(std::ostream&, const Array<T>&);    \
  template void print(std::ostream&, const Tape<T>&);
AUTODIFF_PRINT(float)
AUTODIFF_PRINT(double)

}  // namespace autodiff
