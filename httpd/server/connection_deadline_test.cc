#include "httpd/server/connection_deadline.h"

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "httpd/server/exchange_phase.h"

namespace pollux {
namespace {

using Phase = ExchangePhase;
using Deadline = ConnectionDeadline;

struct Case {
  absl::string_view name;
  Phase phase;
  ConnectionProgress progress;
  Deadline deadline;
  DeadlineRules rules = {};
};

void PrintTo(const Case& value, std::ostream* out) { *out << value.name; }

class ConnectionDeadlineTest : public testing::TestWithParam<Case> {};

TEST_P(ConnectionDeadlineTest, IsChosen) {
  const Case& row = GetParam();
  EXPECT_EQ(DeadlineFor(row.phase, row.progress, row.rules), row.deadline);
}

constexpr DeadlineRules kLimitsHandlers = {.limits_handlers = true};
constexpr DeadlineRules kWaitsForHalfClosed = {.limits_handlers = true,
                                               .limits_half_closed = false};
constexpr DeadlineRules kHandlerBeforeHalfClosed = {
    .limits_handlers = true, .handler_before_half_closed = true};
constexpr DeadlineRules kIdleBeforeWrite = {.writes_before_idle = false};

INSTANTIATE_TEST_SUITE_P(
    Rows, ConnectionDeadlineTest,
    testing::Values(
        Case{"Idle",
             Phase::kReadingHead,
             {.reads_input = true},
             Deadline::kIdle},
        Case{"InAHead",
             Phase::kReadingHead,
             {.is_in_head = true, .reads_input = true},
             Deadline::kHead},
        Case{"InAHeadWithUnsentOutput",
             Phase::kReadingHead,
             {.is_in_head = true,
              .reads_input = true,
              .has_unsent_output = true},
             Deadline::kHead},
        Case{"InAHeadWithHighOutput",
             Phase::kReadingHead,
             {.is_in_head = true,
              .is_output_high = true,
              .has_unsent_output = true},
             Deadline::kWrite},
        Case{"UnsentOutput",
             Phase::kReadingHead,
             {.reads_input = true, .has_unsent_output = true},
             Deadline::kWrite},
        Case{"UnsentOutputWhereIdleIsShorter",
             Phase::kReadingHead,
             {.reads_input = true, .has_unsent_output = true},
             Deadline::kIdle,
             kIdleBeforeWrite},
        Case{"AFinishedClientIsIdle",
             Phase::kReadingHead,
             {.reads_input = true, .has_client_finished = true},
             Deadline::kIdle},

        Case{"Body",
             Phase::kReadingBody,
             {.reads_input = true},
             Deadline::kBody},
        Case{"BodyWithUnsentOutput",
             Phase::kReadingBody,
             {.reads_input = true, .has_unsent_output = true},
             Deadline::kBody},
        Case{"BodyOfAFinishedClient",
             Phase::kReadingBody,
             {.reads_input = true, .has_client_finished = true},
             Deadline::kBody},
        Case{"BodyBehindHighOutput",
             Phase::kReadingBody,
             {.is_output_high = true, .has_unsent_output = true},
             Deadline::kWrite},
        Case{"PausedBody", Phase::kReadingBody, {}, Deadline::kNone},
        Case{"PausedBodyAndLimitedHandler",
             Phase::kReadingBody,
             {},
             Deadline::kHandler,
             kLimitsHandlers},
        Case{"PausedBodyOfAFinishedClient",
             Phase::kReadingBody,
             {.has_client_finished = true},
             Deadline::kHalfClosed,
             kLimitsHandlers},

        Case{"HeldResponse",
             Phase::kHoldingResponse,
             {.reads_input = true},
             Deadline::kBody},
        Case{"DiscardedBody",
             Phase::kDiscardingBody,
             {.reads_input = true,
              .is_output_high = true,
              .has_unsent_output = true},
             Deadline::kBody},

        Case{"StreamingEarly",
             Phase::kStreamingEarly,
             {.reads_input = true, .has_unsent_output = true},
             Deadline::kBody},
        Case{"UnreadStream",
             Phase::kStreamingEarly,
             {.is_output_high = true, .has_unsent_output = true},
             Deadline::kUnreadStream},

        Case{"Handling", Phase::kHandling, {}, Deadline::kNone},
        Case{"LimitedHandler",
             Phase::kHandling,
             {},
             Deadline::kHandler,
             kLimitsHandlers},
        Case{"HandlingWithUnsentOutput",
             Phase::kHandling,
             {.has_unsent_output = true, .has_client_finished = true},
             Deadline::kWrite},
        Case{"LimitedHandlerWithUnsentOutput",
             Phase::kHandling,
             {.has_unsent_output = true, .has_client_finished = true},
             Deadline::kHandler,
             kLimitsHandlers},
        Case{"HandlerThatIsLimitedMore",
             Phase::kHandling,
             {.has_client_finished = true},
             Deadline::kHandler,
             kHandlerBeforeHalfClosed},
        Case{"HandlingForAFinishedClient",
             Phase::kHandling,
             {.has_client_finished = true},
             Deadline::kHalfClosed},
        Case{"HandlingForAFinishedClientThatIsWaitedFor",
             Phase::kHandling,
             {.has_client_finished = true},
             Deadline::kHandler,
             kWaitsForHalfClosed},

        Case{"SilentStream",
             Phase::kStreaming,
             {},
             Deadline::kNone,
             kLimitsHandlers},
        Case{"Stream",
             Phase::kStreaming,
             {.has_unsent_output = true},
             Deadline::kWrite,
             kLimitsHandlers},
        Case{"SilentStreamToAFinishedClient",
             Phase::kStreaming,
             {.has_client_finished = true},
             Deadline::kHalfClosed},
        Case{"SilentStreamToAFinishedClientThatIsWaitedFor",
             Phase::kStreaming,
             {.has_client_finished = true},
             Deadline::kNone,
             kWaitsForHalfClosed},

        Case{"Flushing",
             Phase::kFlushing,
             {.is_output_high = true, .has_unsent_output = true},
             Deadline::kWrite},
        Case{"Lingering", Phase::kLingering, {}, Deadline::kWrite},
        Case{"Closing",
             Phase::kClosing,
             {.has_unsent_output = true},
             Deadline::kWrite},
        Case{"Closed",
             Phase::kClosed,
             {.has_unsent_output = true},
             Deadline::kNone}),
    [](const testing::TestParamInfo<Case>& info) {
      return std::string(info.param.name);
    });

}  // namespace
}  // namespace pollux
