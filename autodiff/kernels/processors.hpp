// How many threads a process should use where nobody says: what its environment asks for, else the processors that it
// may use. The parts that read text are here for the tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace autodiff::kernels {

/// From 1 to most_threads: what requested_threads makes of the environment, else as many as the affinity mask of the
/// process allows and the quotas of its control groups keep busy.
int default_threads();

/// The number that AUTODIFF_NUM_THREADS asks for, else that of OMP_NUM_THREADS, of which the first of a list counts;
/// null where a variable is not set. What is no whole number from 1 upwards is passed over, as if it were not set.
std::optional<int> requested_threads(const char* autodiff, const char* omp);

/// The directories of control groups that may limit the processors of a process, its own before those around it, for
/// both versions of control groups: from the texts of /proc/self/cgroup and /proc/self/mountinfo.
std::vector<std::string> control_groups(std::string_view cgroup, std::string_view mountinfo);

/// How many threads a quota keeps busy, rounded up: "150000 100000", microseconds in each period, is 2. None for
/// "max 100000" and "-1 100000", which are no limits, and for what has not this form.
std::optional<int> quota_threads(std::string_view quota_and_period);

}  // namespace autodiff::kernels
