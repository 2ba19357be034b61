// The seed and the fault plan that the command line or the environment
// requests.
#ifndef POLLUX_TESTING_RUN_REQUEST_H_
#define POLLUX_TESTING_RUN_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pollux {

// Returns what `arguments` set `--name=` to: "--seed=7", "-seed=7" or "--seed"
// "7". The last one counts; nothing if there is none.
std::optional<std::string> FindFlag(absl::Span<const std::string> arguments,
                                    absl::string_view name);

// Returns the seed that this process was asked for by `--seed=` or, without
// that, by the environment's POLLUX_SEED. Ends the process if it is no number.
// Any thread.
std::optional<uint64_t> RequestedSeed();

// Returns the text of `--plan=` or of POLLUX_PLAN likewise.
std::optional<std::string> RequestedPlan();

}  // namespace pollux

#endif  // POLLUX_TESTING_RUN_REQUEST_H_
