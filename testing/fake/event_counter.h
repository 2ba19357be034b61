// An eventfd.
#ifndef POLLUX_TESTING_FAKE_EVENT_COUNTER_H_
#define POLLUX_TESTING_FAKE_EVENT_COUNTER_H_

#include <cstdint>

#include "testing/fake/open_file.h"

namespace pollux {

// eventfd(2). As an OpenFile: shared by its descriptors, one thread.
class EventCounter final : public OpenFile {
 public:
  enum class Mode : uint8_t { kCounter, kSemaphore };

  EventCounter(uint64_t initial, Mode mode) : count_(initial), mode_(mode) {}

  uint32_t Poll() override;
  SysResult Read(absl::Span<char> buffer) override;
  SysResult Write(absl::Span<const char> bytes) override;

 private:
  uint64_t count_;
  const Mode mode_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_EVENT_COUNTER_H_
