#include "report.hpp"

#include <cmath>
#include <iomanip>
#include <sstream>

namespace autodiff {

std::string ProgramReport::text() const {
  std::ostringstream text;
  text << nodes << " nodes: " << folded << " folded, " << merged << " merged, " << viewed << " views, " << absorbed
       << " absorbed, " << clustered << " in " << clusters << " clusters, " << multiply_adds << " multiply-adds, "
       << in_place << " in place\n"
       << bytes << " bytes in the arena (at most " << peak_bytes << " at a time";
  if (unplanned_bytes > bytes) text << ", saved " << unplanned_bytes - bytes;  // small buffers are padded instead
  text << "), " << scratch_bytes << " for blocks, " << state_bytes << " of states, " << constant_bytes
       << " of constants\n"
       << instructions << " instructions\n";
  if (recomputed)
    text << recomputed << " nodes computed again rather than kept: about " << std::lround(100 * recomputed_work)
         << " % more work\n";
  if (compilations > 1) text << compilations << " compilations for several shapes\n";
  double all = 0;
  for (const auto& step : steps) all += step.seconds;
  text << std::fixed;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    if (profiled_runs)
      text << std::setw(10) << std::setprecision(3) << 1e6 * steps[k].seconds / static_cast<double>(profiled_runs)
           << " us" << std::setw(6) << std::setprecision(1) << (all > 0 ? 100 * steps[k].seconds / all : 0) << " %";
    if (k < costs.size())
      text << std::setprecision(0) << std::setw(12) << costs[k].bytes << " B" << std::setw(14) << costs[k].arithmetic
           << " ops";
    text << "  " << steps[k].text << '\n';
  }
  return text.str();
}

}  // namespace autodiff
