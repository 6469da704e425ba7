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
       << bytes << " bytes in the arena (at most " << peak_bytes << " at a time; " << unplanned_bytes
       << " without planning), " << scratch_bytes << " for blocks, " << state_bytes << " of states, " << constant_bytes
       << " of constants\n"
       << instructions << " instructions\n";
  if (recomputed)
    text << recomputed << " nodes computed again rather than kept: about " << std::lround(100 * recomputed_work)
         << " % more work\n";
  if (compilations > 1) text << compilations << " compilations for several shapes\n";
  for (const auto& [what, seconds] : steps) {
    if (profiled_runs)
      text << std::setw(10) << std::fixed << std::setprecision(3) << 1e6 * seconds / static_cast<double>(profiled_runs)
           << " us";
    text << "  " << what << '\n';
  }
  return text.str();
}

}  // namespace autodiff
