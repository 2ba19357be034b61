#include "testing/transcript.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_format.h"
#include "testing/fake/random.h"

namespace pollux {

void Transcript::OnSyscall(const SyscallRecord& record) {
  ++calls_by_kind_[static_cast<size_t>(record.kind)];
  if (record.kind == SyscallKind::kClockGetTime) return;
  entries_[calls_++ % entries_.size()] = {time_.Now(), record};

  Mix(static_cast<uint64_t>(record.kind));
  Mix(static_cast<uint64_t>(time_.Now().nanos()));
  Mix(static_cast<uint64_t>(record.result.value()));
  for (int64_t number : record.numbers) Mix(static_cast<uint64_t>(number));
  for (size_t at = 0; at < record.payload_bytes; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, record.payload.data() + at,
                std::min(sizeof(word), record.payload_bytes - at));
    Mix(word);
  }
}

template <typename Visit>
void Transcript::ForEachKept(Visit visit) const {
  const uint64_t kept = std::min<uint64_t>(calls_, entries_.size());
  for (uint64_t i = calls_ - kept; i < calls_; ++i) {
    visit(entries_[i % entries_.size()]);
  }
}

std::vector<SyscallRecord> Transcript::records() const {
  std::vector<SyscallRecord> records;
  ForEachKept([&](const Entry& entry) { records.push_back(entry.record); });
  return records;
}

std::string Transcript::ToString() const {
  std::string text;
  ForEachKept([&](const Entry& entry) {
    absl::StrAppendFormat(&text, "%.6f %s\n",
                          absl::ToDoubleSeconds(entry.time - start_),
                          pollux::ToString(entry.record));
  });
  return text;
}

void Transcript::Clear() {
  calls_ = 0;
  calls_by_kind_ = {};
  fingerprint_ = 0;
}

void Transcript::Mix(uint64_t value) {
  fingerprint_ = Random(fingerprint_ ^ value).Next();
}

}  // namespace pollux
