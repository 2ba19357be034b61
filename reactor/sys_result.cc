#include "reactor/sys_result.h"

#include "absl/strings/str_cat.h"

namespace pollux {

absl::Status SysResult::ToStatus(absl::string_view operation) const {
  if (ok()) return absl::OkStatus();
  return absl::ErrnoToStatus(error(), operation);
}

}  // namespace pollux
